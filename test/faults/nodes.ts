// Several nodes of one PostgreSQL as real processes, their subscribers, and what holds at the end of all of it: what was
// acknowledged is in the log once and reached everybody, and first receipts of a lane are in order.
import { join } from 'node:path'
import { expect } from 'vitest'
import { deliveryStates } from '../../src/store/deliveries.ts'
import { eventId } from '../../src/store/record.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import type { GatewayProcess } from '../support/process.ts'
import { until } from '../support/until.ts'
import { expectInOrder, expectKnown, Subscribers, taken } from './fan-out.ts'
import { get, newFolder, removeFolder, startIn } from './gateway.ts'
import { inboxThroughApi } from './inbox.ts'
import { Vendors, type VendorsOptions } from './vendors.ts'

export const subscriptions = ['all', 'ordered'] as const

export type Query = PostgresServer['query']

export interface FewNodesOptions {
  /** As they find PostgreSQL. */
  url: string
  count?: number
  env?: Readonly<Record<string, string>>
  /** Of each one its own. */
  envOf?(slot: number, folder: string): Record<string, string>
  random: () => number
}

/** Of what subscribers answer: 500. */
const failing = 0.03
const answerMs = 20

export class FewNodes {
  readonly subscribers = new Subscribers('./nodes.config.ts', subscriptions)
  readonly #running: (GatewayProcess | undefined)[]
  readonly #all = new Set<GatewayProcess>()
  readonly #folder = newFolder()
  readonly #options: FewNodesOptions

  private constructor(options: FewNodesOptions) {
    this.#options = options
    this.#running = Array(options.count ?? 3).fill(undefined)
  }

  static async start(options: FewNodesOptions): Promise<FewNodes> {
    const nodes = new FewNodes(options)
    nodes.subscribers.answerMs = answerMs
    await nodes.subscribers.start(() => (options.random() < failing ? 500 : 204))
    try {
      await Promise.all(nodes.slots.map(slot => nodes.start(slot)))
    } catch (error) {
      await nodes.close()
      throw error
    }
    return nodes
  }

  get slots(): number[] {
    return this.#running.map((_, slot) => slot)
  }

  urls(): (string | undefined)[] {
    return this.#running.map(node => node?.url)
  }

  at(slot: number): GatewayProcess {
    return this.#running[slot]!
  }

  folderOf(slot: number): string {
    return join(this.#folder, String(slot))
  }

  async start(slot: number): Promise<GatewayProcess> {
    const { url, env, envOf } = this.#options
    const folder = this.folderOf(slot)
    const node = await startIn(folder, {
      ...this.subscribers.env,
      POSTERN_DATABASE: url,
      // Several nodes share the machine's name, and what the tests do needs few connections.
      POSTERN_POOL: '6',
      ...env,
      ...envOf?.(slot, folder),
    })
    this.#all.add(node)
    this.#running[slot] = node
    return node
  }

  async kill(slot: number): Promise<void> {
    const node = this.at(slot)
    this.#running[slot] = undefined
    node.kill('SIGKILL')
    await node.ended
  }

  /** SIGTERM; its exit code. */
  async stop(slot: number): Promise<number | null> {
    const node = this.at(slot)
    this.#running[slot] = undefined
    return (await node.stop()).code
  }

  vendors(options: Partial<VendorsOptions> = {}): Vendors {
    const { random } = this.#options
    return new Vendors({ senders: 6, urls: () => this.urls(), random, ...options })
  }

  /** What they all printed, the end of it. */
  output(): string {
    return [...this.#all].map(node => `${node.pid}:\n${node.output().slice(-3_000)}`).join('\n')
  }

  async close(): Promise<void> {
    for (const node of this.#all) node.kill('SIGKILL')
    await Promise.all([...this.#all].map(({ ended }) => ended))
    await this.subscribers.close()
    removeFolder(this.#folder)
  }
}

/** What a test started, ended in any case, the last first. */
export class Ends {
  readonly #ends: (() => Promise<void>)[] = []

  async postgres(...options: Parameters<typeof startPostgres>): Promise<PostgresServer> {
    return this.add(await startPostgres(...options), server => server.end())
  }

  async nodes(options: FewNodesOptions): Promise<FewNodes> {
    return this.add(await FewNodes.start(options), nodes => nodes.close())
  }

  add<Thing>(thing: Thing, end: (thing: Thing) => Promise<void>): Thing {
    this.#ends.push(() => end(thing))
    return thing
  }

  async all(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }
}

/** Resolves once so many more are acknowledged, and some by each node that is there. */
export async function moreThan(vendors: Vendors, count: number, nodes: FewNodes): Promise<void> {
  const from = vendors.tried.length
  const goal = vendors.acknowledged.size + count
  const enough = () => {
    if (vendors.acknowledged.size < goal) return false
    const by = new Set(vendors.tried.slice(from).flatMap(({ status, url }) => (status === 200 ? [url] : [])))
    return nodes.urls().every(url => url === undefined || by.has(url))
  }
  await until(`${count} more are acknowledged`, enough, 60_000).catch(error => {
    throw new Error(`${(error as Error).message}, but ${vendors.summary()}\n${nodes.output()}`)
  })
}

/** How much waits in the spool of a node. */
export async function spoolOf(nodes: FewNodes, slot: number): Promise<number> {
  const text = await (await get(`${nodes.at(slot).url}/metrics`)).text()
  const entries = /^postern_spool_entries (\d+)$/m.exec(text)?.[1]
  if (entries === undefined) throw new Error(`expected the metrics of a node with a spool, got\n${text}`)
  return Number(entries)
}

/** Resolves once everything is in the log, and the way is straight again. */
export async function spoolsEmpty(nodes: FewNodes, slots = nodes.slots): Promise<void> {
  const waiting = async () => Promise.all(slots.map(slot => spoolOf(nodes, slot)))
  await until('the spools are empty', async () => (await waiting()).every(entries => entries === 0), 60_000)
}

/** The sequences of what is in the log, by the events' ids and by the vendors'. Each is there once. */
export async function logOf(query: Query): Promise<{ events: Map<string, number>; vendors: Map<string, number> }> {
  const rows = await query<{ id: Buffer; sequence: string; vendorid: string }>(
    'select id, sequence, vendorid from events where vendorid is not null order by sequence',
  )
  const events = new Map(rows.map(({ id, sequence }) => [eventId(id), Number(sequence)]))
  const vendors = new Map(rows.map(({ vendorid, sequence }) => [vendorid, Number(sequence)]))
  expect([events.size, vendors.size], 'each is there once').toEqual([rows.length, rows.length])
  return { events, vendors }
}

interface InState {
  name: string
  state: number
  count: number
}

/** In one look: what is fed between two would be missed by both. */
async function deliveriesOf(query: Query): Promise<{ rows: InState[]; counted: InState[]; behind: string[] }> {
  const [looked] = await query<{ rows: InState[]; counted: InState[]; behind: string[] }>(
    `select
       (select coalesce(json_agg(each order by name, state), '[]') from (
          select name, state, count(*) from deliveries join subscriptions on number = subscription group by 1, 2) as each) as rows,
       (select coalesce(json_agg(each order by name, state), '[]') from (
          select name, state, count from delivery_counts join subscriptions on number = subscription
          where replay = 0 and count <> 0 and state < ${deliveryStates.length}) as each) as counted,
       (select coalesce(json_agg(name), '[]') from subscriptions cross join log where cursor <> head) as behind`,
  )
  return looked!
}

export interface Outcome {
  nodes: FewNodes
  vendors: Vendors | readonly Vendors[]
  query: Query
  /** Whether PostgreSQL died meanwhile: of what it need not keep it may have lost some. Default false. */
  died?: boolean
  /** Whether nothing was ever seen that is not in the log as it was seen; default true. */
  faithful?: boolean
}

/** Waits until all is delivered, and holds it against what was acknowledged. Load has stopped. */
export async function expectAllArrived({
  nodes,
  vendors,
  query,
  died = false,
  faithful = true,
}: Outcome): Promise<void> {
  let last: Awaited<ReturnType<typeof deliveriesOf>> | undefined
  const succeeded = deliveryStates.indexOf('succeeded')
  await until(
    'everything is delivered',
    async () => {
      last = await deliveriesOf(query)
      return last.behind.length === 0 && last.rows.every(({ state }) => state >= succeeded)
    },
    60_000,
  ).catch(error => {
    throw new Error(`${(error as Error).message}, but ${JSON.stringify(last)}\n${nodes.output()}`)
  })
  const log = await logOf(query)
  const lost = [vendors]
    .flat()
    .flatMap(({ acknowledged }) => [...acknowledged])
    .filter(
      ([vendorid, { event }]) => !log.vendors.has(vendorid) || log.events.get(event) !== log.vendors.get(vendorid),
    )
  expect(lost, 'acknowledged and not in the log').toEqual([])
  const url = nodes.urls().find(each => each !== undefined)
  if (url !== undefined) expect((await inboxThroughApi(url)).sequences, 'as it is read').toEqual(log.vendors)

  const every = [...log.events.keys()].toSorted()
  const { receipts } = nodes.subscribers
  for (const name of subscriptions) {
    if (faithful) expectKnown(receipts[name], log.events, !died)
    const received = taken(receipts[name])
    expect(
      every.filter(event => !received.has(event)),
      `${name}: in the log and not received`,
    ).toEqual([])
  }
  if (faithful) expectInOrder(receipts.ordered)
  const { rows, counted } = last!
  expect(rows).toEqual(subscriptions.map(name => ({ name, state: succeeded, count: every.length })))
  expect(counted, 'what is counted is what there is').toEqual(rows)
}

/** How often an event was received again though it was taken. */
export function doublesIn({ subscribers }: FewNodes): string {
  return subscriptions
    .map(name => `${name} ${subscribers.receipts[name].length - taken(subscribers.receipts[name]).size}`)
    .join(', ')
}
