// Reading query parameters: unknown ones are refused, since a misspelt filter would answer with everything.
import { z } from '@hono/zod-openapi'
import { plainIssue } from '../config/plain-issues.ts'
import { AppError } from '../errors.ts'
import { deliveryStates } from '../store/deliveries.ts'
import { questionLengthMax, questionProblem } from '../store/search/question.ts'
import { rfc3339 } from '../time.ts'

export const limitMax = 500
export const limitDefault = 50
const waitMaxSeconds = 60

const rfc3339Pattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?)(\d*)(Z|[+-]\d\d:\d\d)$/i
/** In milliseconds since the epoch. */
export const time = z
  .string()
  .transform((text, context) => {
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
  .meta({ type: 'string', format: 'date-time' })
const globs = (what: string, example: string) =>
  z
    .array(z.string().min(1).max(200, 'expected at most 200 characters'))
    .max(20, 'expected at most 20')
    .meta({ description: `globs over ${what}; any of them may match. \`*\` stands for any text`, example: [example] })
const limit = z
  .string()
  .regex(/^\d{1,4}$/, `expected a number from 1 to ${limitMax}`)
  .transform(Number)
  .refine(number => number >= 1 && number <= limitMax, { error: `expected a number from 1 to ${limitMax}` })
  .meta({ type: 'integer', minimum: 1, maximum: limitMax, default: limitDefault })
const cursor = z.string().max(400).meta({ description: 'the `next` of the page before, with the same filters' })

/** A position in the log. */
export const sequence = z
  .string()
  .regex(/^\d{1,16}$/, 'expected a sequence')
  .transform(Number)
  .refine(Number.isSafeInteger, 'expected a sequence')

export const subjectParameter = z
  .string()
  .max(1100)
  .regex(/^[^/]+\/.+$/, 'expected kind/id, such as loan/K0Z1Q')
  .meta({ description: 'a business object as kind/id, to the letter', example: 'loan/K0Z1Q' })

const words = z
  .string()
  .superRefine((q, context) => {
    const problem = questionProblem(q)
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
  })
  .meta({
    maxLength: questionLengthMax,
    description:
      'words, "phrases" and beginnings (`word*`), all of which are in what is found: in identifiers, types, the names and ' +
      'texts of `data`, and in payloads where their source says so',
    example: 'K0Z1Q "status changed"',
  })

export const eventListParameters = z.strictObject({
  source: globs('sources', 'loan-portal').optional(),
  vendor: globs('vendors', 'acme').optional(),
  type: globs('types; our own events only where one names them (`postern.*`)', 'loan.*').optional(),
  vendorType: globs("vendors' types", 'loan_request.*').optional(),
  subject: subjectParameter.optional(),
  ref: z
    .array(
      z
        .string()
        .max(1100)
        .regex(/^[^:]+:.+$/, 'expected kind:id, such as loan:K0Z1Q'),
    )
    .max(10, 'expected at most 10')
    .meta({ description: 'identifiers as kind:id; all must be there', example: ['loan:K0Z1Q'] })
    .optional(),
  receivedAfter: time.meta({ description: 'received at that time or after' }).optional(),
  receivedBefore: time.meta({ description: 'received before that time' }).optional(),
  q: words.optional(),
  after: sequence
    .meta({
      description: 'a position: what comes behind it, ascending; 0 for all there is',
      example: '0000000000000042',
    })
    .optional(),
  wait: z
    .string()
    .regex(/^\d{1,2}$/, `expected a number of seconds from 0 to ${waitMaxSeconds}`)
    .transform(Number)
    .refine(seconds => seconds <= waitMaxSeconds, {
      error: `expected a number of seconds from 0 to ${waitMaxSeconds}`,
    })
    .meta({
      type: 'integer',
      minimum: 0,
      maximum: waitMaxSeconds,
      description: 'beside `after`: seconds to wait for news where there is none',
    })
    .optional(),
  order: z
    .enum(['newest', 'oldest'], { error: "expected 'newest' or 'oldest'" })
    .meta({ description: 'which come first; default newest' })
    .optional(),
  limit: limit.optional(),
  cursor: cursor.optional(),
  include: z
    .array(z.literal('original', { error: "expected 'original'" }))
    .meta({ description: "`original`: the vendor's own content as `data.original`; takes the scope `raw`" })
    .optional(),
})

/** Not by words: what can be searched comes later than what is committed. */
export const eventStreamParameters = eventListParameters.omit({
  q: true,
  order: true,
  limit: true,
  cursor: true,
  wait: true,
})
export const eventParameters = eventListParameters.pick({ include: true })
export const pageParameters = z.strictObject({
  source: z.string().min(1, 'expected a name').max(63).meta({ description: 'of this source alone' }).optional(),
  limit: limit.optional(),
  cursor: cursor.optional(),
})
export const deliveryListParameters = z.strictObject({
  subscription: z.string().max(63).meta({ description: 'its name' }).optional(),
  state: z.enum(deliveryStates, { error: `expected one of ${deliveryStates.join(', ')}` }).optional(),
  limit: limit.optional(),
  cursor: cursor.optional(),
})
export const noParameters = z.strictObject({})

/** Throws AppError `bad_request` that names the parameter. */
export function readParameters<Schema extends z.ZodObject>(schema: Schema, url: string): z.infer<Schema> {
  const search = new URL(url).searchParams
  const values: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>
  for (const name of new Set(search.keys())) {
    const all = search.getAll(name)
    if (isList(schema, name)) values[name] = all
    else if (all.length > 1) throw badParameter(name, 'expected it once')
    else values[name] = all[0]!
  }
  const parsed = schema.safeParse({ ...values }, { error: plainIssue })
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.flatMap(issue =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map(parameter => ({ parameter, detail: 'there is no such parameter' }))
      : [{ parameter: String(issue.path[0] ?? ''), detail: issue.message }],
  )
  throw new AppError('bad_request', `the parameter ${errors[0]?.parameter} is wrong: ${errors[0]?.detail}`, { errors })
}

/** Whether a parameter may come several times; all others come once. */
function isList({ shape }: z.ZodObject, name: string): boolean {
  let schema: unknown = Object.hasOwn(shape, name) ? shape[name] : undefined
  while (schema instanceof z.ZodOptional) schema = schema.unwrap()
  return schema instanceof z.ZodArray
}

export function badParameter(parameter: string, detail: string): AppError {
  return new AppError('bad_request', `the parameter ${parameter} is wrong: ${detail}`, {
    errors: [{ parameter, detail }],
  })
}
