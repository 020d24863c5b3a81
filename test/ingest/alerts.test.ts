// What of receiving people are told of, as ordinary events: bursts of rejections, bodies that are too large, and what
// waits in quarantine. Nobody gets such an event who does not name it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { basic } from '../../src/checks/basic.ts'
import { catalogue, type OwnEventType } from '../../src/event.ts'
import { alerts } from '../../src/ingest/alerts.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { standingClock } from '../support/standing-clock.ts'
import { until } from '../support/until.ts'

const start = Date.parse('2026-03-01T10:00:10Z')

describe('rejections of a source', () => {
  type Announced = [type: string, cause: string, times: number, data: object]
  const watched = () => {
    const time = standingClock(start)
    const announced: Announced[] = []
    const watch = alerts({
      announcer: {
        announce: (type, cause, data, { times = 1 } = {}) => void announced.push([type, cause, times, data]),
      },
      clock: time.clock,
    })
    return { time, announced, watch, total: () => announced.reduce((sum, [, , times]) => sum + times, 0) }
  }

  test('are nothing to speak of up to 20 in a minute; then all of them are', () => {
    const { announced, watch } = watched()
    for (let index = 0; index < 20; index++) watch.rejected('arix', 401)
    expect(announced).toEqual([])
    watch.rejected('arix', 403)
    watch.rejected('arix', 403)
    const data = { refs: { source: 'arix' }, cause: 'check_failed', httpStatus: 403 }
    expect(announced).toEqual([
      ['postern.rejections.spiked', 'arix', 21, data],
      ['postern.rejections.spiked', 'arix', 1, data],
    ])
  })

  test('a trickle is never a burst, and each minute begins anew', async () => {
    const { announced, watch, time, total } = watched()
    for (let index = 0; index < 200; index++) {
      watch.rejected('arix', 401)
      await time.pass(3_000)
    }
    expect(announced).toEqual([])
    for (let index = 0; index < 30; index++) watch.rejected('arix', 401)
    expect(total()).toBe(30)
    await time.pass(60_000)
    for (let index = 0; index < 20; index++) watch.rejected('arix', 401)
    expect(total()).toBe(30)
  })

  test('one source’s do not count as another’s', () => {
    const { announced, watch } = watched()
    for (let index = 0; index < 40; index++) watch.rejected(index % 2 === 0 ? 'arix' : 'banclo', 401)
    expect(announced).toEqual([])
  })

  test('a clock that is put back begins a minute too', async () => {
    const { announced, watch, time } = watched()
    for (let index = 0; index < 20; index++) watch.rejected('arix', 401)
    time.jump(-86_400_000)
    watch.rejected('arix', 401)
    expect(announced).toEqual([])
  })

  test('a body that is too large is told of from the first, as a cause of its own', () => {
    const { announced, watch } = watched()
    watch.rejected('arix', 413)
    const data = { refs: { source: 'arix' }, cause: 'body_too_large', httpStatus: 413 }
    expect(announced).toEqual([['postern.rejections.spiked', 'arix/body_too_large', 1, data]])
    for (let index = 0; index < 20; index++) watch.rejected('arix', 401)
    expect(announced).toHaveLength(1)
  })
})

describe('in a gateway', () => {
  const sources = {
    arix: plain({ check: basic({ username: 'arix', password: 'right-one' }) }),
    plain: plain({ bodyBytesMax: 1_000 }),
  }
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startTestGateway({ config: { sources } })
  })
  afterAll(() => gateway.close())

  const own = () => gateway.events('&type=postern.*')
  const told = async (type: OwnEventType, count = 1) => {
    await until(`${type} is told of`, async () => (await own()).filter(event => event.type === type).length >= count)
    return (await own()).filter(event => event.type === type)
  }

  test('a request in quarantine is an event, with its id, its reason and its source', async () => {
    const { request } = (await gateway.post('/hooks/plain', 'no list')).json as { request: string }
    const [event] = await told('postern.quarantine.grown')
    expect(event).toMatchObject({
      source: '/sources/postern',
      vendor: 'postern',
      vendortype: 'postern.quarantine.grown',
      subject: 'source/plain',
      dataschema: 'urn:postern:schema:postern.quarantine.grown:1',
      data: { refs: { source: 'plain', request }, reason: 'the body is no list of events', count: 1 },
    })
    expect(event).not.toHaveProperty('environment')
    const raw = await gateway.api(`/events/${String(event!.id)}/raw`)
    expect(raw.json).toEqual(event!.data)
    expect(catalogue['postern.quarantine.grown'].strict().safeParse(event!.data).error).toBeUndefined()
    const page = await gateway.api(`/events?type=postern.*&ref=request:${request}`)
    expect((page.json as { items: unknown[] }).items).toEqual([event])
  })

  test('wrong credentials again and again, and one body that is too large', async () => {
    const headers = { authorization: `Basic ${Buffer.from('arix:wrong-one').toString('base64')}` }
    for (let index = 0; index < 20; index++) await gateway.post('/hooks/arix', 'x', headers)
    expect((await gateway.post('/hooks/plain', `[${' '.repeat(2_000)}]`)).status).toBe(413)
    expect(await told('postern.rejections.spiked')).toMatchObject([
      { subject: 'source/plain', data: { cause: 'body_too_large', httpStatus: 413, count: 1 } },
    ])
    await gateway.post('/hooks/arix', 'x', headers)
    expect(await told('postern.rejections.spiked', 2)).toMatchObject([
      {},
      { subject: 'source/arix', data: { cause: 'check_failed', httpStatus: 401, count: 21 } },
    ])
  })

  test('a knock without credentials is no rejection, however often', async () => {
    const before = await own()
    for (let index = 0; index < 50; index++) await gateway.post('/hooks/arix', 'x')
    expect(await own()).toEqual(before)
  })

  test('only a pattern that names them has them: not a list of everything, nor any other glob', async () => {
    await gateway.post('/hooks/plain', plainBody({ key: '1' }))
    const typesOf = async (query: string) =>
      new Set((await gateway.events(query)).map(({ type }) => String(type).split('.', 1)[0]))
    for (const query of [
      '',
      '&type=*',
      '&type=**',
      '&type=*.grown&type=plain.*',
      '&type=p*',
      '&vendor=*',
      '&subject=source/plain',
    ]) {
      expect([query, (await typesOf(query)).has('postern')]).toEqual([query, false])
    }
    for (const query of ['&type=postern.*', '&type=postern.quarantine.*', '&source=postern', '&vendor=postern']) {
      expect([query, [...(await typesOf(query))]]).toEqual([query, ['postern']])
    }
    expect([...(await typesOf('&type=*&type=postern.*'))].toSorted()).toEqual(['plain', 'postern'])
    // Where one goes on reading is behind them all the same.
    const head = Math.max(...(await own()).map(({ sequence }) => Number(sequence)))
    const page = (await gateway.api('/events?after=0')).json as { position: string }
    expect(Number(page.position)).toBeGreaterThanOrEqual(head)
  })

  test('they are no source to post to', async () => {
    expect((await gateway.post('/hooks/postern', plainBody({ key: '1' }))).status).toBe(404)
    const { items } = (await gateway.api('/sources')).json as { items: { name: string }[] }
    expect(items.map(({ name }) => name)).toEqual(['arix', 'plain'])
  })
})

test('what was not told yet is told when the gateway ends: what came once more has not grown the quarantine', async () => {
  const config = { sources: { plain: plain() } }
  const first = await startTestGateway({ config })
  await first.post('/hooks/plain', 'one')
  await first.post('/hooks/plain', 'two')
  for (let index = 0; index < 4; index++) await first.post('/hooks/plain', 'three')
  const { database } = first
  await first.gateway.close()
  const second = await startTestGateway({ config, database })
  const counts = (await second.events('&type=postern.*')).map(({ data }) => (data as { count: number }).count)
  expect(counts).toEqual([1, 2])
  await second.close()
  await first.close()
})
