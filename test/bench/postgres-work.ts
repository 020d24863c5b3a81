// Leasing and settling through the store's own calls: how many deliveries a second one node does, and how much more
// three do where the network is slow.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import { postgresOptions } from '../support/postgres-store.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { percentiles } from './load.ts'
import type { PostgresBench } from './postgres.ts'
import type { Done, Task } from './postgres-worker.ts'
import { end } from './processes.ts'
import { list, median, ms, note, rate, report, spread } from './report.ts'

/** A feed writes no more at once: see src/delivery/feeder.ts. */
const matchesPerPage = 250
const latencyMs = 5

/** As an engine does. */
const settlesAtOnce = 4

interface Worker {
  run(task: Task): Promise<Done>
  stop(): Promise<void>
}

export async function work({ quick, rounds, createDatabase }: PostgresBench): Promise<void> {
  const count = quick ? 8_000 : 32_000
  const database = await createDatabase()
  const store = await openPostgresStore(postgresOptions(database.url))
  const proxy = await startTcpProxy(Number(new URL(database.url).port))
  proxy.latencyMs = latencyMs
  const near = await startWorker('near', database.url)
  const far = await Promise.all(['a', 'b', 'c'].map(name => startWorker(name, proxy.through(database.url))))
  const feeder = new Feeder(store)
  await feeder.open()
  const rates = { near: [] as number[], one: [] as number[], three: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    rates.near.push(await pace(feeder, count, [near], settlesAtOnce))
    // In turn: what a node does then goes by the network, and not by what two cores can do.
    rates.one.push(await pace(feeder, count / 2, far.slice(0, 1), 0))
    rates.three.push(await pace(feeder, count, far, 0))
    const [one, two, three] = [rates.near, rates.one, rates.three].map(each => rate(each[round]!))
    note(`round ${round + 1}: one node ${one}; ${latencyMs} ms away each way: one ${two}, three ${three}`)
  }
  report('deliveries fed', spread(feeder.rates))
  report('leased and settled by one node', spread(rates.near), '≥ 3000/s', median(rates.near) >= 3_000)
  const gains = rates.three.map((each, round) => each / rates.one[round]!)
  report(
    `three nodes ÷ one, ${latencyMs} ms away each way`,
    `${median(gains).toFixed(2)} (${list(gains)}; ${spread(rates.one)} → ${spread(rates.three)})`,
    '≥ 2.5',
    median(gains) >= 2.5,
  )
  await Promise.all([near, ...far].map(worker => worker.stop()))
  await proxy.close()
  await store.close()
  await database.drop()
}

/** Deliveries a second, from the first lease until all is settled. */
async function pace(feeder: Feeder, count: number, workers: readonly Worker[], settling: number): Promise<number> {
  await feeder.feed(count)
  const started = performance.now()
  const done = await Promise.all(workers.map(worker => worker.run({ subscriptions: feeder.subscriptions, settling })))
  const elapsed = performance.now() - started
  const settled = done.reduce((sum, each) => sum + each.settled, 0)
  if (settled !== count) throw new Error(`${settled} of ${count} deliveries were settled`)
  const [lease, settle] = (['lease', 'settle'] as const).map(call =>
    percentiles(done.flatMap(each => each.times[call])),
  )
  note(`  lease ${ms(lease!.p50)}, p99 ${ms(lease!.p99)}; settle ${ms(settle!.p50)}, p99 ${ms(settle!.p99)}`)
  return settled / (elapsed / 1000)
}

/** Writes deliveries of events that nobody reads: leasing and settling look at none. */
class Feeder {
  readonly #store: Store
  readonly #fed = new Map<number, number>()
  readonly rates: number[] = []

  constructor(store: Store) {
    this.#store = store
  }

  get subscriptions(): number[] {
    return [...this.#fed.keys()]
  }

  async open(): Promise<void> {
    const fields = { origin: 'config' as const, spec: '{}', sealed: null, cursor: 0, now: Date.now() }
    for (const name of (process.env.SUBS ?? 'one').split(' '))
      this.#fed.set(await this.#store.deliveries.putSubscription({ name, ...fields }), 0)
  }

  async feed(count: number): Promise<void> {
    const started = performance.now()
    await Promise.all(this.subscriptions.map(subscription => this.#feed(subscription, count / this.#fed.size)))
    this.rates.push(count / ((performance.now() - started) / 1000))
  }

  async #feed(subscription: number, count: number): Promise<void> {
    const last = this.#fed.get(subscription)! + count
    for (let from = last - count; from < last; from += matchesPerPage) {
      const to = Math.min(from + matchesPerPage, last)
      const matches = Array.from({ length: to - from }, (_, index) => [from + index + 1, null] as const)
      const fed = await this.#store.deliveries.feed({ subscription, replay: 0, from, to, matches, now: Date.now() })
      if (!fed) throw new Error('the cursor stood elsewhere')
    }
    this.#fed.set(subscription, last)
  }
}

async function startWorker(name: string, url: string): Promise<Worker> {
  const child = fork(join(import.meta.dirname, 'postgres-worker.ts'), [name, url])
  await once(child, 'message')
  return {
    async run(task) {
      child.send(task)
      const [done] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [Done | number | null]
      if (done === null || typeof done === 'number') throw new Error(`the node ${name} ended`)
      return done
    },
    stop: () => end(child),
  }
}
