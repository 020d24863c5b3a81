// What the routes about deliveries work with.
import { z } from '@hono/zod-openapi'
import type { Chance, Clock } from '../clock.ts'
import type { DeliveryControl } from '../delivery/control.ts'
import type { Egress } from '../delivery/egress.ts'
import { AppError } from '../errors.ts'
import type { SealedBox } from '../ingest/sealed-box.ts'
import type { Announcer } from '../own-events.ts'
import type { SubscriptionRow } from '../store/deliveries.ts'
import type { Store } from '../store/store.ts'
import type { Cursors } from './cursor.ts'

export interface DeliveryRoutesParts {
  store: Store
  control: DeliveryControl
  announcer: Pick<Announcer, 'announce'>
  /** What subscriptions that are made here are sealed with. */
  box: SealedBox
  /** Where those may call. */
  egress: Pick<Egress, 'check'>
  cursor: Cursors
  clock: Clock
  chance: Chance
  /** How long a dry run may look for matches. Default 5,000 ms. */
  dryRunMs?: number | undefined
}

/** A body's member that names one. */
export const subscriptionMember = z
  .string({ error: 'expected the name of a subscription' })
  .max(63)
  .meta({ description: "the subscription's name" })

export async function subscriptionRow(store: Store, name: string): Promise<SubscriptionRow | undefined> {
  return (await store.deliveries.subscriptions()).find(row => row.name === name)
}

/** The subscription that a body names. Throws AppError where there is none, or none any more. */
export async function namedSubscription(store: Store, name: string): Promise<SubscriptionRow> {
  const row = await subscriptionRow(store, name)
  if (row === undefined) {
    throw new AppError('bad_request', 'there is no such subscription', {
      errors: [{ pointer: '/subscription', detail: 'expected the name of a subscription' }],
    })
  }
  return assertThere(row)
}

/** Throws AppError `subscription_removed`: what would be done to it has no effect any more. */
export function assertThere(row: SubscriptionRow): SubscriptionRow {
  if (row.removedAt === null) return row
  throw new AppError('subscription_removed', `the subscription ${row.name} was removed, and delivers nothing more`)
}
