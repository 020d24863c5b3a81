// One of several engines on a store: its own destinations, and what it said.
import { type Engine, startEngine } from '../../src/delivery/engine.ts'
import type { FlowWatcher } from '../../src/delivery/flow-parts.ts'
import type { SubscriptionSpec } from '../../src/delivery/subscription.ts'
import type { Deliveries } from '../../src/store/deliveries.ts'
import { MadeDestination } from './made-destination.ts'
import type { Told } from './running-engine.ts'

export class MadeNode {
  readonly name: string
  readonly told: Told[] = []
  readonly destinations = new Map<string, MadeDestination>()
  #engine: Engine | undefined

  constructor(name: string) {
    this.name = name
  }

  /** Its destination of a subscription, there before the engine asks for it. */
  to(subscription: string): MadeDestination {
    let destination = this.destinations.get(subscription)
    if (destination === undefined) {
      destination = new MadeDestination()
      this.destinations.set(subscription, destination)
    }
    return destination
  }

  async start(store: Deliveries, specs: ReadonlyMap<string, SubscriptionSpec>): Promise<void> {
    const watcher = new Proxy({} as FlowWatcher, {
      get:
        (_, what: keyof FlowWatcher) =>
        (subscription: string, ...more: unknown[]) => {
          this.told.push([what, subscription, ...more])
        },
    })
    this.#engine = await startEngine({
      store,
      specOf: row => specs.get(row.name),
      open: ({ name }) => this.to(name),
      traced: (_event, _attributes, run) => run(`00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`),
      watcher,
      clock: { now: () => Date.now() },
      chance: { bytes: length => Buffer.alloc(length) },
    })
  }

  /** What it said of this kind. */
  heard(what: Told[0]): Told[] {
    return this.told.filter(([each]) => each === what)
  }

  async reload(): Promise<void> {
    await this.#engine?.reload()
  }

  close(graceMs: number): Promise<void> {
    const engine = this.#engine
    this.#engine = undefined
    return engine?.close(graceMs) ?? Promise.resolve()
  }

  /** Whatever its destinations are at ends. */
  endAll(): void {
    for (const destination of this.destinations.values()) for (const attempt of destination.open) attempt.end()
  }
}
