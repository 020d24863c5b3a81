// The lines that handlers write, so many a second at most: one that logs every event must not fill the gateway's log.
// Each is sent at once: what was said before a thread got stuck says why.
import type { Line } from './handler-messages.ts'

/** At once, and then each second. */
const burst = 500
const perSecond = 100

/** `send` is given what may pass; what is left out is counted, and told with the next that may. */
export function boundedLines(send: (line: Line) => void, now: () => number): (line: Line) => void {
  let allowance = burst
  let countedAt = now()
  let leftOut = 0
  return line => {
    const at = now()
    allowance = Math.min(burst, allowance + ((at - countedAt) / 1000) * perSecond)
    countedAt = at
    if (allowance < 1) {
      leftOut++
      return
    }
    allowance--
    if (leftOut > 0) send([line[0], 'warn', `${leftOut} lines of this handler were left out`, null])
    leftOut = 0
    send(line)
  }
}
