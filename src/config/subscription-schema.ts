// What the options of a subscription may be, but for where it goes: the same for the configuration file and the API.
import { z } from 'zod'
import { compileFilter } from '../delivery/filter.ts'
import type { Start, SubscriptionSpec } from '../delivery/subscription.ts'
import { rfc3339 } from '../time.ts'

const globLengthMax = 200
const globsMax = 100
const attemptsMax = 50
const dayMs = 86_400_000
const hourMs = 3_600_000

/** 0 s, 5 s, 1 min, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. */
export const scheduleDefaultMs: readonly number[] = [
  0,
  5_000,
  60_000,
  300_000,
  1_800_000,
  2 * hourMs,
  5 * hourMs,
  10 * hourMs,
  14 * hourMs,
  20 * hourMs,
  24 * hourMs,
]

/** A whole number from `min` to `max`. */
export function whole(min: number, max: number) {
  const error = ({ input }: { input: unknown }) => `expected a whole number from ${min} to ${max}, got ${shown(input)}`
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error })
}

export function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values as unknown as [Values[number], ...Values[number][]], {
    error: ({ input }) => `expected ${values.map(value => `'${value}'`).join(' or ')}, got ${shown(input)}`,
  })
}

/** What was given, as far as it is safe and short. */
export function shown(input: unknown): string {
  switch (typeof input) {
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(input)
    case 'string':
      return JSON.stringify(input.length > 40 ? `${input.slice(0, 40)}…` : input)
    default:
      return input === null ? 'null' : Array.isArray(input) ? 'a list' : `a ${typeof input}`
  }
}

export const subscriptionName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, 'expected a name of lower-case letters, digits and hyphens, at most 63 long')

/** A list of some length; Zod's own limits would also count the characters of a text in its place. */
export function list<Item extends z.ZodType>(
  item: Item,
  { of, few, max }: { of: string; few?: string; max: number },
): z.ZodType<z.output<Item>[], unknown> {
  return z
    .array(item, { error: `expected a list of ${of}` })
    .refine(given => few === undefined || given.length > 0, { error: few ?? '' })
    .refine(given => given.length <= max, { error: `expected at most ${max}` })
}

const glob = z
  .string({ error: ({ input }) => `expected a glob, got ${shown(input)}` })
  .min(1, 'expected a glob, got an empty text')
  .max(globLengthMax, `expected at most ${globLengthMax} characters`)
/** `[]` could be meant as none or as all. */
const globs = (what: string) =>
  list(glob, { of: `globs over ${what}`, few: 'expected at least one glob; leave it out for all', max: globsMax })

const filter = z
  .string({ error: ({ input }) => `expected a JMESPath expression, got ${shown(input)}` })
  .superRefine((text, context) => {
    try {
      compileFilter('', text)
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message.replace(/^: /, '') })
    }
  })

const startExpected =
  "expected 'now', 'beginning', { sequence: <number> } or { time: <RFC 3339 with its offset, 2026-01-31T12:00:00Z> }"
const start = z.custom<Start>(isStart, startExpected)

function isStart(given: unknown): given is Start {
  if (given === 'now' || given === 'beginning') return true
  if (typeof given !== 'object' || given === null || Object.keys(given).length !== 1) return false
  const { sequence, time } = given as { sequence?: unknown; time?: unknown }
  if (typeof time === 'string') {
    return /(z|[+-]\d\d:\d\d)$/i.test(time) && rfc3339(time) !== undefined && !Number.isNaN(Date.parse(time))
  }
  return Number.isSafeInteger(sequence) && (sequence as number) >= 0
}

const object = <Shape extends z.ZodRawShape>(shape: Shape, example: string) =>
  z.strictObject(shape, {
    error: issue => (issue.code === 'unrecognized_keys' ? undefined : `expected an object such as ${example}`),
  })

export const optionMembers = {
  types: globs('types').optional(),
  vendorTypes: globs("vendors' types").optional(),
  sources: globs('source names').optional(),
  filter: filter.optional(),
  concurrency: whole(1, 1_000).optional(),
  rate: object(
    { limit: whole(1, 1_000_000), intervalMs: whole(1, hourMs) },
    '{ limit: 10, intervalMs: 1000 }',
  ).optional(),
  order: oneOf(['none', 'subject']).optional(),
  onDead: oneOf(['hold', 'skip']).optional(),
  retry: object(
    {
      scheduleMs: list(whole(0, 7 * dayMs), {
        of: 'waits in milliseconds',
        few: 'expected at least one attempt',
        max: attemptsMax,
      }).optional(),
      jitter: z
        .number({ error: ({ input }) => `expected a share from 0 to 1, got ${shown(input)}` })
        .min(0, 'expected a share from 0 to 1')
        .max(1, 'expected a share from 0 to 1')
        .optional(),
    },
    '{ scheduleMs: [0, 5000], jitter: 0.2 }',
  ).optional(),
  breaker: object(
    { failures: whole(1, 1_000_000).optional(), coolDownMs: whole(1, hourMs).optional() },
    '{ failures: 10, coolDownMs: 30000 }',
  ).optional(),
  timeoutMs: whole(1, 600_000).optional(),
  include: list(z.literal('original', { error: ({ input }) => `expected 'original', got ${shown(input)}` }), {
    of: "what to include: ['original']",
    max: 1,
  }).optional(),
  skipSame: z.boolean({ error: ({ input }) => `expected true or false, got ${shown(input)}` }).optional(),
  start: start.optional(),
}

const options = z.object(optionMembers)

/** The options with their defaults. */
export function withDefaults(given: z.output<typeof options>): Omit<SubscriptionSpec, 'name' | 'origin' | 'to'> {
  return {
    types: given.types ?? [],
    vendorTypes: given.vendorTypes ?? [],
    sources: given.sources ?? [],
    filter: given.filter ?? null,
    concurrency: given.concurrency ?? 16,
    rate: given.rate ?? null,
    order: given.order ?? 'none',
    onDead: given.onDead ?? 'hold',
    retry: { scheduleMs: given.retry?.scheduleMs ?? scheduleDefaultMs, jitter: given.retry?.jitter ?? 0.2 },
    breaker: { failures: given.breaker?.failures ?? 10, coolDownMs: given.breaker?.coolDownMs ?? 30_000 },
    timeoutMs: given.timeoutMs ?? 15_000,
    include: given.include ?? [],
    skipSame: given.skipSame ?? false,
    start: given.start ?? 'now',
  }
}
