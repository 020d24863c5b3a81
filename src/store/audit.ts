// What the API asks of the store about the audit log: who did what, or read what. Types only.
import type { Page } from './store.ts'

export interface AuditEntry {
  /** 16 bytes, drawn by who writes it: written twice it is there once. */
  id: Buffer
  /** Milliseconds since the epoch. */
  at: number
  /** The token's name, or `admin` for the one that the environment has. */
  actor: string
  /** `tok_…`; null for the environment's. */
  tokenId: string | null
  /** `delivery.retry` */
  action: string
  /** What it was done to: a name or an id; empty where it is not about one thing. */
  target: string
  /** What was asked for, as JSON without secrets. */
  detail: string
  /** The client's. */
  address: string
  /** The HTTP status that was answered; null where it is under way, or ended without an answer. */
  status: number | null
}

export interface AuditFilter {
  actor?: string
  action?: string
}

export interface Audit {
  /** Before anything is done: once it resolves the entry is on disk. */
  begin(entry: Omit<AuditEntry, 'status'>): Promise<void>
  /** What came of it. */
  end(id: Buffer, status: number): Promise<void>
  /** Newest first. */
  list(filter: AuditFilter, page: { limit: number; cursor?: string }): Promise<Page<AuditEntry>>
  /** Deletes what was written before `before`, in small steps; how many. */
  expire(before: number): Promise<number>
}
