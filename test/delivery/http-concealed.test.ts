// Answers that repeat what they were sent: they are kept and shown, and what only the destination is to know is not.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Destination } from '../../src/delivery/destination.ts'
import type { HttpSpec } from '../../src/delivery/subscription.ts'
import { type Subscriber, startSubscriber } from '../support/subscriber.ts'
import { attemptOf, destinationTo } from './http-attempt.ts'

let subscriber: Subscriber
let destination: Destination | undefined

beforeEach(async () => {
  subscriber = await startSubscriber({
    behaviour: ({ received: { path, headers }, response }) => {
      const query = Object.fromEntries(new URL(path, 'http://localhost').searchParams)
      response.writeHead(500).end(JSON.stringify({ says: 'no such loan', path, query, headers }))
    },
  })
})
afterEach(async () => {
  await destination?.close()
  await subscriber.close()
})

async function answerTo(url: string, spec: Partial<HttpSpec>, token?: string): Promise<string> {
  const tokens = () => ({ token: async () => token!, refused: () => {} })
  destination = destinationTo(url, spec, token === undefined ? {} : { tokens })
  const { answer } = await destination.attempt(attemptOf())
  expect(answer).toContain('no such loan')
  return answer!
}

test.each<[string, Partial<HttpSpec>, string?]>([
  ['a bearer token', { auth: { kind: 'bearer', token: 'hunter-2' } }],
  ['a bearer token that JSON writes otherwise', { auth: { kind: 'bearer', token: 'hunter"2\\' } }],
  ['a password', { auth: { kind: 'basic', username: 'me', password: 'hunter-2' } }],
  ['a header', { headers: { 'x-key': 'hunter-2' } }],
  [
    'an access token',
    { auth: { kind: 'oauth', tokenUrl: 'http://127.0.0.1:9/', clientId: 'us', clientSecret: 'x', scopes: [] } },
    'hunter-2',
  ],
])('%s is not in the answer that is kept', async (_, spec, token) => {
  const answer = await answerTo(subscriber.url, spec, token)
  expect(answer).toContain('***')
  expect(answer).not.toContain('hunter')
  expect(answer).not.toContain(Buffer.from('me:hunter-2').toString('base64'))
})

test('nor is a key of the URL', async () => {
  const answer = await answerTo(`${subscriber.url}?code=hunter%2B22`, {})
  expect(answer).toContain('***')
  expect(answer).not.toContain('hunter')
})

test('nor the path where it is the key', async () => {
  const answer = await answerTo(`http://127.0.0.1:${subscriber.port}/services/T000/hunter`, { format: 'slack' })
  expect(answer).not.toContain('hunter')
})

test('what anybody may know is as it was', async () => {
  const answer = await answerTo(`${subscriber.url}?v=1`, { headers: { 'x-region': 'eu' } })
  expect(JSON.parse(answer)).toMatchObject({ says: 'no such loan', query: { v: '1' }, headers: { 'x-region': 'eu' } })
})
