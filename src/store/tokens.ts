// What the API asks of the store about tokens, beside the one that the environment has. Types only, but for their scopes
// and ids. What is stored tells nobody a token: its hash, and what it may do.
import { decodeId, encodeId } from '../ids.ts'
import type { Page } from './store.ts'

/** `raw`: a stranger's bytes; `operate`: what moves deliveries; `admin`: subscriptions, tokens, and all the others. */
export const scopes = ['read', 'raw', 'operate', 'admin'] as const
export type Scope = (typeof scopes)[number]

/** That are not revoked, at the most. */
export const tokensMax = 1_000

export interface TokenRow {
  /** 16 bytes: what `tok_…` and the token itself are written with. */
  id: Buffer
  /** Of those that are not revoked only one has it. */
  name: string
  scopes: readonly Scope[]
  /** Names of the sources that it is limited to; null for none. */
  sources: readonly string[] | null
  /** Milliseconds since the epoch, as all times here. */
  createdAt: number
  expiresAt: number | null
  /** When it was last used, to the minute. */
  usedAt: number | null
  revokedAt: number | null
}

export type NewToken = Omit<TokenRow, 'usedAt' | 'revokedAt'> & {
  /** SHA-256 of the whole token. */
  hash: Buffer
}

export interface Tokens {
  /** `taken`: one that is not revoked has its name. `full`: there are `tokensMax` already. */
  add(token: NewToken): Promise<'added' | 'taken' | 'full'>
  /** With the hash of what it must be; revoked ones too. */
  find(id: Buffer): Promise<(TokenRow & { hash: Buffer }) | undefined>
  /** Newest first. */
  list(page: { limit: number; cursor?: string; revoked: boolean }): Promise<Page<TokenRow>>
  /** Notes that it was used at `at`, unless it was used since. */
  used(id: Buffer, at: number): Promise<void>
  /** False where there is none of this id that is not revoked. */
  revoke(id: Buffer, now: number): Promise<boolean>
  /** Deletes those that were revoked before `before`, in small steps; how many. */
  forget(before: number): Promise<number>
}

export function tokenId(id: Uint8Array): string {
  return `tok_${encodeId(id)}`
}

export function tokenIdBytes(id: string): Buffer | undefined {
  return decodeId('tok_', id)
}
