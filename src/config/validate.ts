// Checking a configuration at start: every problem is found at once and names its setting.
import { ZodObject, z } from 'zod'
import type { SourceDefinition } from '../adapter.ts'
import type { Check } from '../checks/check.ts'
import { parseNetwork } from '../checks/ip-allowlist.ts'
import type { Config } from './config.ts'
import { ConfigError } from './config-error.ts'
import { plainIssue } from './plain-issues.ts'
import { subscriptionProblems } from './subscriptions.ts'
import { vendorApiOptions } from './vendor-api.ts'

const positive = z.number().int().positive()
const timezone = z.string().refine(
  name => {
    try {
      new Intl.DateTimeFormat('en', { timeZone: name })
      return true
    } catch {
      return false
    }
  },
  { error: 'expected an IANA time zone such as Europe/Berlin' },
)

const sourceName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, 'expected a name of lower-case letters, digits and hyphens, at most 63 long')
  // Our own events come from there.
  .refine(name => name !== 'postern', { error: 'postern is reserved, choose another name' })

/** It becomes part of every event's envelope. */
const plainText = z
  .string()
  .min(1)
  .regex(/^\P{Cc}*$/u, 'expected text without control characters')

const commonOptions = z.object({
  environment: plainText.optional(),
  timezone: timezone.optional(),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'expected an ISO 4217 code such as EUR')
    .optional(),
  namespace: plainText.optional(),
  formerly: sourceName.optional(),
  bodyBytesMax: positive.max(1024 * 1024 * 1024).optional(),
  redact: z
    .array(z.string().regex(/^[^.]+(\.[^.]+)*$/, 'expected a dotted path such as data.metadata.token'))
    .optional(),
  search: z.literal('payload').optional(),
  retentionDays: z.number().positive().optional(),
  api: vendorApiOptions.optional(),
})

const network = z.string().refine(
  text => {
    try {
      return parseNetwork(text) !== undefined
    } catch {
      return false
    }
  },
  { error: 'expected an address or network such as 10.0.0.0/8' },
)

const topLevel = z.strictObject({
  publicUrl: z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }).optional(),
  trustProxy: z
    .union([z.literal('fly'), z.array(network)], { error: "expected 'fly' or a list of networks" })
    .optional(),
  sources: z.record(
    z.string(),
    z.custom<SourceDefinition>(isSource, 'expected a source, such as banclo({ check: … })'),
  ),
  subscriptions: z.record(z.string(), z.unknown()).optional(),
  revision: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  retentionDays: z.number().positive().optional(),
  egress: z.strictObject({ allow: z.array(network).optional() }).optional(),
  limits: z
    .strictObject({
      bodyBytesInFlightMax: positive.optional(),
      rejectionsMax: positive.optional(),
      rejectionBytesMax: positive.optional(),
      headersTimeoutMs: positive.optional(),
      requestTimeoutMs: positive.optional(),
      leaseMs: z.int().min(1_000).optional(),
    })
    .optional(),
})

const said = { error: plainIssue }

/** Throws ConfigError with every problem. */
export function validateConfig(config: Config): void {
  const parsed = topLevel.safeParse(config, said)
  const problems = parsed.success ? [] : described(parsed.error, [])
  const sources = Object.entries(config?.sources ?? {}).filter(([, source]) => isSource(source))
  problems.push(...sources.flatMap(([name, source]) => sourceProblems(name, source, sources)))
  const { subscriptions } = config ?? {}
  if (typeof subscriptions === 'object' && subscriptions !== null && !Array.isArray(subscriptions)) {
    problems.push(...Object.entries(subscriptions).flatMap(entry => subscriptionProblems(...entry)))
  }
  if (parsed.success && sources.length === 0) problems.push('sources: expected at least one source')
  if (problems.length > 0) throw new ConfigError(problems)
}

function isSource(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'adapter' in value && 'options' in value
}

function sourceProblems(
  name: string,
  { adapter, check, options }: SourceDefinition,
  sources: readonly (readonly [name: string, source: SourceDefinition])[],
): string[] {
  const at = `sources.${name}`
  const problems: string[] = []
  const named = sourceName.safeParse(name)
  if (!named.success) problems.push(...described(named.error, [at]))
  if (check === undefined || check === null) {
    problems.push(
      `${at}.check: this source takes requests that nobody has checked. Give it a check, or say unverified('why')`,
    )
  } else if (typeof check !== 'object' || (check.kind !== 'unverified' && !('verify' in check))) {
    problems.push(`${at}.check: expected a check such as hmac({ … }), got ${typeof check}`)
  } else if ('verify' in check) {
    for (const vendor of new Set(vendorsOf(check as Check<string>))) {
      if (vendor === adapter.vendor) continue
      problems.push(`${at}.check: this is a check of ${vendor}'s, and the source is ${adapter.vendor}'s`)
    }
  }
  const own = Object.fromEntries(Object.entries(options).filter(([key]) => !(key in commonOptions.shape)))
  const common = Object.fromEntries(Object.entries(options).filter(([key]) => key in commonOptions.shape))
  const schema = adapter.options instanceof ZodObject ? adapter.options.strict() : adapter.options
  for (const result of [commonOptions.safeParse(common, said), schema.safeParse(own, said)]) {
    if (!result.success) problems.push(...described(result.error, [at]))
  }
  const others = sources.filter(([other]) => other !== name)
  if (
    options.formerly !== undefined &&
    others.some(([other, { options: theirs }]) => other === options.formerly || theirs.formerly === options.formerly)
  ) {
    problems.push(`${at}.formerly: ${options.formerly} is another source`)
  }
  return problems
}

/** Whose checks it is made of: a combined one may hide another vendor's behind the right one. */
function vendorsOf({ forVendor, parts }: Check<string>): string[] {
  if (parts !== undefined) return parts.checks.flatMap(vendorsOf)
  return forVendor === undefined ? [] : [forVendor]
}

function described(error: z.ZodError, at: readonly PropertyKey[]): string[] {
  return error.issues.map(issue => `${[...at, ...issue.path].map(String).join('.') || 'config'}: ${issue.message}`)
}
