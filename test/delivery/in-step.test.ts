// Subscriptions that leave the configuration file, come back, or stand in an older one: what becomes of what they had.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { http } from '../../src/config/http.ts'
import { FanOut, idsOf } from '../support/fan-out.ts'
import { answers, type Subscriber } from '../support/subscriber.ts'

const dayMs = 86_400_000

let fanOut: FanOut
let kept: Subscriber
let tried: Subscriber
/** Whole gateways by their own clock; the delivery's retries go by the machine's. */
let days = 0
const clock = { now: () => Date.now() + days * dayMs }

beforeEach(async () => {
  days = 0
  fanOut = new FanOut()
  kept = await fanOut.subscriber()
  tried = await fanOut.subscriber()
})

afterEach(() => fanOut.close())

const keptAlone = () => ({ kept: { to: http({ url: kept.url }) } })
const both = () => ({
  ...keptAlone(),
  tried: {
    retry: { scheduleMs: [0, ...Array<number>(9).fill(300)] },
    breaker: { failures: 1_000_000 },
    to: http({ url: tried.url }),
  },
})

/** Three that it was to get and did not, then two that came when it was no longer there. */
async function removed(): Promise<{ before: string[]; meanwhile: string[] }> {
  tried.behave(answers(500))
  await fanOut.start(both(), { clock })
  const before = await fanOut.send(3)
  await fanOut.reaches('tried', 'retrying', 3)
  await fanOut.start(keptAlone(), { clock })
  const meanwhile = await fanOut.send(2)
  await fanOut.reaches('kept', 'succeeded', 5)
  tried.behave(answers(204))
  return { before, meanwhile }
}

async function unsettled(): Promise<number> {
  const { pending = 0, delivering = 0, retrying = 0, waiting = 0 } = await fanOut.counts('tried')
  return pending + delivering + retrying + waiting
}

describe('a subscription that is taken out of the configuration', () => {
  test('feeds nothing more, and is sent nothing', async () => {
    const at = async () => ({ cursor: (await fanOut.row('tried')).cursor, unsettled: await unsettled() })
    await removed()
    const [stood, got] = [await at(), tried.received.length]
    expect(stood).toEqual({ cursor: 3, unsettled: 3 })
    expect((await fanOut.row('tried')).removedAt).not.toBeNull()
    await fanOut.send(3)
    await fanOut.reaches('kept', 'succeeded', 8)
    expect(await at()).toEqual(stood)
    expect(tried.received).toHaveLength(got)
  })

  test('goes on where it stood when it comes back within 7 days', async () => {
    const { before, meanwhile } = await removed()
    days = 6.9
    const got = tried.received.length
    await fanOut.start(both(), { clock })
    await fanOut.reaches('tried', 'succeeded', 5)
    expect(idsOf(tried.received.slice(got)).sort()).toEqual([...before, ...meanwhile].sort())
    expect((await fanOut.row('tried')).removedAt).toBeNull()
  })

  test('has its unsettled deliveries cancelled after 7 days', async () => {
    await removed()
    days = 7.1
    await fanOut.start(keptAlone(), { clock })
    await fanOut.reaches('tried', 'cancelled', 3)
    expect(await fanOut.counts('tried')).toEqual({ cancelled: 3 })
  })

  test('begins anew when it comes back later, though no start between cancelled what it had', async () => {
    await removed()
    const got = tried.received.length
    days = 7.1
    await fanOut.start(both(), { clock })
    const [fresh] = await fanOut.send(1)
    await fanOut.reaches('tried', 'succeeded', 1)
    await fanOut.reaches('tried', 'cancelled', 3)
    expect(idsOf(tried.received.slice(got))).toEqual([fresh])
  })
})

test('a configuration of an older revision changes no subscription, and that is said', async () => {
  await fanOut.start(both(), { revision: 2 })
  const first = await fanOut.send(2)
  await fanOut.reaches('tried', 'succeeded', 2)
  const other = await fanOut.subscriber()
  await fanOut.start({ ...keptAlone(), other: { start: 'beginning', to: http({ url: other.url }) } }, { revision: 1 })
  expect(fanOut.gateway.lines()).toContainEqual(
    expect.objectContaining({
      msg: 'the subscriptions of a newer configuration are in force: these are not applied',
      revision: 1,
      applied: 2,
    }),
  )
  const second = await fanOut.send(2)
  await fanOut.reaches('kept', 'succeeded', 4)
  const rows = await fanOut.store.deliveries.subscriptions()
  expect(rows.map(({ name, removedAt }) => ({ name, removedAt }))).toEqual([
    { name: 'kept', removedAt: null },
    { name: 'tried', removedAt: null },
  ])
  expect(other.received).toEqual([])

  await fanOut.start(both(), { revision: 2 })
  await fanOut.reaches('tried', 'succeeded', 4)
  expect(idsOf(tried.received).sort()).toEqual([...first, ...second].sort())
})
