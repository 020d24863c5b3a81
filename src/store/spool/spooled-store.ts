// The database's store with a spool before it: what comes in is kept on this node while the database is away. Everything
// else is the database's own.
import { type Clock, systemTimers, type Timers } from '../../clock.ts'
import { AppError } from '../../errors.ts'
import type { Log } from '../../observe/log.ts'
import type { RejectionLimits, SpooledStore, SpoolObserver, SpoolState, Store, StoreHealth } from '../store.ts'
import { Drain } from './drain.ts'
import { Spool } from './spool.ts'
import { Turnout } from './turnout.ts'

export interface SpooledParts {
  path: string
  bytesMax: number
  rejectionLimits: RejectionLimits
  clock: Clock
  log: Pick<Log, 'info' | 'warn' | 'error'>
  observer?: SpoolObserver
  timers?: Pick<Timers, 'after'>
  /** From 0 to 1. */
  random?(): number
}

/** Where so much of the room is taken, load balancers should look for another node. */
const fullShare = 0.9
/** How long the end waits for the spool to be moved on. */
const closeMs = 5_000
const nobody: SpoolObserver = { drained: () => {}, refused: () => {} }

/** Throws AppError `store_failed` where the spool's file cannot be had. */
export async function spooled(store: Store, parts: SpooledParts): Promise<SpooledStore> {
  const { path, bytesMax, rejectionLimits, clock, log, observer = nobody } = parts
  const { timers = systemTimers, random = Math.random } = parts
  const spool = await Spool.open({ path, bytesMax, clock })
  const before = await spool.state()
  if (before.entries > 0) log.warn({ entries: before.entries }, 'the spool holds what came in before: it is moved on')
  const isThere = before.entries === 0 && (await isSettled(store.ready))
  const turnout = new Turnout(isThere, error => {
    if (error !== undefined) {
      log.error({ reason: (error as Error).message }, 'the database is away: what comes in waits in the spool')
    }
    drain.start()
  })
  const drain = new Drain({ store, spool, turnout, rejectionLimits, observer, log, timers, random })
  if (!isThere) drain.start()
  const state = () => spool.state(drain.refused)
  let left = 0

  return {
    ...store,
    append: (events, request) =>
      turnout.pass(
        () => store.append(events, request),
        () => spool.append(events, request),
      ),
    appendInOrder: arrivals =>
      turnout.pass(
        () => store.appendInOrder(arrivals),
        () => spool.appendInOrder(arrivals),
      ),
    quarantine: (entry, request) =>
      turnout.pass(
        () => store.quarantine(entry, request),
        () => spool.quarantine(entry, request),
      ),
    reject: (rejection, request, limits) =>
      turnout.pass(
        () => store.reject(rejection, request, limits),
        () => spool.reject(rejection, request, limits),
      ),
    spool: state,
    async health() {
      if (turnout.straight) {
        const health = await store.health()
        if (health.ok) return health
        // Whoever comes next need not find out for himself.
        turnout.turn(new Error(`its health: ${health.problem}`))
      }
      return spooling(await spool.health(), await state())
    },
    failed: Promise.race([store.failed, spool.failed, unusable(store.ready)]),
    get left() {
      return left
    },
    async close() {
      await turnout.ended()
      await drain.close(closeMs)
      const { entries, refused } = await state().catch(() => ({ entries: 0, refused: 0 }))
      left = entries + refused
      if (left > 0) {
        log.error({ entries, refused, path }, 'the spool is not empty: start this node again with the same disk')
      }
      await store.close()
      await spool.close()
    },
  }
}

function spooling(own: StoreHealth, state: SpoolState): StoreHealth {
  const spool = { degraded: 'spooling', spool: state } as const
  if (!own.ok) return { ...own, ...spool }
  if (state.bytes >= fullShare * state.bytesMax) return { ok: false, problem: 'spool_full', ...spool }
  return { ok: true, ...spool }
}

/** Resolves where the database is there and this version cannot work with it. */
function unusable(ready: Promise<void>): Promise<Error> {
  return new Promise(resolve => {
    ready.catch(error => {
      if (error instanceof AppError && error.code === 'store_failed') resolve(error)
    })
  })
}

/** Whether it is there already. */
async function isSettled(ready: Promise<void>): Promise<boolean> {
  const soon = new Promise<boolean>(resolve => setImmediate(resolve, false))
  return Promise.race([
    ready.then(
      () => true,
      () => false,
    ),
    soon,
  ])
}
