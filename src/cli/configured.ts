// The configuration as a gateway beside this command would have it: its sources with their secrets, none of them made.
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { loadConfig } from '../config/load.ts'
import { mintedSecrets, type NamedUse, resolveSecrets } from '../config/resolve-secrets.ts'
import { readSettings, type Settings } from '../config/settings.ts'
import { validateConfig } from '../config/validate.ts'
import { type Source, sourceOf } from '../ingest/source.ts'
import { exit, Failure } from './command.ts'

export interface Configured {
  settings: Settings
  config: Config
  path: string
  sources: readonly Source[]
}

/** Throws ConfigError. */
export async function configured(env: NodeJS.ProcessEnv = process.env): Promise<Configured> {
  const settings = readSettings(env)
  const { config, path } = await loadConfig(settings.configPath, process.cwd())
  validateConfig(config)
  const sources = Object.entries(config.sources).map(([name, definition]) => sourceOf(name, definition))
  return { settings, config, path, sources }
}

/** The source of this name, or the only one of this vendor. Throws Failure where that is none, or nobody knows which. */
export function sourceNamed(sources: readonly Source[], name: string): Source {
  const found = sources.find(source => source.name === name)
  if (found !== undefined) return found
  const ofVendor = sources.filter(({ vendor }) => vendor === name)
  if (ofVendor.length === 1) return ofVendor[0]!
  const names = (ofVendor.length > 1 ? ofVendor : sources).map(source => source.name).join(', ')
  throw new Failure(
    ofVendor.length > 1 ? exit.mistaken : exit.notFound,
    ofVendor.length > 1 ? `Say which source of this vendor: ${names}` : `There is no such source; there are: ${names}`,
  )
}

/** From the environment, from files, or what a start in development has made. Throws ConfigError for what is missing. */
export function resolveSecretsOf({ name, check }: Source, settings: Settings, env: NodeJS.ProcessEnv): void {
  const uses: NamedUse[] = (check?.secrets ?? []).map(use => ({ ...use, setting: `sources.${name}.check` }))
  const problems = resolveSecrets(uses, env, mintedSecrets(settings))
  if (problems.length > 0) throw new ConfigError(problems)
}
