// `/metrics` as Prometheus reads it: what was counted, who may ask, and what is left out where it cannot be had.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { basic } from '../../src/checks/basic.ts'
import { defineConfig, http } from '../../src/index.ts'
import { startTestGateway, type TestGateway, testToken } from '../support/gateway.ts'
import { send } from '../support/http.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'
import { readScrape, type Scrape } from '../support/prometheus.ts'
import { answers, type Subscriber, startSubscriber } from '../support/subscriber.ts'
import { until } from '../support/until.ts'

const authorization = `Bearer ${testToken}`

async function scrapeOf(gateway: TestGateway): Promise<Scrape> {
  const answer = await send(gateway.gateway.adminUrl, '/metrics', { headers: { authorization } })
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
  expect(answer.headers['cache-control']).toBe('no-store')
  return readScrape(answer.text)
}

describe('what is received', () => {
  const unknown = ['core.learnt_later']
  const sources = {
    arix: plain({ check: basic({ username: 'arix', password: 'right-one' }) }),
    core: plain({ vendor: 'core', unknown }),
  }
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startTestGateway({ config: { sources } })
  })
  afterAll(() => gateway.close())

  const requests = (scrape: Scrape, source: string, verdict: string) =>
    scrape.samples.get(`postern_requests_total{source="${source}",verdict="${verdict}"}`)

  test('is there at nought for each source, before anything has come', async () => {
    const scrape = await scrapeOf(gateway)
    for (const source of ['arix', 'core']) {
      for (const verdict of ['accepted', 'duplicate', 'quarantined', 'rejected', 'failed']) {
        expect(requests(scrape, source, verdict)).toBe(0)
      }
    }
    expect(scrape.samples.get('postern_store_up')).toBe(1)
    expect(scrape.samples.get('postern_quarantine_entries')).toBe(0)
  })

  test('is counted by source and verdict', async () => {
    const wrong = { authorization: `Basic ${Buffer.from('arix:wrong-one').toString('base64')}` }
    for (const key of ['1', '2', '2']) await gateway.post('/hooks/core', plainBody({ key }))
    await gateway.post('/hooks/core', 'no list')
    await gateway.post('/hooks/arix', 'x', wrong)
    await gateway.post('/hooks/arix', 'x')
    await gateway.post('/hooks/nobody', 'x')
    await gateway.post('/hooks/%22%7Devil%5C%0A', 'x')
    await gateway.request('/hooks/core')
    await gateway.request('/hooks/core', { method: 'DELETE' })
    const scrape = await scrapeOf(gateway)
    const counted = [...scrape.samples].flatMap(([key, value]) =>
      key.startsWith('postern_requests_total') && value > 0
        ? [[key.slice('postern_requests_total'.length), value]]
        : [],
    )
    expect(Object.fromEntries(counted)).toEqual({
      '{source="core",verdict="accepted"}': 2,
      '{source="core",verdict="duplicate"}': 1,
      '{source="core",verdict="quarantined"}': 1,
      '{source="core",verdict="pinged"}': 1,
      '{source="core",verdict="method_not_allowed"}': 1,
      '{source="arix",verdict="rejected"}': 1,
      '{source="arix",verdict="challenged"}': 1,
      '{source="",verdict="no_such_source"}': 2,
    })
    expect(scrape.samples.get('postern_quarantine_entries')).toBe(1)
    // What is acknowledged, and nothing else.
    expect(scrape.samples.get('postern_ack_seconds_count{source="core"}')).toBe(4)
    expect(scrape.samples.get('postern_ack_seconds_bucket{le="+Inf",source="core"}')).toBe(4)
    expect(scrape.samples.get('postern_ack_seconds_count{source="arix"}')).toBe(0)
    const seconds = scrape.samples.get('postern_ack_seconds_sum{source="core"}')!
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThan(4)
    expect(scrape.samples.get('postern_commit_seconds_count')).toBeGreaterThanOrEqual(4)
    expect(scrape.samples.get('postern_commit_batch_size_sum')).toBeGreaterThanOrEqual(4)
  })

  test('events are counted by type, and whatever is in no catalogue is one type', async () => {
    const before = await scrapeOf(gateway)
    const body = plainBody(
      { key: 'a', type: 'loan.created' },
      { key: 'b', type: 'loan.created' },
      ...Array.from({ length: 50 }, (_, index) => ({ key: `c${index}`, type: `core.made_up.number_${index}` })),
      // One that was there before.
      { key: '1' },
    )
    expect((await gateway.post('/hooks/core', body)).status).toBe(200)
    const after = await scrapeOf(gateway)
    const grown = (type: string) => {
      const key = `postern_events_total{source="core",type="${type}"}`
      return (after.samples.get(key) ?? 0) - (before.samples.get(key) ?? 0)
    }
    expect([grown('loan.created'), grown('other')]).toEqual([2, 50])
    const types = [...after.samples.keys()].filter(key => key.startsWith('postern_events_total'))
    expect(types).toHaveLength(2)
  })

  test('what is let out of quarantine is an event too', async () => {
    const others = async () => (await scrapeOf(gateway)).samples.get('postern_events_total{source="core",type="other"}')
    const before = (await others())!
    await gateway.post('/hooks/core', plainBody({ key: 'later', type: 'core.learnt_later' }))
    expect(await others()).toBe(before)
    unknown.length = 0
    await gateway.api('/quarantine/release', { method: 'POST', body: '{}' })
    expect(await others()).toBe(before + 1)
  })

  test('nothing that a sender made up is in it, and no secret', async () => {
    await gateway.post('/hooks/core', plainBody({ key: 'k', type: 'core.very_unusual', subject: 'loan/SECRET1' }))
    await gateway.post('/hooks/core?token=SECRET2', 'SECRET3', { 'x-made-up': 'SECRET4' })
    const { text } = await send(gateway.url, '/metrics', { headers: { authorization } })
    expect(text).not.toMatch(/SECRET|unusual|made_up|learnt|evil|nobody|right-one/)
    expect(text).not.toContain(testToken)
  })

  test('the process is in it, under our prefix', async () => {
    const scrape = await scrapeOf(gateway)
    for (const name of scrape.types.keys()) expect(name).toMatch(/^postern_/)
    expect(scrape.samples.get('postern_process_resident_memory_bytes')).toBeGreaterThan(1e6)
    // Only our own measure of the loop: prom-client's would wake an idle process a hundred times a second.
    expect(scrape.samples.get('postern_loop_delay_seconds{quantile="1"}')).toBeGreaterThanOrEqual(0)
    expect([...scrape.types.keys()].filter(name => name.includes('eventloop'))).toEqual([])
    for (const name of scrape.types.keys()) expect(scrape.helps.get(name)).toMatch(/./)
  })

  test('many scrapes at once are one', async () => {
    const texts = await Promise.all(
      Array.from({ length: 20 }, () => send(gateway.url, '/metrics', { headers: { authorization } })),
    )
    for (const { status, text } of texts) {
      expect(status).toBe(200)
      readScrape(text)
    }
  })
})

describe('who may ask', () => {
  const config = { sources: { plain: plain() } }
  let together: TestGateway
  let apart: TestGateway
  beforeAll(async () => {
    together = await startTestGateway({ config })
    apart = await startTestGateway({ config, env: { POSTERN_ADMIN_PORT: '0' } })
  })
  afterAll(async () => {
    await together.close()
    await apart.close()
  })

  test.each([
    ['no token', {}],
    ['a wrong one', { authorization: 'Bearer wrong' }],
    ['the token under another scheme', { authorization: `Basic ${Buffer.from(`x:${testToken}`).toString('base64')}` }],
    ['the token in a cookie', { cookie: `token=${testToken}` }],
  ])('never with %s', async (_, headers) => {
    for (const { adminUrl } of [together.gateway, apart.gateway]) {
      for (const [method, query] of [
        ['GET', ''],
        ['GET', `?token=${testToken}`],
        ['POST', ''],
        ['OPTIONS', ''],
      ] as const) {
        expectProblem(await send(adminUrl, `/metrics${query}`, { method, headers }), 401, 'unauthenticated')
      }
      expect((await send(adminUrl, '/metrics', { method: 'HEAD', headers })).status).toBe(401)
    }
  })

  test('on a port of its own where there is one, and nowhere else', async () => {
    expect((await send(apart.url, '/metrics', { headers: { authorization } })).status).toBe(404)
    expect((await send(apart.gateway.adminUrl, '/metrics', { headers: { authorization } })).status).toBe(200)
  })

  test('by GET and HEAD', async () => {
    const headers = { authorization }
    const answer = await send(together.url, '/metrics', { method: 'POST', headers })
    expectProblem(answer, 405, 'method_not_allowed')
    expect(answer.headers.allow).toBe('GET, HEAD')
    const head = await send(together.url, '/metrics', { method: 'HEAD', headers })
    expect([head.status, head.text]).toEqual([200, ''])
  })
})

describe('what is delivered', () => {
  let gateway: TestGateway | undefined
  const subscribers: Subscriber[] = []
  afterEach(async () => {
    await gateway?.close()
    await Promise.all(subscribers.splice(0).map(subscriber => subscriber.close()))
  })

  test('is counted by subscription, in the thread that delivers and in the store', async () => {
    const well = await startSubscriber({ behaviour: answers(200) })
    const ill = await startSubscriber({ behaviour: answers(500) })
    subscribers.push(well, ill)
    gateway = await startTestGateway({
      config: defineConfig({
        sources: { plain: plain() },
        subscriptions: {
          well: { to: http({ url: well.url }) },
          ill: { to: http({ url: ill.url }), retry: { scheduleMs: [0] } },
        },
      }),
    })
    for (let index = 0; index < 3; index++) await gateway.post('/hooks/plain', plainBody({ key: String(index) }))
    await well.atLeast(3)
    await ill.atLeast(3)
    let scrape!: Scrape
    const of = (name: string, labels: string) => scrape.samples.get(`${name}{${labels}}`)
    // The parts of a scrape are read side by side: the store's may be later than the thread's.
    await until('all of it is settled, and the thread has been asked since', async () => {
      scrape = await scrapeOf(gateway!)
      return (
        of('postern_deliveries', 'subscription="well",state="succeeded"') === 3 &&
        of('postern_deliveries', 'subscription="ill",state="dead"') === 3 &&
        of('postern_attempts_total', 'subscription="well",result="succeeded"')! >= 3 &&
        of('postern_attempts_total', 'subscription="ill",result="failed"')! >= 3 &&
        // What is told of those that died is an event, too.
        ['well', 'ill'].every(name => of('postern_backlog_events', `subscription="${name}"`) === 0)
      )
    })
    expect(of('postern_attempts_total', 'subscription="well",result="succeeded"')).toBe(3)
    expect(of('postern_attempts_total', 'subscription="ill",result="failed"')).toBe(3)
    expect(of('postern_attempt_seconds_count', 'subscription="well"')).toBe(3)
    for (const subscription of ['well', 'ill']) {
      expect(of('postern_backlog_events', `subscription="${subscription}"`)).toBe(0)
      expect(of('postern_subscription_paused', `subscription="${subscription}"`)).toBe(0)
      expect(of('postern_breaker_state', `subscription="${subscription}"`)).toBe(0)
      expect(of('postern_lanes_held', `subscription="${subscription}"`)).toBe(0)
      expect(of('postern_oldest_unsettled_seconds', `subscription="${subscription}"`)).toBe(0)
    }
    for (const part of ['health', 'quarantine', 'deliveries', 'thread']) {
      expect(of('postern_scrape_part_up', `part="${part}"`)).toBe(1)
    }
    expect(of('postern_delivery_loop_delay_seconds', 'quantile="0.99"')).toBeGreaterThanOrEqual(0)
  })
})
