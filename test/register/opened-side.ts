// One source's vendor side as the commands open it: from a configuration, with real calls.
import { randomUUID } from 'node:crypto'
import type { SourceDefinition } from '../../src/adapter.ts'
import { readSettings } from '../../src/config/settings.ts'
import { stateText } from '../../src/register/compare.ts'
import { configuredSource } from '../../src/register/configured.ts'
import { type PlanOptions, planOf } from '../../src/register/plan.ts'
import { type VendorSide, vendorSide } from '../../src/register/vendor-side.ts'

export interface OpenedSide {
  side: VendorSide
  notes(): Promise<readonly string[]>
  /** By name: what the vendor has beside what is wanted. */
  states(): Promise<Record<string, string>>
  /** By name: what was done, or why not. */
  register(options?: Partial<PlanOptions>): Promise<Record<string, string>>
}

export function openSide(name: string, definition: SourceDefinition, { beside = false } = {}): OpenedSide {
  const configured = configuredSource(name, {
    config: { publicUrl: 'https://hooks.lender.example', sources: { [name]: definition } },
    settings: readSettings({ NODE_ENV: 'production' }),
    env: {},
  })
  const side = vendorSide({
    source: configured.source,
    registrations: configured.source.adapter.registrations!,
    publicUrl: configured.publicUrl,
    call: configured.call!,
    conceal: configured.conceal,
    uuid: randomUUID,
    beside,
  })
  const read = async () => {
    const answer = await side.read()
    if (!answer.ok) throw new Error(answer.failure.reason)
    return answer.overview
  }
  return {
    side,
    notes: async () => (await read()).notes,
    states: async () =>
      Object.fromEntries(
        // The wanted ones come first, and of two with one name the first is meant.
        (await read()).compared.toReversed().map(one => [(one.wanted ?? one.known).name, stateText(one)]),
      ),
    async register({ removeExtra = false, renew = false } = {}) {
      const outcomes = await side.apply(planOf((await read()).compared, { removeExtra, renew }))
      return Object.fromEntries(
        outcomes.map(outcome => {
          const { action, compared } = outcome.step
          return [(compared.wanted ?? compared.known!).name, outcome.done ? action : outcome.reason]
        }),
      )
    },
  }
}
