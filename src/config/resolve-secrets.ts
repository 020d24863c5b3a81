// Giving every secret of the configuration its values: from the environment, from files, or in development minted once.
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Chance } from '../clock.ts'
import { ConfigError } from './config-error.ts'
import type { SecretKind, SecretUse } from './secret.ts'
import type { Settings } from './settings.ts'
import { secretsPath } from './sqlite-path.ts'

type MintedKind = Exclude<SecretKind, 'foreign'>
type Minted = Record<string, string | { publicKey: string; privateKey: string }>

export interface NamedUse extends SecretUse {
  /** The setting that uses it, for messages: `sources.banclo`. */
  setting: string
}

/** Those of a process that develops; without `chance` none is made. */
export function mintedSecrets({ database, development }: Settings, chance?: Chance): MintedSecrets | undefined {
  return development && database.engine === 'sqlite' ? new MintedSecrets(secretsPath(database.path), chance) : undefined
}

/** Where minted secrets are kept: a file that only its owner reads. */
export class MintedSecrets {
  readonly path: string
  readonly #chance: Chance | undefined
  readonly #values: Minted

  /** Without `chance` nothing is made: what is not kept there yet is a problem. */
  constructor(path: string, chance?: Chance) {
    this.path = path
    this.#chance = chance
    this.#values = existsSync(path) ? readMinted(path) : {}
  }

  /** The secret of this name, made now where it was never made. */
  get(name: string, kind: MintedKind): { value: string; signingKey?: string } {
    let minted = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined
    if (minted === undefined) {
      if (this.#chance === undefined) throw new Error('it is not set, and no gateway has made it here yet')
      minted = mint(kind, this.#chance)
      this.#values[name] = minted
      this.#save()
    }
    return typeof minted === 'string' ? { value: minted } : { value: minted.publicKey, signingKey: minted.privateKey }
  }

  #save(): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 })
    const next = `${this.path}.new`
    // Flushed before it is renamed: else a power cut may leave an empty file, and what was printed is gone.
    writeFileSync(next, `${JSON.stringify(this.#values, null, 2)}\n`, { mode: 0o600, flush: true })
    chmodSync(next, 0o600)
    renameSync(next, this.path)
  }
}

function mint(kind: MintedKind, chance: Chance): Minted[string] {
  switch (kind) {
    case 'text':
      return chance.bytes(24).toString('base64url')
    case 'standard-webhooks':
      return `whsec_${chance.bytes(32).toString('base64')}`
    case 'rsa-public-key':
      return generateKeyPairSync('rsa', {
        modulusLength: 2048,
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      })
  }
}

/** Never made anew over what cannot be read: the vendors have been given what it held. */
function readMinted(path: string): Minted {
  try {
    const values: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof values === 'object' && values !== null && !Array.isArray(values)) return values as Minted
  } catch {
    // Its text may have secrets in it, and an error of JSON.parse repeats the text.
  }
  throw new ConfigError([`${path}: expected the secrets that were made here; put it right, or remove it for new ones`])
}

/**
 * Resolves every secret; what is missing is minted where `minted` is given, else returned as problems that name the
 * variable and the setting.
 */
export function resolveSecrets(
  uses: readonly NamedUse[],
  env: NodeJS.ProcessEnv,
  minted: MintedSecrets | undefined,
): string[] {
  const problems: string[] = []
  for (const { secret, kind, setting } of uses) {
    const { name } = secret
    try {
      const current = read(name, env)
      const previous = read(`${name}_PREVIOUS`, env) ?? ''
      if (current !== undefined) secret.resolve([current, previous])
      else if (minted === undefined) {
        problems.push(
          `${setting}: the secret ${name} is not set. Set ${name}, or ${name}_FILE to the file that holds it`,
        )
      } else if (kind !== 'foreign') {
        // One of somebody else's stays open where one develops: what needs it says so.
        const { value, signingKey } = minted.get(name, kind)
        secret.resolve([value, previous], signingKey, true)
      }
    } catch (error) {
      problems.push(`${setting}: the secret ${name} cannot be read: ${(error as Error).message}`)
    }
  }
  return problems
}

/** All values of a secret that nobody resolved, newest first. Throws where it is not set, or its file cannot be read. */
export function lateValues(name: string, env: NodeJS.ProcessEnv): string[] {
  const values = [name, `${name}_PREVIOUS`].map(each => read(each, env) ?? '').filter(value => value !== '')
  if (values.length === 0) throw new Error(`the secret ${name} is not set. Set ${name}, or ${name}_FILE`)
  return values
}

/** The variable, or the content of the file that `<name>_FILE` names, without the line's end. */
export function read(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const value = env[name]
  if (value !== undefined && value !== '') return value
  const file = env[`${name}_FILE`]
  if (file === undefined || file === '') return undefined
  const content = readFileSync(file, 'utf8').trimEnd()
  if (content === '') throw new Error(`${name}_FILE names an empty file`)
  return content
}
