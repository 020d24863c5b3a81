// The inbox on PostgreSQL, which several nodes share.
import { AppError } from '../../errors.ts'
import type { AppendStatus, PostgresOptions, Store, StoreHealth, StoreObserver } from '../store.ts'
import { quarantineCall, rejectCall, requarantineCall } from './entries.ts'
import type { Nodes } from './nodes.ts'
import { Partitions } from './partitions.ts'
import { openParts } from './parts.ts'
import { expireEvents } from './retention.ts'
import { bringUpToDate } from './schema.ts'
import { refuseUnfinishedCopy } from './unfinished-copy.ts'

const retryMs = 1_000

export interface PostgresOpening {
  /** Whether nobody need be there yet: `ready` then waits for the server. */
  patient?: boolean
}

/**
 * Throws AppError `store_unreachable` where nobody answers, unless it is `patient`, and `store_failed` where the schema
 * is not for this version.
 */
export async function openPostgresStore(
  options: PostgresOptions,
  observer?: StoreObserver,
  { patient = false }: PostgresOpening = {},
): Promise<Store> {
  const parts = openParts(options, 'main', observer)
  const { database, appender, nodes, listener, queries } = parts
  const partitions = new Partitions({
    database,
    queries,
    owns: () => nodes.owns('retention'),
    warn: message => observer?.warned?.(message),
  })
  const forgotten = { below: 1 }
  let closed = false
  let closing: Promise<void> | undefined
  const start = async () => {
    await refuseUnfinishedCopy(database)
    await bringUpToDate(database, options.directUrl ?? options.url)
    await nodes.start()
    if (!closed) partitions.start()
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

    list: query => queries.list(query),
    event: id => queries.event(id),
    requestOf: event => queries.requestOf(event),
    listQuarantine: page => queries.listQuarantine(page),
    quarantined: id => queries.quarantined(id),
    listRejections: page => queries.listRejections(page),
    rejection: id => queries.rejection(id),
    listConflicts: page => queries.listConflicts(page),
    conflict: number => queries.conflict(number),

    expire: (cutoffs, fallback, now, signal) =>
      expireEvents(database, queries, cutoffs, fallback, forgotten, now, signal),
    extent: () => queries.extent(),
    health: () => (closed ? Promise.resolve({ ok: false, problem: 'failed' }) : health(nodes)),
    // A connection that is lost is made again: nothing here ever ends for good.
    failed: new Promise<never>(() => {}),
    ready,
    close() {
      closed = true
      closing ??= partitions.close().then(() => parts.close())
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

/** A beat is a commit: a standby that nobody confirms by shows itself, and so does a server that takes no writes. */
async function health(nodes: Nodes): Promise<StoreHealth> {
  try {
    await nodes.beat()
    return { ok: true }
  } catch (error) {
    const problems: Record<string, string> = {
      store_unreachable: 'unreachable',
      store_readonly: 'readonly',
      store_full: 'full',
    }
    return { ok: false, problem: problems[error instanceof AppError ? error.code : ''] ?? 'failed' }
  }
}
