// The inbox on PostgreSQL, which several nodes share.
import { AppError } from '../../errors.ts'
import { audit } from '../audit-queries.ts'
import { healthOf } from '../health.ts'
import { inboxReads } from '../queries.ts'
import { Filling } from '../search/filling.ts'
import type { AppendStatus, PostgresOptions, SearchOptions, Store, StoreObserver } from '../store.ts'
import { tokens } from '../token-queries.ts'
import { wideReads } from '../wide-reads.ts'
import { quarantineCall, rejectCall, requarantineCall } from './entries.ts'
import { Partitions } from './partitions.ts'
import { openParts } from './parts.ts'
import { readingParts } from './reading.ts'
import { expireEvents } from './retention.ts'
import { bringUpToDate } from './schema.ts'
import { refuseUnfinishedCopy } from './unfinished-copy.ts'

const retryMs = 1_000

export interface PostgresOpening {
  /** Whether nobody need be there yet: `ready` then waits for the server. */
  patient?: boolean
  /** Default: nothing is searched. */
  search?: SearchOptions | undefined
}

/**
 * Throws AppError `store_unreachable` where nobody answers, unless it is `patient`, and `store_failed` where the schema
 * is not for this version.
 */
export async function openPostgresStore(
  options: PostgresOptions,
  observer?: StoreObserver,
  { patient = false, search }: PostgresOpening = {},
): Promise<Store> {
  const parts = openParts(options, 'main', { observer, searches: search !== undefined })
  const { database, appender, nodes, listener, queries } = parts
  const partitions = new Partitions({
    database,
    queries,
    owns: () => nodes.owns('retention'),
    warn: message => observer?.warned?.(message),
  })
  const everywhere = { reading: database.kysely, writing: database.kysely }
  const forgotten = { below: 1 }
  let filling: Filling | undefined
  let closed = false
  let closing: Promise<void> | undefined
  const start = async () => {
    await refuseUnfinishedCopy(database)
    await bringUpToDate(database, options.directUrl ?? options.url)
    await nodes.start()
    if (closed) return
    partitions.start()
    if (search === undefined) return
    const work = { engine: 'postgres', options, ...search } as const
    filling = new Filling({ work, owns: () => nodes.owns('search'), observer })
  }
  let ready: Promise<void>
  try {
    await start()
    ready = Promise.resolve()
  } catch (error) {
    if (!patient || !isAway(error)) {
      await parts.close()
      throw error
    }
    ready = later(start, () => closed)
    // Who waits for it hears of it; nobody need wait.
    ready.catch(() => {})
  }
  const status = (rows: readonly unknown[]): AppendStatus => (rows.length > 0 ? 'accepted' : 'duplicate')

  return {
    deliveries: parts.deliveries,
    tokens: tokens(everywhere),
    audit: audit(everywhere),
    channel: () => ({ engine: 'postgres', options }),
    onAppended: appended => listener.on('log', appended),
    owns: duty => nodes.owns(duty),

    append: (events, request) => appender.append(events, request),
    appendInOrder: arrivals => appender.appendInOrder(arrivals),
    quarantine: async (entry, request) => status(await database.call(...quarantineCall(entry, request))),
    async reject(rejection, request, limits) {
      await database.call(...rejectCall(rejection, request, limits))
    },
    release: async (id, events, request) => (await appender.move('quarantine', id, events, request)) ?? [],
    async admit(id, events, request) {
      if (!('reason' in events)) return (await appender.move('rejections', id, events, request)) ?? []
      await database.call(...requarantineCall(id, events, request))
      return []
    },
    discard: async id => (await database.call('delete from quarantine where id = $1 returning 1', [id])).length > 0,

    ...inboxReads(queries),
    ...wideReads(database.kysely, readingParts, queries),

    async expire(cutoffs, fallback, now, signal) {
      const deleted = await expireEvents(database, queries, cutoffs, fallback, forgotten, now, signal)
      if (deleted > 0) filling?.sweep()
      return deleted
    },
    // A beat is a commit: a standby that nobody confirms by shows itself, and so does a server that takes no writes.
    health: () => (closed ? Promise.resolve({ ok: false, problem: 'failed' }) : healthOf(() => nodes.beat())),
    // A connection that is lost is made again: nothing here ever ends for good.
    failed: new Promise<never>(() => {}),
    ready,
    close() {
      closed = true
      closing ??= Promise.all([partitions.close(), filling?.close()]).then(() => parts.close())
      return closing
    },
  }
}

function isAway(error: unknown): boolean {
  return error instanceof AppError && error.retryable && error.code !== 'store_failed'
}

/** Again and again until it succeeds, or fails for another reason than that nobody answers. */
async function later(start: () => Promise<void>, isClosed: () => boolean): Promise<void> {
  while (!isClosed()) {
    await new Promise<void>(resolve => setTimeout(resolve, retryMs).unref())
    try {
      return await start()
    } catch (error) {
      if (!isAway(error)) throw error
    }
  }
  throw new AppError('unavailable', 'the store was closed before its server was there')
}
