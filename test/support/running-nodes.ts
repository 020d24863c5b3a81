// Several engines on one store in this process, with vitest's clock: see `SharedDeliveries`.
import { vi } from 'vitest'
import type { SubscriptionSpec } from '../../src/delivery/subscription.ts'
import type { EventRecord } from '../../src/store/record.ts'
import type { Answer } from './made-destination.ts'
import { MadeNode } from './made-node.ts'
import { pass, quiet } from './quiet.ts'
import { RunningEngine, type SpecFields, spec } from './running-engine.ts'
import { SharedDeliveries } from './shared-deliveries.ts'

export class RunningNodes {
  readonly nodes: MadeNode[] = []
  readonly specs = new Map<string, SubscriptionSpec>()
  /** Without an engine of its own. */
  readonly base: RunningEngine
  readonly shared: SharedDeliveries

  private constructor(base: RunningEngine) {
    this.base = base
    this.shared = new SharedDeliveries(base.deliveries)
  }

  static async open(): Promise<RunningNodes> {
    return new RunningNodes(await RunningEngine.open())
  }

  /** Before the nodes start. */
  async subscribe(name: string, fields: SpecFields = {}): Promise<number> {
    this.specs.set(name, spec(name, fields))
    return this.base.subscribe(name, fields)
  }

  /** Nodes whose destinations answer like this; they are not started. */
  make<Names extends readonly string[]>(names: readonly [...Names], answer?: Answer) {
    const made = names.map(name => {
      const node = new MadeNode(name)
      if (answer !== undefined) for (const subscription of this.specs.keys()) node.to(subscription).answer = answer
      return node
    })
    this.nodes.push(...made)
    return made as { [Index in keyof Names]: MadeNode }
  }

  async start(...nodes: MadeNode[]): Promise<void> {
    await Promise.all(nodes.map(node => node.start(this.shared.of(node.name), this.specs)))
    await this.quiet()
  }

  /** Resolves after all have heard of them. */
  async append(records: number | readonly EventRecord[]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const unlisten = this.base.deliveries.onAppended(resolve)
    await this.base.append(records)
    await promise
    unlisten()
    await this.quiet()
  }

  pass(ms: number, steps = 1): Promise<void> {
    return pass(ms, steps, () => this.shared.underWay)
  }

  quiet(): Promise<void> {
    return quiet(() => this.shared.underWay)
  }

  /** Sequences that were attempted, by whichever node. */
  attempted(subscription: string): number[] {
    return this.nodes.flatMap(node => node.to(subscription).sequences)
  }

  underWay(subscription: string): number {
    return this.nodes.reduce((sum, node) => sum + node.to(subscription).underWay, 0)
  }

  answer(subscription: string, answer: Answer): void {
    for (const node of this.nodes) node.to(subscription).answer = answer
  }

  async remove(): Promise<void> {
    this.shared.thaw()
    for (const node of this.nodes) {
      let closed = false
      const closing = node.close(0).finally(() => {
        closed = true
      })
      while (!closed) {
        node.endAll()
        await vi.advanceTimersByTimeAsync(1)
        await new Promise(resolve => setImmediate(resolve))
      }
      await closing
    }
    await this.base.remove()
  }
}
