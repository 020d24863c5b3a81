// Reading query parameters: unknown ones are refused, since a misspelt filter would answer with everything.
import { z } from 'zod'
import { AppError } from '../errors.ts'
import { rfc3339 } from '../time.ts'

export const limitMax = 500

const time = z.string().transform((text, context) => {
  // With its offset: without one it would be read in the zone of whichever machine answers.
  const complete = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/.test(text)
  const milliseconds = complete ? Date.parse(rfc3339(text) ?? '') : Number.NaN
  if (!Number.isNaN(milliseconds)) return milliseconds
  context.addIssue({ code: 'custom', message: 'expected an RFC 3339 time such as 2026-01-31T12:00:00Z' })
  return z.NEVER
})
const glob = z.array(z.string().min(1).max(200, 'expected at most 200 characters')).max(20, 'expected at most 20')
const limit = z
  .string()
  .regex(/^\d{1,4}$/, `expected a number from 1 to ${limitMax}`)
  .transform(Number)
  .refine(number => number >= 1 && number <= limitMax, { error: `expected a number from 1 to ${limitMax}` })

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
  after: z
    .string()
    .regex(/^\d{1,16}$/, 'expected a sequence')
    .transform(Number)
    .refine(Number.isSafeInteger, 'expected a sequence')
    .optional(),
  order: z.enum(['newest', 'oldest'], { error: "expected 'newest' or 'oldest'" }).optional(),
  limit: limit.optional(),
  cursor: z.string().max(400).optional(),
  include: z.array(z.literal('original', { error: "expected 'original'" })).optional(),
})

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
