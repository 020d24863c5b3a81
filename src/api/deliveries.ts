// The routes of deliveries: what became of each, and trying one again.
import { AppError } from '../errors.ts'
import type { Delivery, DeliveryFilter, DeliveryKey } from '../store/deliveries.ts'
import type { Principal } from './access.ts'
import { nothing } from './body.ts'
import { paging } from './cursor.ts'
import {
  attemptExample,
  deliveryExample,
  deliveryForm,
  deliveryWithAttemptsForm,
  describeAttempt,
  describeDeliveries,
} from './delivery-form.ts'
import { assertThere, type DeliveryRoutesParts, subscriptionRow } from './delivery-parts.ts'
import { listForm } from './event-form.ts'
import { badParameter, deliveryListParameters } from './parameters.ts'
import { deliveryPath, eventPath } from './path.ts'
import { found } from './resource.ts'
import { type ApiRoute, defineRoute } from './route.ts'
import { seenBy } from './source-limits.ts'

const tag = 'Deliveries'
const deliveryListForm = listForm(deliveryForm).openapi('DeliveryList')
const listExample = { items: [deliveryExample], next: null }

export function deliveryRoutes({ store, control, cursor, clock }: DeliveryRoutesParts): ApiRoute[] {
  const { deliveries } = store

  const list = defineRoute(
    {
      method: 'get',
      path: '/deliveries',
      name: 'listDeliveries',
      tag,
      summary: 'Deliveries, newest first',
      scope: 'read',
      inTurn: true,
      query: deliveryListParameters,
      answers: { 200: { description: 'A page of deliveries', schema: deliveryListForm, example: listExample } },
      problems: ['bad_cursor'],
    },
    async ({ query: { subscription, state, ...query } }) => {
      const filter: DeliveryFilter = {}
      if (subscription !== undefined) {
        const row = await subscriptionRow(store, subscription)
        if (row === undefined) throw badParameter('subscription', 'there is no such subscription')
        filter.subscription = row.number
      }
      if (state !== undefined) filter.state = state
      const { page, nextOf } = paging(cursor, query, { list: 'deliveries', subscription, state })
      const { items, next } = await deliveries.list(filter, page)
      return { items: await describeDeliveries(store, items), next: nextOf(next) }
    },
  )

  const one = defineRoute(
    {
      method: 'get',
      path: '/deliveries/{id}',
      name: 'getDelivery',
      tag,
      summary: 'One delivery, with its attempts',
      scope: 'read',
      etag: true,
      bySource: true,
      params: deliveryPath,
      answers: {
        200: {
          description: 'The delivery',
          schema: deliveryWithAttemptsForm,
          example: { ...deliveryExample, attempts: [attemptExample] },
        },
      },
    },
    async ({ principal, params: { id } }) => {
      const delivery = await seen(principal, id)
      const [described] = await describeDeliveries(store, [delivery])
      return { ...described!, attempts: (await deliveries.attempts(id)).map(describeAttempt) }
    },
  )

  const ofEvent = defineRoute(
    {
      method: 'get',
      path: '/events/{id}/deliveries',
      name: 'listEventDeliveries',
      tag,
      summary: 'All deliveries of one event, replays among them',
      scope: 'read',
      inTurn: true,
      bySource: true,
      params: eventPath,
      answers: { 200: { description: 'The deliveries', schema: deliveryListForm, example: listExample } },
    },
    async ({ principal, params }) => {
      const event = seenBy(principal, await store.event(params.id))
      return { items: await describeDeliveries(store, await deliveries.ofEvent(event.sequence)), next: null }
    },
  )

  const retry = defineRoute(
    {
      method: 'post',
      path: '/deliveries/{id}/retry',
      name: 'retryDelivery',
      tag,
      summary: 'Tries a delivery that is dead, skipped or cancelled again',
      scope: 'operate',
      bySource: true,
      audit: 'delivery.retry',
      params: deliveryPath,
      body: nothing,
      answers: {
        200: {
          description: 'The delivery, with a fresh budget',
          schema: deliveryForm,
          example: { ...deliveryExample, state: 'pending', failures: 0 },
        },
      },
      problems: ['not_settled', 'subscription_removed'],
    },
    async ({ principal, params: { id } }) => {
      const { state } = await seen(principal, id)
      const row = (await deliveries.subscriptions()).find(({ number }) => number === id.subscription)
      assertThere(found(row))
      if (!(await deliveries.retry(id, clock.now()))) {
        throw new AppError(
          'not_settled',
          `this delivery is ${state}: only one that is dead, skipped or cancelled is tried again; ` +
            'one that succeeded can be replayed by its event',
        )
      }
      control.changed()
      const [described] = await describeDeliveries(store, [found(await deliveries.delivery(id))])
      return described!
    },
  )

  return [list, one, ofEvent, retry]

  /** Of an event that is no longer kept nobody knows whose it was. */
  async function seen(principal: Principal, key: DeliveryKey): Promise<Delivery> {
    const delivery = found(await deliveries.delivery(key))
    if (principal.sources === null) return delivery
    const [event] = await deliveries.events([key.sequence])
    seenBy(principal, event)
    return delivery
  }
}
