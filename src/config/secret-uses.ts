// Every secret that a configuration uses, each with the setting that it is for.
import type { SourceDefinition } from '../adapter.ts'
import type { Config } from './config.ts'
import type { NamedUse } from './resolve-secrets.ts'
import { subscriptionUses } from './subscriptions.ts'
import { apiSecrets } from './vendor-api.ts'

export function secretUsesOf(config: Config): NamedUse[] {
  const sources = Object.entries(config.sources) as [string, SourceDefinition][]
  return [
    ...sources.flatMap(([name, { check }]) =>
      'secrets' in check ? check.secrets.map(use => ({ ...use, setting: `sources.${name}.check` })) : [],
    ),
    ...sources.flatMap(([name, definition]) =>
      apiSecrets(definition).map(use => ({ ...use, setting: `sources.${name}.api` })),
    ),
    ...subscriptionUses(config),
  ]
}
