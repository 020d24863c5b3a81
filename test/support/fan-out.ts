// A gateway with subscribers behind it for one test: starting them, sending events, and what the store says of what
// became of each delivery.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { banclo } from '../../adapters/banclo/index.ts'
import type { Config } from '../../src/config/config.ts'
import { defineConfig } from '../../src/config/config.ts'
import type { AttemptRecord, Counts, Delivery, DeliveryState, SubscriptionRow } from '../../src/store/deliveries.ts'
import { eventId } from '../../src/store/record.ts'
import { type SignedRequest, secret, signedRequests } from '../faults/requests.ts'
import { startTestGateway, type TestGateway, type TestGatewayOptions } from './gateway.ts'
import { type Received, type Subscriber, type SubscriberOptions, startSubscriber } from './subscriber.ts'
import { until } from './until.ts'

export type Told = Delivery & { event: string; told: AttemptRecord[] }

export class FanOut {
  readonly #folder = mkdtempSync(join(tmpdir(), 'postern-fan-out-'))
  readonly #subscribers: Subscriber[] = []
  #gateway: TestGateway | undefined

  get gateway(): TestGateway {
    return this.#gateway!
  }

  get store() {
    return this.gateway.gateway.store
  }

  async subscriber(options: SubscriberOptions = {}): Promise<Subscriber> {
    const started = await startSubscriber(options)
    this.#subscribers.push(started)
    return started
  }

  /** Over the same database each time: a second start is a restart. */
  async start(
    subscriptions: NonNullable<Config['subscriptions']>,
    { revision, ...options }: Omit<TestGatewayOptions, 'config' | 'database'> & { revision?: number } = {},
  ): Promise<void> {
    await this.stop()
    this.#gateway = await startTestGateway({
      ...options,
      database: join(this.#folder, 'postern.db'),
      config: defineConfig({
        sources: { banclo: banclo({ check: banclo.signature({ secret, covers: 'body-without-security' }) }) },
        subscriptions,
        ...(revision === undefined ? {} : { revision }),
      }),
    })
  }

  async stop(): Promise<void> {
    await this.#gateway?.close()
    this.#gateway = undefined
  }

  /** Resolves with the events' ids, in the order of their sequences. */
  async send(requests: number | readonly SignedRequest[]): Promise<string[]> {
    const ids: string[] = []
    for (const { body } of typeof requests === 'number' ? signedRequests(requests) : requests) {
      const { status, json, text } = await this.gateway.post('/hooks/banclo', body)
      if (status !== 200) throw new Error(`answered ${status}: ${text}`)
      ids.push((json as { id: string }).id)
    }
    return ids
  }

  async row(name: string): Promise<SubscriptionRow> {
    const row = (await this.store.deliveries.subscriptions()).find(candidate => candidate.name === name)
    if (row === undefined) throw new Error(`there is no subscription ${name}`)
    return row
  }

  /** Those that are not none. */
  async counts(name: string): Promise<Partial<Counts>> {
    const counts = (await this.store.deliveries.counts()).get((await this.row(name)).number) ?? {}
    return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0))
  }

  /** Resolves once so many deliveries of this subscription are in this state. */
  async reaches(name: string, state: DeliveryState, count: number, limitMs = 60_000): Promise<void> {
    let last: Partial<Counts> = {}
    await until(
      `${count} of ${name} are ${state}`,
      async () => {
        last = await this.counts(name)
        return (last[state] ?? 0) >= count
      },
      limitMs,
    ).catch(error => {
      throw new Error(`${(error as Error).message}, but ${JSON.stringify(last)}`)
    })
  }

  /** Every delivery of this subscription with its attempts, oldest first. */
  async deliveries(name: string): Promise<Told[]> {
    const { number } = await this.row(name)
    const { deliveries } = this.store
    const told: Told[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page = await deliveries.list({ subscription: number }, { limit: 200, ...(cursor === '' ? {} : { cursor }) })
      for (const delivery of page.items) {
        const [event] = await deliveries.events([delivery.sequence])
        told.push({
          ...delivery,
          event: event === undefined ? '' : eventId(event.id),
          told: await deliveries.attempts(delivery),
        })
      }
      cursor = page.next
    }
    return told.reverse()
  }

  async close(): Promise<void> {
    await this.stop()
    await Promise.all(this.#subscribers.splice(0).map(subscriber => subscriber.close()))
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** The events' ids, in order of arrival. */
export function idsOf(received: readonly Received[]): string[] {
  return received.map(({ headers }) => String(headers['webhook-id']))
}
