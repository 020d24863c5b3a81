// Who presents a token: one of the environment's, or one that was made here, as the store has it at this moment. Nothing
// is remembered, so that a token that is revoked, by whichever node, is refused from then on.
import { bearerCredentials } from '../checks/bearer.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../observe/log.ts'
import type { Store } from '../store/store.ts'
import { type TokenRow, tokenId, tokenIdBytes } from '../store/tokens.ts'
import { type Authenticate, byAdminTokens, type Principal } from './access.ts'
import { idOfToken, isTokenOf } from './token-text.ts'

const minuteMs = 60_000

export interface AuthenticatorParts {
  store: Pick<Store, 'tokens'>
  /** The environment's, newest first. */
  adminTokens: readonly string[]
  /** All names of a source, where it had others; itself alone where nobody knows it. */
  namesOf(source: string): readonly string[]
  clock: Clock
  log: Pick<Log, 'warn'>
}

export class Authenticator {
  readonly #parts: AuthenticatorParts
  readonly #byAdminTokens: Authenticate
  /** Uses that are being noted, by the token's id. */
  readonly #noting = new Map<string, Promise<void>>()

  constructor(parts: AuthenticatorParts) {
    this.#parts = parts
    this.#byAdminTokens = byAdminTokens(parts.adminTokens)
  }

  /** Throws AppError where the store cannot be asked; the environment's tokens need no store. */
  readonly authenticate: Authenticate = async authorization => {
    const principal = await this.#byAdminTokens(authorization)
    if (principal !== undefined) return principal
    const presented = bearerCredentials(authorization)
    const id = presented === undefined ? undefined : idOfToken(presented)
    if (id === undefined) return undefined
    const row = await this.#parts.store.tokens.find(id)
    if (row === undefined || !isTokenOf(presented!, row.hash) || !this.#isLive(row)) return undefined
    this.#note(row)
    const sources = row.sources?.flatMap(each => this.#parts.namesOf(each)) ?? null
    return { name: row.name, tokenId: tokenId(row.id), scopes: new Set(row.scopes), sources }
  }

  /** Whether whoever was let in would still be: what lasts asks for it now and then. */
  async isLive({ tokenId }: Principal): Promise<boolean> {
    if (tokenId === null) return true
    const row = await this.#parts.store.tokens.find(tokenIdBytes(tokenId)!)
    return row !== undefined && this.#isLive(row)
  }

  /** Resolves when no use is being noted any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#noting.values())
  }

  #isLive({ revokedAt, expiresAt }: TokenRow): boolean {
    return revokedAt === null && (expiresAt === null || this.#parts.clock.now() < expiresAt)
  }

  /** Beside the request: it is no matter of its own whether this can be written. */
  #note({ id, usedAt }: TokenRow): void {
    const { store, clock, log } = this.#parts
    const minute = Math.floor(clock.now() / minuteMs) * minuteMs
    const key = id.toString('hex')
    if ((usedAt !== null && usedAt >= minute) || this.#noting.has(key)) return
    const noting = store.tokens
      .used(id, minute)
      .catch((error: Error) => log.warn({ token: tokenId(id), reason: error.message }, 'a use of a token is not noted'))
      .finally(() => this.#noting.delete(key))
    this.#noting.set(key, noting)
  }
}
