// The delivery's thread dies in mid-attempt, as it would of too little memory: the gateway goes on, another thread takes
// up what was leased, and nobody is charged for it.
import type { Worker as WorkerThread } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { http } from '../../src/config/http.ts'
import { FanOut, idsOf } from '../support/fan-out.ts'
import { answers, never } from '../support/subscriber.ts'
import { until } from '../support/until.ts'

const threads: WorkerThread[] = []

vi.mock('node:worker_threads', async original => {
  const real = await original<typeof import('node:worker_threads')>()
  class Worker extends real.Worker {
    constructor(...args: ConstructorParameters<typeof real.Worker>) {
      super(...args)
      if (String(args[0]).includes('delivery-thread')) threads.push(this)
    }
  }
  return { ...real, default: { ...real, Worker }, Worker }
})

let fanOut: FanOut

beforeEach(() => {
  threads.length = 0
  fanOut = new FanOut()
})
afterEach(() => fanOut.close())

test('a thread that dies in mid-attempt is followed by another, and nothing is lost or charged', async () => {
  const tried = await fanOut.subscriber({ behaviour: never })
  const lane = await fanOut.subscriber()
  const retry = { scheduleMs: [0], jitter: 0 }
  await fanOut.start({
    tried: { retry, concurrency: 4, to: http({ url: tried.url }) },
    lane: { retry, order: 'subject', to: http({ url: lane.url }) },
  })
  const before = await fanOut.send(10)
  await tried.atLeast(4)
  await fanOut.reaches('lane', 'succeeded', 10)
  expect(threads).toHaveLength(1)
  await threads[0]!.terminate()
  const meanwhile = await fanOut.send(5)
  tried.behave(answers(204))
  await until('another is there', () => threads.length === 2)
  for (const name of ['tried', 'lane']) await fanOut.reaches(name, 'succeeded', 15)
  const ids = [...before, ...meanwhile]
  expect(new Set(idsOf(tried.received))).toEqual(new Set(ids))
  expect(idsOf(lane.received).sort()).toEqual([...ids].sort())
  const deliveries = await fanOut.deliveries('tried')
  expect(Math.max(...deliveries.map(({ spent }) => spent)), 'one failure would have been the end').toBe(0)
  expect(deliveries.filter(({ attempts }) => attempts > 1)).not.toEqual([])
  expect(fanOut.gateway.lines().map(({ msg }) => msg)).toContain(
    'the delivery has ended and is started again; what it had leased is tried again',
  )
})
