// Subscribers that are away for a while: one that said it wants nothing more, and one that was not there.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { http } from '../../src/config/http.ts'
import type { SubscriptionOptions } from '../../src/config/subscription-options.ts'
import { FanOut, idsOf } from '../support/fan-out.ts'
import { answers, type Subscriber } from '../support/subscriber.ts'
import { until } from '../support/until.ts'

let fanOut: FanOut
let beside: Subscriber
let tried: Subscriber

beforeEach(async () => {
  fanOut = new FanOut()
  beside = await fanOut.subscriber()
  tried = await fanOut.subscriber()
})

afterEach(() => fanOut.close())

function start(options: SubscriptionOptions = { retry: { scheduleMs: [0, 10] } }): Promise<void> {
  return fanOut.start({
    beside: { to: http({ url: beside.url }) },
    tried: { breaker: { failures: 1_000_000 }, concurrency: 1, ...options, to: http({ url: tried.url }) },
  })
}

test('410: it is paused, stays so over a restart, and gets everything once it is resumed', async () => {
  const paused = async () => (await fanOut.row('tried')).paused
  tried.behave(answers(410))
  await start()
  const first = await fanOut.send(5)
  await until('it is paused', async () => (await paused()) === 'gone')
  const [told] = await fanOut.deliveries('tried')
  expect(told).toMatchObject({ spent: 1, told: [{ result: 'gone', status: 410 }] })

  tried.behave(answers(204))
  await start()
  const before = tried.received.length
  const second = await fanOut.send(5)
  await fanOut.reaches('beside', 'succeeded', 10)
  expect(await paused()).toBe('gone')
  expect(tried.received, 'nothing is sent to one that is paused').toHaveLength(before)

  const resumed = await fanOut.gateway.api('/subscriptions/tried/resume', { method: 'POST' })
  expect(resumed.status, resumed.text).toBeLessThan(300)
  await fanOut.reaches('tried', 'succeeded', 10)
  expect(new Set(idsOf(tried.received))).toEqual(new Set([...first, ...second]))
  expect(idsOf(beside.received).sort()).toEqual([...first, ...second].sort())
})

test('one that was not there gets what came meanwhile, each once', async () => {
  const { port } = tried
  await tried.close()
  await start({ retry: { scheduleMs: [0, ...Array<number>(49).fill(100)] } })
  const ids = await fanOut.send(10)
  await fanOut.reaches('tried', 'retrying', 1)
  await fanOut.reaches('beside', 'succeeded', 10)
  const back = await fanOut.subscriber({ port })
  await fanOut.reaches('tried', 'succeeded', 10)
  expect(idsOf(back.received).sort()).toEqual([...ids].sort())
})
