// The route of lanes: letting one go on past the delivery that holds it.
import { z } from '@hono/zod-openapi'
import { AppError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { deliveryExample, deliveryForm, describeDeliveries } from './delivery-form.ts'
import { type DeliveryRoutesParts, namedSubscription, subscriptionMember } from './delivery-parts.ts'
import { subjectParameter } from './parameters.ts'
import { found } from './resource.ts'
import { type ApiRoute, defineRoute } from './route.ts'

/** Events of a subject that are looked at for its namespaces. */
const eventsMax = 500

const skipBody = z.strictObject({
  subscription: subscriptionMember,
  subject: subjectParameter,
  namespace: z
    .string({ error: 'expected a namespace' })
    .min(1)
    .max(1_000)
    .optional()
    .meta({ description: 'must be said where several have such a subject' }),
})
const skippedForm = z.object({ skipped: deliveryForm }).openapi('SkippedLane')

export function laneRoutes({ store, control, clock }: DeliveryRoutesParts): ApiRoute[] {
  const skip = defineRoute(
    {
      method: 'post',
      path: '/lanes/skip',
      name: 'skipLane',
      tag: 'Deliveries',
      summary: "Skips what holds a subject's lane, so that what waits behind it goes on",
      scope: 'operate',
      audit: 'lane.skip',
      body: skipBody,
      bodyExample: { subscription: 'loan-book', subject: 'loan/K0Z1Q' },
      answers: {
        200: {
          description: 'The delivery that was skipped',
          schema: skippedForm,
          example: { skipped: { ...deliveryExample, state: 'skipped', dueAt: null } },
        },
      },
      problems: ['lane_not_held', 'subscription_removed'],
    },
    async ({ body: { subscription, subject, namespace } }) => {
      const row = await namedSubscription(store, subscription)
      const within = namespace ?? (await onlyNamespace(store, subject))
      const skipped = await store.deliveries.skipLane(row.number, within, subject, clock.now())
      if (skipped === undefined) throw notHeld(subject)
      control.changed()
      const [described] = await describeDeliveries(store, [found(await store.deliveries.delivery(skipped))])
      return { skipped: described! }
    },
  )
  return [skip]
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
