// The routes of subscriptions: those of the configuration file and those made here, and what people do to them.
import { z } from '@hono/zod-openapi'
import PQueue from 'p-queue'
import { subscriptionName } from '../config/subscription-schema.ts'
import { EgressRefused } from '../delivery/egress.ts'
import { publicForm } from '../delivery/public-form.ts'
import { openSpec, sealSpec } from '../delivery/sealed-spec.ts'
import { firstCursor } from '../delivery/start.ts'
import type { HttpSpec, Start, SubscriptionSpec } from '../delivery/subscription.ts'
import { AppError } from '../errors.ts'
import type { SubscriptionRow } from '../store/deliveries.ts'
import { sequenceText } from '../store/record.ts'
import { nothing } from './body.ts'
import { assertThere, type DeliveryRoutesParts, subscriptionRow } from './delivery-parts.ts'
import { listForm } from './event-form.ts'
import { badParameter } from './parameters.ts'
import { newSubscriptionPath, subscriptionPath } from './path.ts'
import { found } from './resource.ts'
import { type ApiRoute, defineRoute } from './route.ts'
import { documentedSubscriptionBody, parseApiSubscription, subscriptionBody } from './subscription-body.ts'
import { subscriptionExample } from './subscription-example.ts'
import { describer, putSubscriptionForm, type ShownSubscription, subscriptionForm } from './subscription-form.ts'

const tag = 'Subscriptions'
const outcomeForm = z
  .object({
    result: z.enum(['succeeded', 'failed', 'dead', 'gone', 'released']),
    status: z.number().int().nullable(),
    reason: z.string().nullable(),
    answer: z.string().nullable(),
    retryAfterMs: z.number().nullable(),
  })
  .openapi('Outcome')
const retriedForm = z.object({ retried: z.number().int() }).openapi('Retried')
const theSubscription = {
  description: 'The subscription as it is now',
  schema: subscriptionForm,
  example: subscriptionExample,
}
const madeSecretBytes = 32
/** That are there at once: each looks at every append. */
const madeHereMax = 200

export function subscriptionRoutes(parts: DeliveryRoutesParts): ApiRoute[] {
  const { store, control, announcer, box, clock, chance } = parts
  const { deliveries } = store
  /** One at a time: of two that make one name each would tell a secret, and only one would hold. */
  const puts = new PQueue({ concurrency: 1 })

  const list = defineRoute(
    {
      method: 'get',
      path: '/subscriptions',
      name: 'listSubscriptions',
      tag,
      summary: 'All subscriptions, with their options and where they stand',
      scope: 'read',
      inTurn: true,
      answers: {
        200: {
          description: 'The subscriptions, by name',
          schema: listForm(subscriptionForm).openapi('SubscriptionList'),
          example: { items: [subscriptionExample], next: null },
        },
      },
    },
    async () => {
      const describe = await describer(store, box)
      const rows = await deliveries.subscriptions()
      rows.sort((a, b) => (a.name < b.name ? -1 : 1))
      return { items: await Promise.all(rows.map(describe)), next: null }
    },
  )

  const one = defineRoute(
    {
      method: 'get',
      path: '/subscriptions/{name}',
      name: 'getSubscription',
      tag,
      summary: 'One subscription',
      scope: 'read',
      etag: true,
      params: subscriptionPath,
      answers: { 200: theSubscription },
    },
    async ({ params: { name } }) => shown(await asked(name)),
  )

  const putOne = defineRoute(
    {
      method: 'put',
      path: '/subscriptions/{name}',
      name: 'putSubscription',
      tag,
      summary: 'Makes a subscription, or gives the options of one that was made here anew',
      description:
        'Without a `secret` in `to` one is made, and is in this one answer; on a later PUT without one those that there ' +
        'were stay. All else is as the last PUT says it.',
      scope: 'admin',
      audit: 'subscription.put',
      // Its body has secrets.
      auditDetail: ({ params: { name }, body }) => publicForm(parseApiSubscription(name, body)),
      params: newSubscriptionPath,
      body: subscriptionBody,
      documentedBody: documentedSubscriptionBody,
      bodyExample: { types: ['loan.*'], order: 'subject', to: { url: 'https://loan-book.example.com/events' } },
      answers: {
        200: { description: 'It has these options now', schema: putSubscriptionForm, example: subscriptionExample },
        201: {
          description: 'It is made',
          schema: putSubscriptionForm,
          example: { ...subscriptionExample, secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=' },
        },
      },
      problems: ['subscription_in_config', 'too_many_subscriptions'],
    },
    async ({ context, params: { name }, body: given }) => {
      const named = subscriptionName.safeParse(name)
      if (!named.success) throw badParameter('name', named.error.issues[0]!.message)
      const spec = parseApiSubscription(name, given)
      await assertCallable(spec.to)
      const { body, status } = await puts.add(() => put(spec))
      return context.json(body, status)
    },
  )

  const remove = defineRoute(
    {
      method: 'delete',
      path: '/subscriptions/{name}',
      name: 'deleteSubscription',
      tag,
      summary: 'Ends a subscription, and cancels what it has not delivered',
      scope: 'admin',
      audit: 'subscription.delete',
      params: subscriptionPath,
      answers: { 200: theSubscription },
      problems: ['subscription_in_config'],
    },
    async ({ params: { name } }) => {
      const row = await asked(name)
      if (row.origin === 'config') throw inConfig(row.name)
      await deliveries.remove(row.number, clock.now())
      control.changed()
      await deliveries.cancel(row.number, clock.now(), true)
      return shown(await asked(name))
    },
  )

  const pausing = (
    [
      ['pause', 'person', 'Pauses a subscription: what comes meanwhile waits in the log'],
      [
        'resume',
        null,
        'Resumes a subscription that a person or an answer of 410 has paused; an open breaker tries it at once',
      ],
    ] as const
  ).map(([action, by, summary]) =>
    defineRoute(
      {
        method: 'post',
        path: `/subscriptions/{name}/${action}`,
        name: `${action}Subscription`,
        tag,
        summary,
        scope: 'operate',
        audit: `subscription.${action}`,
        params: subscriptionPath,
        body: nothing,
        answers: { 200: theSubscription },
        problems: ['subscription_removed'],
      },
      async ({ params: { name } }) => {
        const row = assertThere(await asked(name))
        await deliveries.pause(row.number, by, clock.now())
        if (by === null) await probeAtOnce(row)
        control.changed()
        if (by !== null) {
          announcer.announce('postern.subscription.paused', row.name, { refs: { subscription: row.name }, by })
        }
        return shown(await asked(name))
      },
    ),
  )

  const test = defineRoute(
    {
      method: 'post',
      path: '/subscriptions/{name}/test',
      name: 'testSubscription',
      tag,
      summary: 'Sends one made event now, which is stored nowhere, and answers with the outcome',
      description: 'Where it succeeds and the breaker is open, what waits is tried at once.',
      scope: 'operate',
      audit: 'subscription.test',
      params: subscriptionPath,
      body: nothing,
      answers: {
        200: {
          description: 'How the attempt ended',
          schema: outcomeForm,
          example: { result: 'succeeded', status: 204, reason: null, answer: '', retryAfterMs: null },
        },
      },
      problems: ['subscription_removed'],
    },
    async ({ params: { name } }) => {
      const row = assertThere(await asked(name))
      const outcome = await control.test(row.name)
      if (outcome === undefined) throw new AppError('unavailable', 'this subscription is not at work here')
      if (outcome.result === 'succeeded' && (await probeAtOnce(await asked(name)))) control.changed()
      return outcome
    },
  )

  const retry = defineRoute(
    {
      method: 'post',
      path: '/subscriptions/{name}/retry',
      name: 'retrySubscription',
      tag,
      summary: 'Tries all its dead deliveries again, with a fresh budget',
      scope: 'operate',
      audit: 'subscription.retry',
      params: subscriptionPath,
      body: nothing,
      answers: { 200: { description: 'How many', schema: retriedForm, example: { retried: 3 } } },
      problems: ['subscription_removed'],
    },
    async ({ params: { name } }) => {
      const row = assertThere(await asked(name))
      const retried = await deliveries.retryDead(row.number, clock.now())
      control.changed()
      return { retried }
    },
  )

  return [list, one, putOne, remove, ...pausing, test, retry]

  async function put(
    spec: SubscriptionSpec & { to: HttpSpec },
  ): Promise<{ body: z.infer<typeof putSubscriptionForm>; status: 200 | 201 }> {
    const { name } = spec
    const rows = await deliveries.subscriptions()
    const row = rows.find(each => each.name === name)
    if (row?.origin === 'config' && row.removedAt === null) throw inConfig(name)
    const isThere = row !== undefined && row.removedAt === null
    if (!isThere && rows.filter(each => each.origin === 'api' && each.removedAt === null).length >= madeHereMax) {
      throw new AppError('too_many_subscriptions', `there are ${madeHereMax} subscriptions made here: delete one first`)
    }
    const made = keepOrMakeSecret(spec, isThere ? row : undefined)
    if (!isThere) await assertStart(spec.start)
    await deliveries.putSubscription({
      name,
      origin: 'api',
      spec: JSON.stringify(publicForm(spec)),
      sealed: sealSpec(spec, box),
      cursor: await firstCursor(store, spec.start),
      now: clock.now(),
    })
    control.changed()
    const body = await shown(found(await subscriptionRow(store, name)))
    // Nobody is told again.
    return { body: { ...body, ...(made === undefined ? {} : { secret: made }) }, status: isThere ? 200 : 201 }
  }

  /** Nobody waits for the end of a cool-down who knows better. Whether it was open. */
  async function probeAtOnce({ number, breaker }: SubscriptionRow): Promise<boolean> {
    // Where it has changed meanwhile it was tried.
    return breaker.state === 'open' && deliveries.swapBreaker(number, breaker, { ...breaker, until: clock.now() })
  }

  async function asked(name: string): Promise<SubscriptionRow> {
    return found(await subscriptionRow(store, name))
  }

  async function shown(row: SubscriptionRow): Promise<ShownSubscription> {
    return (await describer(store, box))(row)
  }

  /** A chat signs by its URL. What is signed keeps its secrets until others are given, since they cannot be read back. */
  function keepOrMakeSecret(spec: SubscriptionSpec & { to: HttpSpec }, row: SubscriptionRow | undefined) {
    const { to } = spec
    if (to.secrets.length > 0 || to.format === 'slack' || to.format === 'teams') return undefined
    const before = row === undefined ? undefined : openSpec(row, box)?.to
    if (before?.kind === 'http' && before.secrets.length > 0) {
      to.secrets = before.secrets
      return undefined
    }
    const made = `whsec_${chance.bytes(madeSecretBytes).toString('base64')}`
    to.secrets = [made]
    return made
  }

  /** What is refused at every attempt is refused now; a name that does not resolve now may later. */
  async function assertCallable({ url, auth }: HttpSpec): Promise<void> {
    const called: [pointer: string, url: string][] = [['/to/url', url]]
    if (auth?.kind === 'oauth') called.push(['/to/auth/tokenUrl', auth.tokenUrl])
    for (const [pointer, target] of called) {
      try {
        await parts.egress.check(new URL(target).hostname)
      } catch (error) {
        if (!(error instanceof EgressRefused)) continue
        throw new AppError('bad_request', `${pointer} may not be called: ${error.message}`, {
          errors: [{ pointer, detail: error.message }],
        })
      }
    }
  }

  /** Never skips in silence, and never waits for a log that is another one's. */
  async function assertStart(start: Start): Promise<void> {
    if (typeof start !== 'object' || !('sequence' in start)) return
    const { head, oldest } = await store.extent()
    const first = oldest === 0 ? head + 1 : oldest
    if (start.sequence >= first && start.sequence <= head + 1) return
    const detail = `expected a sequence from ${first}, the oldest kept, to ${head + 1}, the next one`
    throw new AppError('bad_request', `the log cannot be read from ${sequenceText(start.sequence)}`, {
      errors: [{ pointer: '/start/sequence', detail }],
    })
  }
}

function inConfig(name: string): AppError {
  return new AppError(
    'subscription_in_config',
    `${name} is a subscription of the configuration file: it can be paused, tested and retried here, and changed there`,
  )
}
