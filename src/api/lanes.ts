// The route of lanes: letting one go on past the delivery that holds it.
import { z } from 'zod'
import { AppError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { readBody } from './body.ts'
import { describeDeliveries } from './delivery-form.ts'
import { type DeliveryRoutesParts, namedSubscription } from './delivery-parts.ts'
import type { Api } from './events.ts'
import { eventListParameters, noParameters, readParameters } from './parameters.ts'
import { found } from './resource.ts'

/** Events of a subject that are looked at for its namespaces. */
const eventsMax = 500

const skipBody = z.strictObject({
  subscription: z.string({ error: 'expected the name of a subscription' }).max(63),
  subject: eventListParameters.shape.subject.unwrap(),
  namespace: z.string({ error: 'expected a namespace' }).min(1).max(1_000).optional(),
})

export function laneRoutes(api: Api, { store, control, clock }: DeliveryRoutesParts): void {
  api.post('/lanes/skip', async context => {
    readParameters(noParameters, context.req.url)
    const { subscription, subject, namespace } = await readBody(context, skipBody)
    const row = await namedSubscription(store, subscription)
    const within = namespace ?? (await onlyNamespace(store, subject))
    const skipped = await store.deliveries.skipLane(row.number, within, subject, clock.now())
    if (skipped === undefined) throw notHeld(subject)
    control.changed()
    const [described] = await describeDeliveries(store, [found(await store.deliveries.delivery(skipped))])
    return context.json({ skipped: described })
  })
}

/** Throws AppError where a subject of this name is in several: which one is meant is not guessed. */
async function onlyNamespace(store: Store, subject: string): Promise<string> {
  const { events } = await store.list({ filter: { subject }, order: 'newest', limit: eventsMax })
  const [first, ...others] = new Set(events.map(({ namespace }) => namespace))
  if (first === undefined) throw notHeld(subject)
  if (others.length === 0) return first
  const detail = `expected one of ${[first, ...others].join(', ')}: each has a subject of this name`
  throw new AppError('bad_request', detail, { errors: [{ pointer: '/namespace', detail }] })
}

function notHeld(subject: string): AppError {
  return new AppError('lane_not_held', `nothing of ${subject} is held: no delivery at the head of its lane is failing`)
}
