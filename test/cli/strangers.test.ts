// The commands where a gateway's answer is not what one expects: a stranger's, one with words that a terminal would obey,
// and one that says that nothing arrives for now.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCommand } from '../support/command.ts'
import { testToken } from '../support/gateway.ts'

test('words of others are printed without what a terminal would obey, whatever the command', async () => {
  const evil = '\u001b]0;evil\u0007\u009b31m'
  const answer = JSON.stringify({
    ...{ id: evil, name: evil, token: evil, scopes: [evil], state: evil, result: 'failed', status: null, reason: evil },
    replays: [{ id: evil, subscription: evil, delivery: evil }],
  })
  const stranger = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(answer)
  })
  await new Promise<void>(resolve => stranger.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`
  try {
    const all = await Promise.all(
      [
        ['subscriptions', 'test', 'book'],
        ['subscriptions', 'show', 'book'],
        ['deliveries', 'retry', 'dlv_1'],
        ['events', 'replay', 'evt_1'],
        ['tokens', 'revoke', 'tok_1'],
        ['tokens', 'create', 'loan-book', '--scope', 'read'],
      ].map(args => runCommand(args, { env: { POSTERN_URL: url, POSTERN_TOKEN: testToken } })),
    )
    for (const { stdout, stderr } of all) {
      expect(stdout).toContain('evil')
      expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
    }
  } finally {
    stranger.close()
  }
})

describe('where something else answers', () => {
  let stranger: Server
  let url: string
  let answer: { type: string; text: string }
  const ask = (...args: string[]) => runCommand(args, { env: { POSTERN_URL: url, POSTERN_TOKEN: testToken } })
  beforeAll(async () => {
    stranger = createServer((_, response) => {
      response.writeHead(200, { 'content-type': answer.type }).end(answer.text)
    })
    await new Promise<void>(resolve => stranger.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`
  })
  afterAll(() => stranger.close())

  test('a page is no gateway, whatever is asked', async () => {
    answer = { type: 'text/html', text: '<html>Sign in</html>' }
    const all = await Promise.all(
      [
        ['events', 'list'],
        ['events', 'export'],
        ['events', 'tail', '-f'],
        ['events', 'tail', '-f', '--after', '0'],
        ['events', 'show', 'evt_1', '--raw'],
      ].map(args => ask(...args)),
    )
    for (const { code, stdout, stderr } of all) {
      expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
      expect(stderr).toMatch(/^No gateway answers at \S+: 200: not an answer of Postern's\n$/)
    }
  })

  test('nor is JSON without what was asked for', async () => {
    answer = { type: 'application/json', text: '{"hello":[1]}' }
    const all = await Promise.all(
      [
        ['events', 'list'],
        ['events', 'list', '--json'],
        ['timeline', 'loan/L1'],
        ['events', 'tail', '-f', '--after', '0'],
      ].map(args => ask(...args)),
    )
    for (const { code, stdout, stderr } of all) {
      expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
      expect(stderr).toMatch(/^No gateway answers at /)
    }
  })
})

describe('what is sent once more to where nothing arrives', () => {
  let gatewayless: Server
  let url: string
  beforeAll(async () => {
    const breaker = { state: 'open', until: '2999-01-31T12:00:00.000Z' }
    const subscription = { problem: null, paused: null, breaker }
    const delivery = { subscription: 'book', state: 'pending' }
    const replays = { replays: [{ id: 'rpl_1', subscription: 'book', delivery: 'dlv_1' }] }
    gatewayless = createServer(({ url = '' }, response) => {
      const answer = url.includes('/subscriptions/') ? subscription : url.includes('/events/') ? replays : delivery
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
    await new Promise<void>(resolve => gatewayless.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(gatewayless.address() as AddressInfo).port}`
  })
  afterAll(() => gatewayless.close())

  test('is told of, once for each subscription', async () => {
    const ask = (...args: string[]) => runCommand(args, { env: { POSTERN_URL: url, POSTERN_TOKEN: testToken } })
    const [retried, replayed, resumed] = await Promise.all([
      ask('deliveries', 'retry', 'dlv_1', 'dlv_2'),
      ask('events', 'replay', 'evt_1', '-s', 'book'),
      ask('subscriptions', 'resume', 'book'),
    ])
    const held = /^nothing is sent to book: its breaker is open until 2999-01-31.*\n$/
    expect([retried.code, replayed.code, retried.stderr]).toEqual([0, 0, expect.stringMatching(held)])
    expect(replayed.stderr).toMatch(held)
    expect(resumed.stdout).toBe('book: its breaker is open, it is tried now.\n')
  })
})
