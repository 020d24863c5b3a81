// Subscriptions of the configuration file: every option checked, with problems that name it, and made into what the
// delivery works with. Secrets are read here and handed on; they are never in a problem.
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { AuthSpec, HttpSpec, SubscriptionSpec } from '../delivery/subscription.ts'
import type { Config, Subscription } from './config.ts'
import { ConfigError } from './config-error.ts'
import type { HttpAuth, HttpDestination, HttpTls } from './http.ts'
import { bearerProblem, headerProblem, httpInConfig, isPem, signingSecretProblem, urlProblem } from './http-schema.ts'
import { plainIssue } from './plain-issues.ts'
import type { NamedUse } from './resolve-secrets.ts'
import { Secret, type SecretLike, type SecretUse, secretUses, secretValues } from './secret.ts'
import { optionMembers, subscriptionName, whole, withDefaults } from './subscription-schema.ts'

const memoryMiBDefault = 128

const options = z.strictObject({
  ...optionMembers,
  memoryMiB: whole(16, 65_536).optional(),
  to: z.unknown(),
})

/** All that is wrong with it, each naming its option: `subscriptions.loan-book.retry.jitter: …`. */
export function subscriptionProblems(name: string, subscription: unknown): string[] {
  const at = `subscriptions.${name}`
  const named = subscriptionName.safeParse(name)
  const problems = named.success ? [] : described(named.error, at)
  const parsed = options.safeParse(subscription, { error: plainIssue })
  if (!parsed.success) problems.push(...described(parsed.error, at))
  const { to, memoryMiB } = (subscription ?? {}) as Record<string, unknown>
  if (isHandler(to)) return problems
  if (typeof to !== 'object' || to === null || (to as { kind?: unknown }).kind !== 'http') {
    problems.push(`${at}.to: expected a function, lazy(() => import(…)) or http({ url })`)
    return problems
  }
  if (memoryMiB !== undefined) problems.push(`${at}.memoryMiB: only a handler has a thread of its own`)
  const http = httpInConfig.safeParse(to, { error: plainIssue })
  problems.push(
    ...(http.success ? tlsProblems((to as HttpDestination).tls, `${at}.to.tls`) : described(http.error, `${at}.to`)),
  )
  return problems
}

/** Of a whole configuration. Throws ConfigError for what shows only now that the secrets are known. */
export function specsOf(config: Pick<Config, 'subscriptions'>): SubscriptionSpec[] {
  const problems: string[] = []
  const specs = Object.entries(config.subscriptions ?? {}).flatMap(([name, subscription]) => {
    try {
      return [specOf(name, subscription)]
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      problems.push(...error.problems)
      return []
    }
  })
  if (problems.length > 0) throw new ConfigError(problems)
  return specs
}

/** One that was checked, with its defaults, and its secrets, which must be resolved. Throws ConfigError. */
export function specOf(name: string, subscription: Subscription): SubscriptionSpec {
  const { to, memoryMiB, ...given } = options.parse(subscription)
  const spec = { name, origin: 'config' as const, ...withDefaults(given) }
  if (isHandler(to)) return { ...spec, to: { kind: 'handler', memoryMiB: memoryMiB ?? memoryMiBDefault } }
  const at = `subscriptions.${name}.to`
  const destination = to as HttpDestination
  // Where one develops, what only others can make may be missing still; without it there is nowhere to send to.
  const missing = subscriptionSecrets(subscription).filter(({ secret }) => !secret.resolved)
  if (missing.length > 0) {
    throw new ConfigError(
      missing.map(({ secret }) => `${at}: the secret ${secret.name} is not set, and cannot be made here`),
    )
  }
  const unreadable = tlsProblems(destination.tls, `${at}.tls`)
  if (unreadable.length > 0) throw new ConfigError(unreadable)
  const http = httpSpecOf(destination)
  const problems = resolvedProblems(http, at)
  if (problems.length > 0) throw new ConfigError(problems)
  return { ...spec, to: http }
}

/** The secrets of all subscriptions, for the start to resolve. */
export function subscriptionUses(config: Pick<Config, 'subscriptions'>): NamedUse[] {
  return Object.entries(config.subscriptions ?? {}).flatMap(([name, subscription]) =>
    subscriptionSecrets(subscription).map(use => ({ ...use, setting: `subscriptions.${name}` })),
  )
}

/** A signing secret can be minted where one develops; the others somebody else has given out. */
export function subscriptionSecrets({ to }: Pick<Subscription, 'to'>): SecretUse[] {
  if (isHandler(to)) return []
  const { url, secret, headers = {}, auth, tls = {}, proxy } = to as HttpDestination
  const texts = [url, proxy, ...Object.values(headers), ...authSecrets(auth), ...Object.values(tls)]
  return [
    ...(secret === undefined ? [] : secretUses(secret, 'standard-webhooks')),
    ...texts.flatMap(text => (text === undefined ? [] : secretUses(text, 'foreign'))),
  ]
}

/** A function, or one that is loaded where it runs. */
function isHandler(to: unknown): boolean {
  if (typeof to === 'function') return true
  return typeof to === 'object' && to !== null && (to as { kind?: unknown }).kind === 'lazy'
}

export function authSecrets(auth: HttpAuth | undefined): SecretLike[] {
  switch (auth?.kind) {
    case 'basic':
      return [auth.password]
    case 'bearer':
      return [auth.token]
    case 'oauth':
      return [auth.clientSecret]
    default:
      return []
  }
}

function httpSpecOf({
  kind,
  url,
  secret,
  format,
  headers = {},
  auth,
  tls,
  proxy,
  deadOn,
  ...timeouts
}: HttpDestination) {
  return {
    kind,
    url: text(url),
    format: format ?? 'cloudevent',
    secrets: secret === undefined ? [] : secretValues(secret),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, text(value)])),
    ...(auth === undefined ? {} : { auth: authSpecOf(auth) }),
    ...(tls === undefined
      ? {}
      : { tls: Object.fromEntries(Object.entries(tls).map(([name, value]) => [name, readPem(value)])) }),
    ...(proxy === undefined ? {} : { proxy: text(proxy) }),
    deadOn: deadOn ?? [],
    ...withHttpDefaults(timeouts),
  } satisfies HttpSpec
}

type HttpTimeouts = Pick<HttpSpec, 'connectTimeoutMs' | 'headersTimeoutMs' | 'bodyTimeoutMs'>

/** The time limits within an attempt's. */
export function withHttpDefaults(given: { [Name in keyof HttpTimeouts]?: number | undefined }): HttpTimeouts {
  return {
    connectTimeoutMs: given.connectTimeoutMs ?? 5_000,
    headersTimeoutMs: given.headersTimeoutMs ?? 10_000,
    bodyTimeoutMs: given.bodyTimeoutMs ?? 10_000,
  }
}

/** With its secrets, which must be resolved. */
export function authSpecOf(auth: HttpAuth): AuthSpec {
  switch (auth.kind) {
    case 'basic':
      return { ...auth, password: text(auth.password) }
    case 'bearer':
      return { ...auth, token: text(auth.token) }
    case 'oauth':
      return { ...auth, scopes: auth.scopes ?? [], clientSecret: text(auth.clientSecret) }
  }
}

/** The newest value: a previous one is of no use to who sends it. */
function text(like: string | Secret): string {
  return secretValues(like)[0] ?? ''
}

/** PEM text as it is, else what the file of that path holds. */
function readPem(like: string | Secret): string {
  const given = text(like)
  return isPem(given) ? given : readFileSync(given, 'utf8')
}

/** Of what is known so far: a secret is read once it is resolved. */
function tlsProblems(tls: HttpTls | undefined, at: string): string[] {
  return Object.entries(tls ?? {}).flatMap(([name, given]) => {
    const known = typeof given === 'string' || (given instanceof Secret && given.resolved)
    const problem = known ? pemProblem(given) : undefined
    return problem === undefined ? [] : [`${at}.${name}: ${problem}`]
  })
}

function pemProblem(given: string | Secret): string | undefined {
  try {
    return isPem(readPem(given)) ? undefined : 'expected PEM text, and this file holds something else'
  } catch (error) {
    // Not what was given: it could be a key with its first line missing.
    return `expected PEM text, or the path of a file that can be read (${(error as NodeJS.ErrnoException).code})`
  }
}

/** What could not be seen before the secrets were there. */
function resolvedProblems({ url, secrets, headers, proxy, auth }: HttpSpec, at: string): string[] {
  const found: [option: string, problem: string | undefined][] = [
    ['url', urlProblem(url)],
    ['proxy', proxy === undefined ? undefined : urlProblem(proxy, { credentials: true })],
    ['auth.token', auth?.kind === 'bearer' ? bearerProblem(auth.token) : undefined],
    ...secrets.map((secret): [string, string | undefined] => ['secret', signingSecretProblem(secret)]),
    ...Object.entries(headers).map(([name, value]): [string, string | undefined] => [
      `headers.${name}`,
      headerProblem(value),
    ]),
  ]
  return found.flatMap(([option, problem]) => (problem === undefined ? [] : [`${at}.${option}: ${problem}`]))
}

function described(error: z.ZodError, at: string): string[] {
  return error.issues.flatMap(issue => {
    const path = [at, ...issue.path].map(String)
    return issue.code === 'unrecognized_keys'
      ? issue.keys.map(key => `${[...path, key].join('.')}: there is no such option`)
      : [`${path.join('.')}: ${issue.message}`]
  })
}
