// Calls of our own: only http and https, only where egress allows, and no redirect followed.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createEgress } from '../../src/delivery/egress.ts'
import { egressFetch } from '../../src/delivery/egress-fetch.ts'
import { answers, huge, never, redirects, type Subscriber, startSubscriber } from '../support/subscriber.ts'

const open = egressFetch(createEgress({ allowPrivate: true, allow: [] }))
let subscriber: Subscriber

beforeEach(async () => {
  subscriber = await startSubscriber({ behaviour: answers(200, { 'content-type': 'application/json' }, '{"a":1}') })
})
afterEach(() => subscriber.close())

test('an ordinary answer', async () => {
  const response = await open(subscriber.url, { method: 'POST', body: 'x=1', headers: { 'x-a': 'b' } })
  expect([response.status, await response.json()]).toEqual([200, { a: 1 }])
  expect(subscriber.received[0]).toMatchObject({ method: 'POST', text: 'x=1', headers: { 'x-a': 'b' } })
})

test('a redirect is an answer, or an error, and its location is never called', async () => {
  const other = await startSubscriber()
  subscriber.behave(redirects(other.url))
  for (const redirect of [undefined, 'manual', 'follow'] as const) {
    const response = await open(subscriber.url, redirect === undefined ? {} : { redirect })
    expect([response.status, response.headers.get('location')]).toEqual([302, other.url])
    await response.body?.cancel()
  }
  await expect(open(subscriber.url, { redirect: 'error' })).rejects.toThrow()
  expect(other.received).toEqual([])
  await other.close()
})

test('an address that is not allowed is not called', async () => {
  const closed = egressFetch(createEgress({ allowPrivate: false, allow: [] }))
  const error = await closed(subscriber.url).catch((reason: Error) => reason)
  expect((error as Error).cause).toMatchObject({ code: 'EGRESS_REFUSED' })
  expect(subscriber.connections).toBe(0)
  const allowed = egressFetch(createEgress({ allowPrivate: false, allow: ['127.0.0.0/8'] }))
  expect((await allowed(subscriber.url)).status).toBe(200)
})

test.each(['data:text/plain,x', 'file:///etc/passwd', 'ftp://127.0.0.1/', 'blob:nodedata:1', 'about:blank'])(
  '%s is not fetched',
  async url => {
    await expect(open(url)).rejects.toThrow(TypeError)
  },
)

test('an answer without end, and none at all, are errors', async () => {
  const egress = createEgress({ allowPrivate: true, allow: [] })
  const short = egressFetch(egress, { answerBytesMax: 100_000, answerTimeoutMs: 200 })
  subscriber.behave(huge())
  const response = await short(subscriber.url)
  await expect(response.text()).rejects.toThrow()
  subscriber.behave(never)
  await expect(short(subscriber.url)).rejects.toThrow()
})
