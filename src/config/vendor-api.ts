// A source's `api`: how handlers call back the vendor that an event came from. Checked at start, its secrets resolved
// with all others, and handed to the delivery as plain data.
import { z } from 'zod'
import type { ApiOptions, SourceDefinition } from '../adapter.ts'
import type { ApiSpec, VendorApiSpec } from '../delivery/vendor-api.ts'
import type { Config } from './config.ts'
import type { HttpAuth } from './http.ts'
import { httpInConfig, urlProblem } from './http-schema.ts'
import { type SecretUse, secretUses } from './secret.ts'
import { authSecrets, authSpecOf } from './subscriptions.ts'

const timeoutMsDefault = 10_000

const baseUrl = z.string({ error: 'expected an http or https URL' }).superRefine((text, context) => {
  const problem = urlProblem(text) ?? (text.includes('?') ? 'expected a URL without a query' : undefined)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
})
const auth = httpInConfig.shape.auth

/** The schema of the option. */
export const vendorApiOptions = z
  .strictObject(
    {
      baseUrl: baseUrl.optional(),
      auth,
      instances: z.record(z.string().min(1), z.strictObject({ baseUrl, auth })).optional(),
      timeoutMs: z.number().int().min(1).max(600_000).optional(),
    },
    {
      error: issue => (issue.code === 'unrecognized_keys' ? undefined : 'expected an object such as { baseUrl, auth }'),
    },
  )
  .superRefine(({ baseUrl, auth, instances = {} }, context) => {
    const say = (path: PropertyKey[], message: string) => context.addIssue({ code: 'custom', path, message })
    const names = Object.keys(instances)
    if (baseUrl === undefined && names.length === 0) say(['baseUrl'], 'expected the URL that the API is below')
    const credentials = "expected its credentials, such as { kind: 'oauth', tokenUrl, clientId, clientSecret }"
    if (baseUrl !== undefined && auth === undefined) say(['auth'], credentials)
    for (const name of names) {
      if (auth === undefined && instances[name]?.auth === undefined) say(['instances', name, 'auth'], credentials)
    }
  })

/** The secrets of a source's `api`, for the start to resolve. Others have made them: a missing one is not minted. */
export function apiSecrets({ options }: SourceDefinition): SecretUse[] {
  return authsOf(options.api)
    .flatMap(authSecrets)
    .flatMap(secret => secretUses(secret, 'foreign'))
}

/** By the names that sources have, and had: events keep the source's name of their day. */
export function vendorApiSpecs({ sources }: Pick<Config, 'sources'>): Record<string, VendorApiSpec> {
  return Object.fromEntries(
    Object.entries(sources).flatMap(([name, definition]) => {
      const { api, formerly } = definition.options
      if (api === undefined) return []
      const spec = specOf(name, api, apiSecrets(definition))
      return [name, ...(formerly === undefined ? [] : [formerly])].map(each => [each, spec])
    }),
  )
}

function specOf(name: string, api: ApiOptions, secrets: readonly SecretUse[]): VendorApiSpec {
  const unset = secrets.find(({ secret }) => !secret.resolved)
  if (unset !== undefined) {
    return { api: undefined, instances: {}, missing: `sources.${name}.api: the secret ${unset.secret.name} is not set` }
  }
  const { timeoutMs = timeoutMsDefault, instances = {} } = api
  // What was checked has credentials wherever it has a URL.
  const one = (baseUrl: string, auth: HttpAuth): ApiSpec => ({ baseUrl, auth: authSpecOf(auth), timeoutMs })
  return {
    api: api.baseUrl === undefined ? undefined : one(api.baseUrl, api.auth!),
    instances: Object.fromEntries(
      Object.entries(instances).map(([id, { baseUrl, auth }]) => [id, one(baseUrl, (auth ?? api.auth)!)]),
    ),
  }
}

function authsOf(api: ApiOptions | undefined): HttpAuth[] {
  const all = [api?.auth, ...Object.values(api?.instances ?? {}).map(({ auth }) => auth)]
  return all.filter(auth => auth !== undefined)
}
