// Whoever sends something once more is told where it will not arrive yet: else one waits for it in silence.
import type { Subscription } from '../client/api-types.ts'
import type { GatewayApi } from './gateway-api.ts'
import { shownTime } from './listing.ts'
import { plainText } from './text.ts'

/** On standard error, a line for each subscription that nothing is sent to. Never throws: it is no more than a hint. */
export async function tellHeld(api: GatewayApi, names: Iterable<string | null | undefined>): Promise<void> {
  for (const name of new Set(names)) {
    if (typeof name !== 'string') continue
    // Whose token is limited to sources may not look.
    const asked = api.get(`/subscriptions/${encodeURIComponent(name)}`)
    const why = await asked.then(answer => holds(answer.json())).catch(() => undefined)
    if (why === undefined) continue
    const how = `postern subscriptions resume ${name}`
    process.stderr.write(`${plainText(`nothing is sent to ${name}: ${why} (${how})`)}\n`)
  }
}

function holds({ paused, breaker }: Partial<Subscription>): string | undefined {
  if (paused) return paused.by === 'gone' ? 'it has answered 410, and is paused' : 'it is paused'
  const until = breaker?.state === 'open' ? breaker.until : null
  if (until === null || Date.parse(until) <= Date.now()) return undefined
  return `its breaker is open until ${shownTime(until)}`
}
