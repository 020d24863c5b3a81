// What every thread that has the store on PostgreSQL is made of: the way to the server, news from the others, the list
// of nodes, and the append.
import type { Deliveries } from '../deliveries.ts'
import { Queries } from '../queries.ts'
import type { PostgresOptions, StoreObserver } from '../store.ts'
import { Appender } from './appender.ts'
import { Database } from './database.ts'
import { postgresDeliveries } from './deliveries.ts'
import { Listener } from './listener.ts'
import { Nodes, type NodesParts } from './nodes.ts'
import { readingParts } from './reading.ts'
import { postgresSearchReads } from './search-reading.ts'

/** Woken by nobody, one looks so often: in case news was lost, and where none arrives. */
const pollMs = { listening: 5_000, alone: 500 }

export interface Parts {
  database: Database
  listener: Listener
  nodes: Nodes
  appender: Appender
  queries: Queries
  deliveries: Deliveries
  close(): Promise<void>
}

/** Without `searches` nothing is searched. */
export function openParts(
  options: PostgresOptions,
  kind: NodesParts['kind'],
  { observer, searches = false }: { observer?: StoreObserver | undefined; searches?: boolean } = {},
): Parts {
  const { url, directUrl = url, poolMax, ackTimeoutMs, node } = options
  const database = new Database({ url, poolMax, timeoutMs: ackTimeoutMs })
  const listener = new Listener({ database, url: directUrl, self: `${node}/${kind}` })
  const moves = new Set<() => void>()
  const nodes = new Nodes({
    database,
    name: node,
    kind,
    moved: () => {
      for (const each of moves) each()
    },
  })
  listener.on('nodes', () => void nodes.beat().catch(() => {}))
  const appender = new Appender(database, ackTimeoutMs, () => listener.tell('log'), observer)
  const queries = new Queries(database.kysely, readingParts, searches ? postgresSearchReads(database) : undefined)
  const deliveries = postgresDeliveries({
    database,
    queries,
    leaseMs: options.leaseMs,
    pollMs: listener.listens ? pollMs.listening : pollMs.alone,
    owns: duty => nodes.owns(duty),
    onAppended: appended => listener.on('log', appended),
    // Also when a node has come or gone: duties move with it.
    onChanged(changed) {
      const ends = [listener.on('changed', changed), listener.on('due', changed), listener.onDue(changed)]
      moves.add(changed)
      return () => {
        for (const end of ends) end()
        moves.delete(changed)
      }
    },
    tell: news => listener.tell(news),
    tellDue: subscription => listener.tellDue(subscription),
    async leave() {
      await nodes.close()
      listener.tell('nodes')
    },
    clockSkewMs: () => nodes.skewMs,
  })
  return {
    database,
    listener,
    nodes,
    appender,
    queries,
    deliveries,
    async close() {
      await appender.close()
      await nodes.close()
      listener.tell('nodes')
      await listener.close()
      await database.close()
    },
  }
}
