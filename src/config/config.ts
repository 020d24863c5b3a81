// What a configuration file says: types for its author, and `defineConfig`, which only gives them to it.
import type { SourceDefinition } from '../adapter.ts'
import type { TrustProxy } from '../ingest/address.ts'
import type { Handler, LazyHandler } from './handler.ts'
import type { HttpDestination } from './http.ts'
import type { SubscriptionOptions } from './subscription-options.ts'

export interface Limits {
  /** Bytes of request bodies held in memory at once. Default 128 MiB. */
  bodyBytesInFlightMax?: number
  /** Rejections kept for each source. Default 200. */
  rejectionsMax?: number
  /** Bytes of rejections kept for each source. Default 64 MiB. */
  rejectionBytesMax?: number
  /** How long a sender may take for its headers. Default 10,000 ms. */
  headersTimeoutMs?: number
  /** How long a sender may take for the whole request. Default 30,000 ms. */
  requestTimeoutMs?: number
  /**
   * On PostgreSQL: after so long without a word of the node that holds it, another one takes a delivery up. Default
   * 15,000 ms, at least 1,000.
   */
  leaseMs?: number
}

/** What a handler is given events of: those of `types`, and where there are none, all. */
type Wanted<Types> = [Types] extends [string] ? (string extends Types ? '*' : Types) : '*'

/** Which events go where, and how. */
export interface Subscription<Types = string> extends SubscriptionOptions {
  /**
   * Globs of types: `loan.*`; `*` spans dots, and Postern's own events are matched only by one that begins with
   * `postern.`. Default all but those.
   */
  types?: readonly (Types & string)[]
  /** An endpoint, or a function, or `lazy(() => import(…))` of one; its event is typed by `types`. */
  to: HttpDestination | NoInfer<Handler<Wanted<Types>> | LazyHandler<Handler<Wanted<Types>>>>
}

export interface Config {
  /** How vendors reach this gateway from outside. */
  publicUrl?: string
  /** Networks of proxies whose `X-Forwarded-For` counts, or `fly` for `Fly-Client-IP`. Default: nobody's. */
  trustProxy?: TrustProxy
  /** The entrances, by their names: `/hooks/<name>`. */
  sources: Readonly<Record<string, SourceDefinition>>
  /** Which events go where, by their names. */
  subscriptions?: Readonly<Record<string, Subscription>>
  /**
   * A number that grows with each change of the configuration, such as a build's: a node with a lower one than the
   * database has seen leaves the subscriptions as they are. Default: each start applies what it has.
   */
  revision?: number
  /** Days that events are kept. Default 90. */
  retentionDays?: number
  egress?: { allow?: readonly string[] }
  limits?: Limits
}

/** Gives a configuration its types: each handler's event is of its own subscription's. */
export function defineConfig<const Types>(
  config: Omit<Config, 'subscriptions'> & {
    subscriptions?: { readonly [Name in keyof Types]: Subscription<Types[Name]> }
  },
): Config {
  return config as unknown as Config
}

/** A plain setting from the environment. Throws where it is not set and has no default. */
export function env(name: string, fallback?: string): string {
  const value = process.env[name]
  if (value !== undefined && value !== '') return value
  if (fallback === undefined) throw new TypeError(`${name} is not set: set it, or give env('${name}') a default`)
  return fallback
}
