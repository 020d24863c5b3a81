// A vendor of the tests' own, whose body says what its events are: for what the core does, whichever vendor sends.
import { z } from 'zod'
import type { Adapter, Draft, SourceDefinition, SourceOptions, Unverified } from '../../src/adapter.ts'
import type { Check } from '../../src/checks/check.ts'
import { unverified } from '../../src/checks/combine.ts'

/** One draft as the body says it. */
export interface PlainEvent {
  key: string
  type?: string
  vendortype?: string
  subject?: string
  refs?: Record<string, string>
  content?: string
  soft?: string
  environment?: string
  tenant?: string
  time?: string
  data?: Record<string, unknown>
}

export interface PlainOptions extends SourceOptions {
  check?: Check | Unverified
  vendor?: string
  /** Types that it does not understand yet. */
  unknown?: readonly string[]
}

/** Its body is a JSON array of PlainEvents; anything else waits in quarantine. */
export function plain({ check = unverified('a test'), vendor = 'plain', unknown = [], ...options }: PlainOptions = {}) {
  const adapter: Adapter = {
    vendor,
    options: z.object({}),
    normalise(request) {
      const events = read(request.text)
      if (events === undefined) return { notUnderstood: 'the body is no list of events' }
      const strange = events.find(({ type }) => unknown.includes(type ?? ''))
      if (strange !== undefined) return { notUnderstood: `there is no type ${strange.type}` }
      return { drafts: events.map(draft) as [Draft, ...Draft[]] }
    },
    sampleTypes: ['plain.happened'],
    sample: () => ({ method: 'POST', rest: '', query: '', headers: {}, body: '[{"key":"1"}]' }),
    setup: url => [url],
  }
  return { adapter, check, options } satisfies SourceDefinition
}

export function plainBody(...events: PlainEvent[]): string {
  return JSON.stringify(events)
}

function read(text: string | undefined): PlainEvent[] | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return Array.isArray(value) && value.length > 0 ? (value as PlainEvent[]) : undefined
  } catch {
    return undefined
  }
}

function draft({ key, type = 'plain.happened', content, soft, refs = {}, data = {}, ...rest }: PlainEvent): Draft {
  return {
    type,
    vendortype: type,
    ...rest,
    dedupe: [key],
    soft: soft === undefined ? undefined : [soft],
    content: content === undefined ? undefined : Buffer.from(content.padEnd(32)).toString('hex'),
    data: { ...data, refs },
  }
}
