// A store that several engines share, made of SQLite's: leases that end by the clock, duties, news between nodes and one
// rate, as PostgreSQL has them, in one process and without a wait. A node's calls can be held, as if it were frozen.
import {
  type BreakerState,
  type Deliveries,
  deliveryId,
  type LeaseAnswer,
  type Leased,
  type LeaseKey,
  type Settlement,
} from '../../src/store/deliveries.ts'

interface Lease extends Leased {
  until: number
}

interface Node {
  listeners: Set<(due?: readonly number[]) => void>
  held: PromiseWithResolvers<void> | undefined
  gone: boolean
}

const immediate = ['onAppended', 'onChanged', 'owns', 'tellDue', 'clockSkewMs', 'leaseMs', 'pollMs']
const released = { result: 'released', status: null, reason: 'its lease ran out', answer: null } as const

export class SharedDeliveries {
  readonly leaseMs = 30_000
  /** Who has a duty, where it is not the first that is there. */
  readonly owners = new Map<string, string>()
  /** Every node takes every duty for its own. */
  everybody = false
  /** By how much its clock is ahead of this machine's. */
  skewMs = 0
  /** Every call fails, and does nothing. */
  failing = false
  /** `a lease`, by whom and what. */
  readonly calls: string[] = []
  readonly #store: Deliveries
  readonly #nodes = new Map<string, Node>()
  readonly #leases = new Map<string, Lease>()
  readonly #starts = new Map<number, { at: number; count: number }[]>()
  #swapping: Promise<unknown> = Promise.resolve()
  #underWay = 0

  constructor(store: Deliveries) {
    this.#store = store
  }

  /** Calls that are not held. */
  get underWay(): number {
    return this.#underWay
  }

  /** Its calls wait, as do their answers, until what is returned is called. */
  freeze(name: string): () => void {
    const node = this.#nodes.get(name)!
    const held = Promise.withResolvers<void>()
    node.held = held
    return () => {
      node.held = undefined
      held.resolve()
    }
  }

  /** Whoever is frozen goes on. */
  thaw(): void {
    for (const node of this.#nodes.values()) {
      node.held?.resolve()
      node.held = undefined
    }
  }

  /** It has no duties any more; the others hear of it. */
  die(name: string): void {
    this.#nodes.get(name)!.gone = true
    this.#tell()
  }

  /** As a node has it. */
  of(name: string): Deliveries {
    const node: Node = { listeners: new Set(), held: undefined, gone: false }
    this.#nodes.set(name, node)
    const own: Partial<Deliveries> = {
      leaseMs: this.leaseMs,
      pollMs: 5_000,
      owns: duty => !node.gone && (this.everybody || (this.owners.get(duty) ?? this.#first()) === name),
      onChanged(listener) {
        node.listeners.add(listener)
        return () => node.listeners.delete(listener)
      },
      tellDue: subscription => {
        for (const [other, { listeners }] of this.#nodes) {
          if (other !== name) for (const listener of listeners) listener([subscription])
        }
      },
      leave: async () => this.die(name),
      clockSkewMs: () => this.skewMs,
      releaseLost: now => this.#releaseLost(now),
      renew: async leases => leases.map(lease => this.#renew(lease)),
      lease: (subscription, limit, now, rate) => this.#lease(subscription, limit, now, rate),
      settle: (settlements, now) => this.#settle(settlements, now),
      swapBreaker: (...swap) => this.#swapBreaker(...swap),
      pause: async (...pause) => {
        await this.#store.pause(...pause)
        this.#tell()
      },
      endReplay: async (...end) => {
        await this.#store.endReplay(...end)
        this.#tell()
      },
    }
    return new Proxy(this.#store, {
      get: (store, method: keyof Deliveries) => {
        const value = own[method] ?? store[method]
        if (immediate.includes(method)) return value
        return (...args: unknown[]) =>
          this.#call(node, name, method, () => (value as (...args: unknown[]) => unknown)(...args))
      },
    })
  }

  async #call(node: Node, name: string, method: string, run: () => unknown): Promise<unknown> {
    await node.held?.promise
    this.calls.push(`${name} ${method}`)
    if (this.failing) throw new Error('the store is away')
    this.#underWay++
    try {
      return await run()
    } finally {
      this.#underWay--
      await node.held?.promise
    }
  }

  #first(): string | undefined {
    return [...this.#nodes].find(([, { gone }]) => !gone)?.[0]
  }

  #tell(): void {
    for (const { listeners } of this.#nodes.values()) for (const listener of listeners) listener()
  }

  async #lease(
    subscription: number,
    limit: number,
    now: number,
    rate: Parameters<Deliveries['lease']>[3],
  ): Promise<LeaseAnswer> {
    const at = performance.now()
    const starts = rate == null ? [] : this.#startsOf(subscription).filter(start => start.at > at - rate.intervalMs)
    const begun = starts.reduce((sum, { count }) => sum + count, 0)
    const room = rate == null ? limit : Math.min(limit, rate.limit - begun)
    // Before it is asked: nobody else comes between.
    const start = { at, count: room }
    if (rate != null) this.#starts.set(subscription, [...starts, start])
    const answer = await this.#store.lease(subscription, room, now)
    start.count = answer.leased.length
    for (const leased of answer.leased) {
      this.#leases.set(deliveryId(leased), { ...leased, until: performance.now() + this.leaseMs })
    }
    const isLimited = rate != null && begun + start.count >= rate.limit && (answer.nextDue ?? now + 1) <= now
    return isLimited ? { ...answer, limitedUntil: now + (starts[0] ?? start).at + rate.intervalMs + 1 - at } : answer
  }

  #startsOf(subscription: number): { at: number; count: number }[] {
    return this.#starts.get(subscription) ?? []
  }

  #renew(lease: LeaseKey): boolean {
    const held = this.#leases.get(deliveryId(lease))
    if (held?.attempt !== lease.attempt) return false
    held.until = performance.now() + this.leaseMs
    return true
  }

  async #releaseLost(now: number): Promise<number> {
    const lost = [...this.#leases].filter(([, { until }]) => until <= performance.now())
    for (const [id] of lost) this.#leases.delete(id)
    const settlements = lost.map(([, lease]): Settlement => {
      const state = lease.spent > 0 ? 'retrying' : 'pending'
      return { ...lease, ...released, state, due: now, holds: false, startedAt: now, elapsedMs: 0 }
    })
    return (await this.#store.settle(settlements, now)).filter(Boolean).length
  }

  async #settle(settlements: readonly Settlement[], now: number): Promise<boolean[]> {
    const counted = await this.#store.settle(settlements, now)
    for (const [index, settlement] of settlements.entries()) {
      if (counted[index]) this.#leases.delete(deliveryId(settlement))
    }
    return counted
  }

  #swapBreaker(subscription: number, known: BreakerState, next: BreakerState): Promise<boolean> {
    const swapped = this.#swapping.then(async () => {
      const row = (await this.#store.subscriptions()).find(({ number }) => number === subscription)
      if (JSON.stringify(row?.breaker) !== JSON.stringify(known)) return false
      await this.#store.swapBreaker(subscription, known, next)
      return true
    })
    this.#swapping = swapped
    void swapped.then(done => done && this.#tell())
    return swapped
  }
}
