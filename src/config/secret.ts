// Secrets: read late, never printed, several at once while a rotation lasts.
// Nothing here ever writes a secret's value to a log, an error or JSON.
import { inspect } from 'node:util'

/** What a secret is used as, so that a missing one can be minted in development; a `foreign` one only others can make. */
export type SecretKind = 'text' | 'standard-webhooks' | 'rsa-public-key' | 'foreign'

type Read = (name: string) => readonly string[]

let readLate: Read | undefined

/** For threads and tests that run handlers: a secret that nobody resolved is read when it is first asked for. */
export function readSecretsLate(read: Read): void {
  readLate = read
}

export class Secret {
  /** The environment variable it is read from. */
  readonly name: string
  #values: readonly string[] | undefined
  #signingKey: string | undefined
  #minted = false

  constructor(name: string) {
    this.name = name
  }

  /** Set once at start. `signingKey` is the private half of a key pair; `minted` that Postern made it. */
  resolve(values: readonly string[], signingKey?: string, minted = false): void {
    this.#minted = minted
    this.#values = values.filter(value => value !== '')
    this.#signingKey = signingKey
  }

  /** What to send, where it is a handler's own: the newest value. Throws where it is not set. */
  get value(): string {
    const [newest] = this.values()
    if (newest === undefined) throw new Error(`the secret ${this.name} is not set`)
    return newest
  }

  /** All values that verify, newest first. Throws before the start has resolved it. */
  values(): readonly string[] {
    this.#values ??= readLate?.(this.name)
    if (this.#values === undefined) throw new Error(`secret ${this.name} was read before it was resolved`)
    return this.#values
  }

  get resolved(): boolean {
    return this.#values !== undefined
  }

  /** Whether Postern made it: then it may be shown to who develops, and signed with. */
  get minted(): boolean {
    return this.#minted
  }

  /** PEM of the private key, where Postern minted the pair. */
  get signingKey(): string | undefined {
    return this.#signingKey
  }

  toString(): string {
    return `[secret ${this.name}]`
  }
  toJSON(): string {
    return this.toString()
  }
  [inspect.custom](): string {
    return this.toString()
  }
}

/** A secret, a plain text in its place (tests), or several of them while they are rotated, newest first. */
export type SecretLike = string | Secret | readonly (string | Secret)[]

/** A check's or destination's use of a secret: who needs it, and as what. */
export interface SecretUse {
  secret: Secret
  kind: SecretKind
}

/** Reads the variable `name`, or the file that `<name>_FILE` names, and during a rotation `<name>_PREVIOUS` too. */
export function secret(name: string): Secret {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new TypeError(`secret(): expected the name of an environment variable, got ${JSON.stringify(name)}`)
  }
  return new Secret(name)
}

/** The values of a secret that are there: an empty one verifies nothing. */
export function secretValues(like: SecretLike): readonly string[] {
  if (typeof like === 'string') return like === '' ? [] : [like]
  if (like instanceof Secret) return like.values()
  return like.flatMap(secretValues)
}

/** The newest value, to send. Throws where there is none. */
export function currentValue(like: SecretLike): string {
  const [newest] = secretValues(like)
  if (newest === undefined) throw new Error('the secret is not set')
  return newest
}

/** The uses of the secrets within `like`, for the start to resolve. */
export function secretUses(like: SecretLike, kind: SecretKind): SecretUse[] {
  if (typeof like === 'string') return []
  return like instanceof Secret ? [{ secret: like, kind }] : like.flatMap(each => secretUses(each, kind))
}

/** Throws where a plain text given in a secret's place is empty: it would refuse everything, which nobody wants. */
export function assertSecret(like: SecretLike, setting: string): void {
  const empty = typeof like === 'string' ? like === '' : Array.isArray(like) && like.length === 0
  if (empty || like === undefined || like === null) {
    throw new TypeError(`${setting}: expected a secret, got ${empty ? 'an empty one' : String(like)}`)
  }
  if (Array.isArray(like)) for (const each of like) assertSecret(each, setting)
}
