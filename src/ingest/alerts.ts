// What of receiving is worth telling people: a burst of rejections, a body that was too large, and what waits in
// quarantine. It looks on: nothing that it does can change or delay an answer.
import type { Clock } from '../clock.ts'
import type { Announcer } from '../own-events.ts'

export interface Alerts {
  /** A request of this source was refused with this HTTP status. */
  rejected(source: string, status: number): void
  /** A request that was not there before waits in quarantine. `request`: its `req_…`. */
  quarantined(source: string, request: string, reason: string): void
}

export interface AlertsParts {
  announcer: Pick<Announcer, 'announce'>
  clock: Clock
  /** Rejections of a source within a minute that are nothing to speak of. Default 20. */
  rejectionsAMinuteMax?: number
}

const rejectionsAMinuteMaxDefault = 20
const minuteMs = 60_000

export function alerts({ announcer, clock, rejectionsAMinuteMax }: AlertsParts): Alerts {
  const quietMax = rejectionsAMinuteMax ?? rejectionsAMinuteMaxDefault
  const minutes = new Map<string, { since: number; count: number }>()

  /** How many that have not been told of are told of now: none as long as there are few, then all. */
  function spike(source: string): number {
    const now = clock.now()
    let minute = minutes.get(source)
    // A clock that was put back begins a minute too.
    if (minute === undefined || now - minute.since >= minuteMs || now < minute.since) {
      minute = { since: now, count: 0 }
      minutes.set(source, minute)
    }
    minute.count++
    if (minute.count <= quietMax) return 0
    return minute.count === quietMax + 1 ? minute.count : 1
  }

  return {
    rejected(source, httpStatus) {
      const refs = { source }
      // One is enough: what is not read whole may have been genuine.
      if (httpStatus === 413) {
        const data = { refs, cause: 'body_too_large', httpStatus } as const
        announcer.announce('postern.rejections.spiked', `${source}/body_too_large`, data)
        return
      }
      const times = spike(source)
      if (times === 0) return
      announcer.announce('postern.rejections.spiked', source, { refs, cause: 'check_failed', httpStatus }, { times })
    },
    quarantined(source, request, reason) {
      announcer.announce('postern.quarantine.grown', source, { refs: { source, request }, reason })
    },
  }
}
