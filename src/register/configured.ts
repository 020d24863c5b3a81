// A source of the configuration with the secrets that setting up its vendor's side takes, and nothing else resolved: a
// command must not want the secrets of every other source.
import { type Clock, systemClock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { mintedSecrets, type NamedUse, resolveSecrets } from '../config/resolve-secrets.ts'
import type { Settings } from '../config/settings.ts'
import { apiSecrets, vendorApiSpecs } from '../config/vendor-api.ts'
import { createEgress } from '../delivery/egress.ts'
import { egressFetch } from '../delivery/egress-fetch.ts'
import { type VendorFetch, vendorApi } from '../delivery/vendor-api.ts'
import { type Source, sourceOf } from '../ingest/source.ts'
import { localUrl } from '../local-url.ts'
import { pathTokenOf } from '../payload-url.ts'
import { type Conceal, concealer } from './conceal.ts'

export interface ConfiguredSource {
  source: Source
  publicUrl: string
  /** Calls the vendor's API with the credentials of the source's `api`; undefined where it has none. */
  call: VendorFetch | undefined
  conceal: Conceal
}

export interface ConfiguredParts {
  config: Config
  settings: Settings
  env: NodeJS.ProcessEnv
  clock?: Clock
}

/** The source of this name, of a configuration that is right. Throws ConfigError for what is wrong with a secret. */
export function configuredSource(
  name: string,
  { config, settings, env, clock = systemClock }: ConfiguredParts,
): ConfiguredSource {
  const definition = config.sources[name]!
  const { adapter, check, options } = definition
  const named = (setting: string, uses: readonly Omit<NamedUse, 'setting'>[]): NamedUse[] =>
    uses.map(use => ({ ...use, setting: `sources.${name}.${setting}` }))
  const uses = [
    ...named('check', 'secrets' in check ? check.secrets : []),
    ...named('api', apiSecrets(definition)),
    ...named('registration', adapter.registrations?.secrets?.(options) ?? []),
  ]
  const problems = resolveSecrets(uses, env, mintedSecrets(settings))
  const open = uses.filter(({ secret }) => !secret.resolved)
  if (problems.length === 0) {
    problems.push(...open.map(({ setting, secret }) => `${setting}: the secret ${secret.name} is not set`))
  }
  const source = sourceOf(name, definition)
  // Where there is no API to call, what to do by hand takes no secret but the one in the URL.
  const isCalled = adapter.registrations !== undefined && options.api !== undefined
  if (problems.length > 0 && (isCalled || source.hasPathToken)) throw new ConfigError(problems)
  return {
    source,
    publicUrl: config.publicUrl ?? localUrl(settings.host, settings.port),
    call:
      options.api === undefined
        ? undefined
        : vendorApi({
            apis: vendorApiSpecs({ sources: { [name]: definition } }),
            // As for handlers: whoever writes the configuration file may call any machine of theirs.
            fetch: egressFetch(createEgress({ allowPrivate: true, allow: [] })),
            clock,
          }),
    conceal: concealer(isCalled ? secretsOf(source, uses) : []),
  }
}

/** Every text that must not be printed: also where it was written into the configuration as it is. */
function secretsOf(source: Source, uses: readonly NamedUse[]): string[] {
  const credentials = source.check?.credentials?.() ?? []
  const { auth } = source.options.api ?? {}
  const plain = [auth?.kind === 'basic' && auth.password, auth?.kind === 'bearer' && auth.token]
  if (auth?.kind === 'oauth') plain.push(auth.clientSecret)
  return [
    ...uses.flatMap(({ secret }) => [...secret.values(), secret.signingKey ?? '']),
    ...plain.filter(value => typeof value === 'string'),
    pathTokenOf(source) ?? '',
    ...credentials.flatMap(each => {
      if (each.kind === 'header') return [each.value, each.value.replace(/^\w+ /, '')]
      if (each.kind === 'oidc') return []
      return [each.password, Buffer.from(`${each.username}:${each.password}`).toString('base64')]
    }),
  ]
}
