// What the compiler knows of a call: each route's parameters, its body and its answer. Checked by `npm run typecheck`; the
// test only proves that this file is among what is checked.
import { type Client, createClient, type Delivery, type Event } from 'postern/client'
import { expect, expectTypeOf, test } from 'vitest'

const client: Client = createClient({ url: 'http://127.0.0.1:1', token: 'none' })

/** Never called. */
async function calls() {
  const { data, response } = await client.GET('/events', { params: { query: { type: ['loan.*'], limit: 10 } } })
  expectTypeOf(data.items).toEqualTypeOf<Event[]>()
  expectTypeOf(data.next).toEqualTypeOf<string | null>()
  expectTypeOf(response).toEqualTypeOf<Response>()
  expectTypeOf((await client.GET('/events')).data.items[0]!.data.refs).toEqualTypeOf<Record<string, string>>()
  const { data: delivery } = await client.POST('/deliveries/{id}/retry', { params: { path: { id: 'dlv_1' } } })
  expectTypeOf(delivery).toExtend<Delivery>()
  const raw = await client.GET('/events/{id}/raw', { params: { path: { id: 'evt_1' } }, parseAs: 'arrayBuffer' })
  expectTypeOf(raw.data).toEqualTypeOf<ArrayBuffer>()
  await client.POST('/replays', { body: { filter: {}, subscription: 'book' }, signal: AbortSignal.timeout(1) })

  // @ts-expect-error no such route
  await client.GET('/nothing')
  // @ts-expect-error a route of another method
  await client.POST('/events')
  // @ts-expect-error the id is wanted
  await client.GET('/events/{id}')
  // @ts-expect-error no such parameter
  await client.GET('/events', { params: { query: { colour: 'red' } } })
  // @ts-expect-error what is no number
  await client.GET('/events', { params: { query: { limit: 'ten' } } })
  // @ts-expect-error the body is wanted
  await client.POST('/replays')
  // @ts-expect-error the subscription is wanted
  await client.POST('/replays', { body: { filter: {} } })
  for await (const event of client.events({ type: ['loan.*'], ref: ['loan:K0Z1Q'] }, { after: 0 })) {
    expectTypeOf(event).toEqualTypeOf<Event>()
  }
  // @ts-expect-error where to begin is no filter
  client.events({ after: '0' })
}

test('it is checked', () => expect(typeof calls).toBe('function'))
