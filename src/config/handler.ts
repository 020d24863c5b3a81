// A handler as a configuration file says it: a function, or a module that has one, and what it is given beside its event.
import type { EventOf } from '../event.ts'

/** Lines in the gateway's log, with the subscription's name and the delivery. So many a second, and the rest is counted. */
export interface HandlerLog {
  info(message: string): void
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

/** The API of the vendor that the event came from, as its source's `api` says. */
export interface Vendor {
  /**
   * Calls `path` below the API's base URL, with its credentials: `vendor.fetch('/loan-requests/K0Z1Q')`. Rejects where the
   * path leads elsewhere, where the source has no `api`, and where no answer comes; any status is an answer, a redirect
   * among them. A body has at most 16 MiB, in either direction.
   */
  fetch(path: string, init?: RequestInit): Promise<Response>
}

export interface HandlerContext {
  /** Aborted at the attempt's time limit, and when the gateway ends. */
  readonly signal: AbortSignal
  /** This attempt's number, from 1. */
  readonly attempt: number
  readonly log: HandlerLog
  readonly vendor: Vendor
}

// By way of `infer`: types that are made so are compared by what they take, so that a handler of all loan events is one
// of created loans.
/**
 * What an event is given to: when it returns, or what it returns is fulfilled, the delivery has succeeded; when it
 * throws, the attempt has failed. It runs in a thread of its own.
 */
export type Handler<Types extends string = '*'> =
  EventOf<Types> extends infer Event ? (event: Event, context: HandlerContext) => unknown : never

export interface LazyHandler<Function = Handler> {
  readonly kind: 'lazy'
  readonly load: () => Promise<{ readonly default: Function }>
}

/**
 * The handler that is a module's default export: `lazy(() => import('./handlers/loan.ts'))`. It is imported where it
 * runs, and nowhere else.
 */
export function lazy<Function extends (event: never, context: HandlerContext) => unknown>(
  load: () => Promise<{ readonly default: Function }>,
): LazyHandler<Function> {
  if (typeof load !== 'function') throw new TypeError(`lazy: expected a function that imports, got ${typeof load}`)
  return { kind: 'lazy', load }
}
