// Reading query parameters: unknown ones are refused, since a misspelt filter would answer with everything.
import { z } from 'zod'
import { AppError } from '../errors.ts'
import { deliveryStates } from '../store/deliveries.ts'
import { rfc3339 } from '../time.ts'

export const limitMax = 500
export const limitDefault = 50
const waitMaxSeconds = 60

const rfc3339Pattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?)(\d*)(Z|[+-]\d\d:\d\d)$/i
const time = z.string().transform((text, context) => {
  const [, whole = '', finer = '', offset = ''] = rfc3339Pattern.exec(text) ?? []
  // It knows the days of each month; Date.parse takes the 30th of February for the 2nd of March.
  const time = rfc3339(whole + offset) === undefined ? Number.NaN : Date.parse((whole + offset).toUpperCase())
  if (Number.isNaN(time)) {
    const message = 'expected an RFC 3339 time such as 2026-01-31T12:00:00Z; a + in a URL is written %2B'
    context.issues.push({ code: 'custom', message, input: text })
    return z.NEVER
  }
  // Receipts are in whole milliseconds: what is finer moves either bound to the next one.
  return /[1-9]/.test(finer) ? time + 1 : time
})
const glob = z.array(z.string().min(1).max(200, 'expected at most 200 characters')).max(20, 'expected at most 20')
const limit = z
  .string()
  .regex(/^\d{1,4}$/, `expected a number from 1 to ${limitMax}`)
  .transform(Number)
  .refine(number => number >= 1 && number <= limitMax, { error: `expected a number from 1 to ${limitMax}` })

/** A position in the log. */
export const sequence = z
  .string()
  .regex(/^\d{1,16}$/, 'expected a sequence')
  .transform(Number)
  .refine(Number.isSafeInteger, 'expected a sequence')

/** Parameters that may come several times; all others come once. */
const lists = new Set(['source', 'vendor', 'type', 'vendorType', 'ref', 'include'])

export const eventListParameters = z.strictObject({
  source: glob.optional(),
  vendor: glob.optional(),
  type: glob.optional(),
  vendorType: glob.optional(),
  subject: z
    .string()
    .max(1100)
    .regex(/^[^/]+\/.+$/, 'expected kind/id, such as loan/K0Z1Q')
    .optional(),
  ref: z
    .array(
      z
        .string()
        .max(1100)
        .regex(/^[^:]+:.+$/, 'expected kind:id, such as loan:K0Z1Q'),
    )
    .max(10, 'expected at most 10')
    .optional(),
  receivedAfter: time.optional(),
  receivedBefore: time.optional(),
  after: sequence.optional(),
  wait: z
    .string()
    .regex(/^\d{1,2}$/, `expected a number of seconds from 0 to ${waitMaxSeconds}`)
    .transform(Number)
    .refine(seconds => seconds <= waitMaxSeconds, {
      error: `expected a number of seconds from 0 to ${waitMaxSeconds}`,
    })
    .optional(),
  order: z.enum(['newest', 'oldest'], { error: "expected 'newest' or 'oldest'" }).optional(),
  limit: limit.optional(),
  cursor: z.string().max(400).optional(),
  include: z.array(z.literal('original', { error: "expected 'original'" })).optional(),
})

export const eventStreamParameters = eventListParameters.omit({ order: true, limit: true, cursor: true, wait: true })
export const eventParameters = eventListParameters.pick({ include: true })
export const pageParameters = z.strictObject({
  source: z
    .array(z.string().max(63))
    .max(1, 'expected it once')
    .transform(([name]) => name)
    .optional(),
  limit: limit.optional(),
  cursor: z.string().max(400).optional(),
})
export const deliveryListParameters = z.strictObject({
  subscription: z.string().max(63).optional(),
  state: z.enum(deliveryStates, { error: `expected one of ${deliveryStates.join(', ')}` }).optional(),
  limit: limit.optional(),
  cursor: z.string().max(400).optional(),
})
export const noParameters = z.strictObject({})

/** Throws AppError `bad_request` that names the parameter. */
export function readParameters<Schema extends z.ZodType>(schema: Schema, url: string): z.infer<Schema> {
  const search = new URL(url).searchParams
  const values: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>
  for (const name of new Set(search.keys())) {
    const all = search.getAll(name)
    if (lists.has(name)) values[name] = all
    else if (all.length > 1) throw badParameter(name, 'expected it once')
    else values[name] = all[0]!
  }
  const parsed = schema.safeParse({ ...values })
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.flatMap(issue =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map(parameter => ({ parameter, detail: 'there is no such parameter' }))
      : [{ parameter: String(issue.path[0] ?? ''), detail: issue.message }],
  )
  throw new AppError('bad_request', `the parameter ${errors[0]?.parameter} is wrong: ${errors[0]?.detail}`, { errors })
}

export function badParameter(parameter: string, detail: string): AppError {
  return new AppError('bad_request', `the parameter ${parameter} is wrong: ${detail}`, {
    errors: [{ parameter, detail }],
  })
}
