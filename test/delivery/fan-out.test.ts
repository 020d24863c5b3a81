// From request to subscriber through the whole gateway, over real sockets.
import { afterEach, expect, test } from 'vitest'
import { banclo } from '../../adapters/banclo/index.ts'
import { defineConfig, http } from '../../src/index.ts'
import { secret, signedRequests } from '../faults/requests.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { answers, type Subscriber, startSubscriber } from '../support/subscriber.ts'

let gateway: TestGateway | undefined
const subscribers: Subscriber[] = []

afterEach(async () => {
  await gateway?.close()
  gateway = undefined
  await Promise.all(subscribers.splice(0).map(subscriber => subscriber.close()))
})

async function subscriber(...args: Parameters<typeof startSubscriber>): Promise<Subscriber> {
  const started = await startSubscriber(...args)
  subscribers.push(started)
  return started
}

const signingSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

test('every event reaches every subscription that asks for it, once', async () => {
  const one = await subscriber()
  const two = await subscriber({ behaviour: answers(200) })
  const none = await subscriber()
  gateway = await startTestGateway({
    config: defineConfig({
      sources: { banclo: banclo({ check: banclo.signature({ secret, covers: 'body-without-security' }) }) },
      subscriptions: {
        one: { to: http({ url: one.url, secret: signingSecret }) },
        two: { types: ['loan.*'], to: http({ url: two.url }) },
        none: { types: ['payment.*'], to: http({ url: none.url }) },
      },
    }),
  })
  const ids = []
  for (const { body } of signedRequests(20)) {
    const answer = await gateway.post('/hooks/banclo', body)
    ids.push((answer.json as { id: string }).id)
  }
  await one.atLeast(20)
  await two.atLeast(20)
  for (const { received } of [one, two]) {
    expect(received.map(({ json }) => (json as { id: string }).id).sort()).toEqual([...ids].sort())
  }
  expect(none.received).toEqual([])
})
