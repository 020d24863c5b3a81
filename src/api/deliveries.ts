// The routes of deliveries: what became of each, and trying one again.
import type { Context } from 'hono'
import { z } from 'zod'
import { AppError } from '../errors.ts'
import { decodeId } from '../ids.ts'
import { type DeliveryFilter, deliveryKey } from '../store/deliveries.ts'
import { readBody } from './body.ts'
import { describeAttempt, describeDeliveries } from './delivery-form.ts'
import { assertThere, type DeliveryRoutesParts, subscriptionRow } from './delivery-parts.ts'
import type { Api } from './events.ts'
import { badParameter, deliveryListParameters, limitDefault, noParameters, readParameters } from './parameters.ts'
import { found } from './resource.ts'

export function deliveryRoutes(api: Api, { store, control, cursor, clock }: DeliveryRoutesParts): void {
  const { deliveries } = store

  api.get('/deliveries', async context => {
    const {
      subscription,
      state,
      limit = limitDefault,
      cursor: given,
    } = readParameters(deliveryListParameters, context.req.url)
    const filter: DeliveryFilter = {}
    if (subscription !== undefined) {
      const row = await subscriptionRow(store, subscription)
      if (row === undefined) throw badParameter('subscription', 'there is no such subscription')
      filter.subscription = row.number
    }
    if (state !== undefined) filter.state = state
    const question = { list: 'deliveries', subscription, state }
    const page = { limit, ...(given === undefined ? {} : { cursor: cursor.readPlace(given, question) }) }
    const { items, next } = await deliveries.list(filter, page)
    return context.json({
      items: await describeDeliveries(store, items),
      next: next === null ? null : cursor.writePlace(next, question),
    })
  })

  api.get('/deliveries/:id', async context => {
    readParameters(noParameters, context.req.url)
    const key = keyOf(context)
    const delivery = found(await deliveries.delivery(key))
    const [described] = await describeDeliveries(store, [delivery])
    return context.json({ ...described, attempts: (await deliveries.attempts(key)).map(describeAttempt) })
  })

  api.get('/events/:id/deliveries', async context => {
    readParameters(noParameters, context.req.url)
    const id = found(decodeId('evt_', context.req.param('id')))
    const event = found(await store.event(id))
    return context.json({
      items: await describeDeliveries(store, await deliveries.ofEvent(event.sequence)),
      next: null,
    })
  })

  api.post('/deliveries/:id/retry', async context => {
    readParameters(noParameters, context.req.url)
    const key = keyOf(context)
    const { state } = found(await deliveries.delivery(key))
    await readBody(context, z.strictObject({}))
    const row = (await deliveries.subscriptions()).find(({ number }) => number === key.subscription)
    assertThere(found(row))
    if (!(await deliveries.retry(key, clock.now()))) {
      throw new AppError(
        'not_settled',
        `this delivery is ${state}: only one that is dead, skipped or cancelled is tried again; ` +
          'one that succeeded can be replayed by its event',
      )
    }
    control.changed()
    const [described] = await describeDeliveries(store, [found(await deliveries.delivery(key))])
    return context.json(described!)
  })
}

function keyOf(context: Context) {
  return found(deliveryKey(context.req.param('id') ?? ''))
}
