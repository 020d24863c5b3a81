// A node that leases and settles as the delivery of a gateway would with destinations that answer at once: for each
// subscription one lease after another, while what was leased before is being settled; or in turn.
import type { Deliveries, Leased } from '../../src/store/deliveries.ts'
import { connectPostgresStore } from '../../src/store/postgres/connection.ts'

export interface Task {
  subscriptions: readonly number[]
  /** Calls that settle at once, for each subscription; 0: the next lease waits for it. */
  settling: number
}

/** In milliseconds, of each call. */
interface Times {
  lease: number[]
  settle: number[]
}

export interface Done {
  settled: number
  times: Times
}

const leaseSize = 64

const [, , node = '', url = ''] = process.argv
const { deliveries } = await connectPostgresStore({ url, poolMax: 10, ackTimeoutMs: 4_000, node, leaseMs: 15_000 })

process.on('message', (task: Task) => void settleAll(task))
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })

/** Until nothing is due any more; then it says how many it has settled, and how long the calls took. */
async function settleAll({ subscriptions, settling }: Task): Promise<void> {
  const times: Times = { lease: [], settle: [] }
  const settled = await Promise.all(subscriptions.map(subscription => drain(subscription, settling, times)))
  process.send?.({ settled: settled.reduce((sum, each) => sum + each), times } satisfies Done)
}

async function drain(subscription: number, settlesAtOnce: number, times: Times): Promise<number> {
  const settling = new Set<Promise<void>>()
  let settled = 0
  for (;;) {
    const asked = performance.now()
    const { leased, nextDue } = await deliveries.lease(subscription, leaseSize, Date.now() + deliveries.clockSkewMs())
    times.lease.push(performance.now() - asked)
    // Due and not leased: another node is at it.
    if (leased.length === 0 && nextDue === null) break
    if (leased.length === 0) continue
    const began = performance.now()
    const one: Promise<void> = succeed(deliveries, leased).then(count => {
      settled += count
      times.settle.push(performance.now() - began)
      settling.delete(one)
    })
    settling.add(one)
    if (settling.size >= settlesAtOnce) await Promise.race(settling)
  }
  await Promise.all(settling)
  return settled
}

async function succeed(store: Deliveries, leased: readonly Leased[]): Promise<number> {
  const now = Date.now()
  const outcome = { result: 'succeeded', status: 204, reason: null, answer: null, startedAt: now, elapsedMs: 1 }
  const settlements = leased.map(each => ({ ...each, ...outcome, state: 'succeeded' as const, due: now, holds: false }))
  const held = await store.settle(settlements, now)
  return held.filter(Boolean).length
}
