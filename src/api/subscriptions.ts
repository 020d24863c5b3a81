// The routes of subscriptions: those of the configuration file and those made here, and what people do to them.
import type { Context } from 'hono'
import PQueue from 'p-queue'
import { z } from 'zod'
import { subscriptionName } from '../config/subscription-schema.ts'
import { EgressRefused } from '../delivery/egress.ts'
import { publicForm } from '../delivery/public-form.ts'
import { openSpec, sealSpec } from '../delivery/sealed-spec.ts'
import { firstCursor } from '../delivery/start.ts'
import type { HttpSpec, Start, SubscriptionSpec } from '../delivery/subscription.ts'
import { AppError } from '../errors.ts'
import type { SubscriptionRow } from '../store/deliveries.ts'
import { sequenceText } from '../store/record.ts'
import { readBody } from './body.ts'
import { assertThere, type DeliveryRoutesParts, subscriptionRow } from './delivery-parts.ts'
import type { Api } from './events.ts'
import { badParameter, noParameters, readParameters } from './parameters.ts'
import { found } from './resource.ts'
import { parseApiSubscription, subscriptionBody } from './subscription-body.ts'
import { describer } from './subscription-form.ts'

const nothing = z.strictObject({})
const madeSecretBytes = 32
/** That are there at once: each looks at every append. */
const madeHereMax = 200

export function subscriptionRoutes(api: Api, parts: DeliveryRoutesParts): void {
  const { store, control, announcer, box, clock, chance } = parts
  const { deliveries } = store
  /** One at a time: of two that make one name each would tell a secret, and only one would hold. */
  const puts = new PQueue({ concurrency: 1 })

  api.get('/subscriptions', async context => {
    readParameters(noParameters, context.req.url)
    const describe = await describer(store, box)
    const rows = await deliveries.subscriptions()
    rows.sort((a, b) => (a.name < b.name ? -1 : 1))
    return context.json({ items: await Promise.all(rows.map(describe)), next: null })
  })

  api.get('/subscriptions/:name', async context => context.json(await shown(await asked(context))))

  api.put('/subscriptions/:name', async context => {
    readParameters(noParameters, context.req.url)
    const name = context.req.param('name')
    const named = subscriptionName.safeParse(name)
    if (!named.success) throw badParameter('name', named.error.issues[0]!.message)
    const spec = parseApiSubscription(name, await readBody(context, subscriptionBody))
    await assertCallable(spec.to)
    const { body, status } = await puts.add(() => put(spec))
    return context.json(body, status)
  })

  async function put(spec: SubscriptionSpec & { to: HttpSpec }): Promise<{ body: object; status: 200 | 201 }> {
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

  api.delete('/subscriptions/:name', async context => {
    const row = await asked(context)
    if (row.origin === 'config') throw inConfig(row.name)
    await deliveries.remove(row.number, clock.now())
    control.changed()
    await deliveries.cancel(row.number, clock.now(), true)
    return context.json(await shown(await asked(context)))
  })

  for (const [action, by] of [
    ['pause', 'person'],
    ['resume', null],
  ] as const) {
    api.post(`/subscriptions/:name/${action}`, async context => {
      const row = assertThere(await asked(context))
      await readBody(context, nothing)
      await deliveries.pause(row.number, by, clock.now())
      control.changed()
      if (by !== null) {
        announcer.announce('postern.subscription.paused', row.name, { refs: { subscription: row.name }, by })
      }
      return context.json(await shown(await asked(context)))
    })
  }

  api.post('/subscriptions/:name/test', async context => {
    const row = assertThere(await asked(context))
    await readBody(context, nothing)
    const outcome = await control.test(row.name)
    if (outcome === undefined) throw new AppError('unavailable', 'this subscription is not at work here')
    return context.json(outcome)
  })

  api.post('/subscriptions/:name/retry', async context => {
    const row = assertThere(await asked(context))
    await readBody(context, nothing)
    const retried = await deliveries.retryDead(row.number, clock.now())
    control.changed()
    return context.json({ retried })
  })

  async function asked(context: Context): Promise<SubscriptionRow> {
    readParameters(noParameters, context.req.url)
    return found(await subscriptionRow(store, context.req.param('name') ?? ''))
  }

  async function shown(row: SubscriptionRow): Promise<object> {
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
