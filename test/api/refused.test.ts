// What the inbox API refuses: each with its status, a code, and the parameter to put right.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestGateway, type TestGateway, testToken } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({ config: { sources: { plain: plain(), other: plain() } } })
  for (let index = 0; index < 6; index++) {
    await gateway.post('/hooks/plain', plainBody({ key: `e${index}` }))
    await gateway.post('/hooks/plain', `no list ${index}`)
    await gateway.post('/hooks/plain', plainBody({ key: 'e0', data: { flags: [String(index)] } }))
  }
})
afterAll(() => gateway.close())

const nobody = '00000000000000000000000000'
const routes: [method: string, path: string][] = [
  ['GET', '/events'],
  ['GET', `/events/evt_${nobody}`],
  ['GET', `/events/evt_${nobody}/raw`],
  ['GET', '/quarantine'],
  ['GET', `/quarantine/req_${nobody}`],
  ['GET', `/quarantine/req_${nobody}/raw`],
  ['POST', '/quarantine/release'],
  ['POST', `/quarantine/req_${nobody}/discard`],
  ['GET', '/rejections'],
  ['GET', `/rejections/req_${nobody}/raw`],
  ['POST', '/rejections/recheck'],
  ['GET', '/conflicts'],
  ['GET', '/conflicts/1/raw'],
  ['GET', '/sources'],
  ['GET', '/nothing'],
  ['GET', ''],
]

describe('the token', () => {
  test.each(routes)('%s %s wants it', async (method, path) => {
    const wrong = [
      undefined,
      'Bearer',
      'Bearer wrong',
      `Bearer ${testToken}x`,
      `Bearer ${testToken.slice(0, -1)}`,
      `Basic ${Buffer.from(`:${testToken}`).toString('base64')}`,
      testToken,
    ]
    for (const authorization of wrong) {
      const headers = authorization === undefined ? {} : { authorization }
      const answer = await gateway.request(`/api/v1${path}`, { method, headers })
      expect([authorization, answer.status]).toEqual([authorization, 401])
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/)
      expect(answer.json).toMatchObject({ status: 401, code: 'unauthenticated' })
    }
    for (const query of [`?token=${testToken}`, `?access_token=${testToken}`]) {
      expect((await gateway.request(`/api/v1${path}${query}`, { method })).status).toBe(401)
    }
  })

  test('the scheme in any case', async () => {
    const headers = { authorization: `bEaReR ${testToken}` }
    expect((await gateway.request('/api/v1/events', { headers })).status).toBe(200)
  })

  test('answers are not cached', async () => {
    const { headers } = await gateway.api('/events')
    expect([headers['cache-control'], headers['x-content-type-options']]).toEqual(['no-store', 'nosniff'])
  })
})

describe('parameters', () => {
  test.each([
    ['/events?tpye=loan.*', 'tpye'],
    ['/events?__proto__=x', '__proto__'],
    ['/events?limit=0', 'limit'],
    ['/events?limit=501', 'limit'],
    ['/events?limit=-1', 'limit'],
    ['/events?limit=ten', 'limit'],
    ['/events?limit=1.5', 'limit'],
    ['/events?limit=', 'limit'],
    ['/events?limit=1&limit=2', 'limit'],
    ['/events?order=random', 'order'],
    ['/events?source=', 'source'],
    ['/events?subject=loan', 'subject'],
    ['/events?subject=/1', 'subject'],
    ['/events?ref=loan', 'ref'],
    ['/events?ref=:1', 'ref'],
    [`/events?${'ref=a:b&'.repeat(11)}`, 'ref'],
    [`/events?${'type=a&'.repeat(21)}`, 'type'],
    ['/events?receivedAfter=yesterday', 'receivedAfter'],
    ['/events?receivedAfter=2026-03-01', 'receivedAfter'],
    ['/events?receivedAfter=2026-03-01T10:00:00', 'receivedAfter'],
    ['/events?receivedAfter=2026-02-30T10:00:00Z', 'receivedAfter'],
    ['/events?receivedBefore=2026-13-01T10:00:00Z', 'receivedBefore'],
    ['/events?after=x', 'after'],
    ['/events?after=-1', 'after'],
    ['/events?after=9999999999999999', 'after'],
    ['/events?after=1&order=newest', 'after'],
    ['/events?include=everything', 'include'],
    [`/events/evt_${nobody}?limit=1`, 'limit'],
    ['/quarantine?type=x', 'type'],
    ['/quarantine?limit=0', 'limit'],
    ['/rejections?cursor=x', 'cursor'],
    ['/conflicts?limit=9999', 'limit'],
    ['/sources?x', 'x'],
  ])('%s: 400 that names it', async (path, parameter) => {
    const answer = await gateway.api(path.replace(nobody, await anEvent()))
    expect([answer.status, answer.headers['content-type']]).toEqual([400, 'application/problem+json'])
    expect(answer.json).toMatchObject({ errors: [{ parameter, detail: expect.stringMatching(/\w/) }] })
    expect((answer.json as { code: string }).code).toMatch(/^bad_(request|cursor)$/)
  })

  test.each(['evt_0', 'evt_zzzzzzzzzzzzzzzzzzzzzzzzzz', `EVT_${nobody}`, `req_${nobody}`, '%00', '__proto__'])(
    'no such event: %s',
    async id => {
      for (const path of [`/events/${id}`, `/events/${id}/raw`]) {
        const answer = await gateway.api(path)
        expect([answer.status, answer.json]).toEqual([404, expect.objectContaining({ code: 'not_found', status: 404 })])
      }
    },
  )

  test('a body over 64 KiB: 413', async () => {
    const answer = await gateway.api('/quarantine/release', { method: 'POST', body: 'x'.repeat(70_000) })
    expect([answer.status, (answer.json as { code: string }).code]).toEqual([413, 'body_too_large'])
  })
})

describe('cursors', () => {
  const next = async (path: string) => ((await gateway.api(path)).json as { next: string }).next

  test('are of one list with one filter, and of this gateway', async () => {
    const cursor = encodeURIComponent(await next('/events?limit=2&type=plain.*'))
    const go = (path: string) => gateway.api(`${path}${path.includes('?') ? '&' : '?'}cursor=${cursor}`)
    expect((await go('/events?type=plain.*')).status).toBe(200)
    expect((await go('/events?limit=3&type=plain.*')).status).toBe(200)
    for (const query of ['', '?type=plain.*&order=oldest', '?type=loan.*', '?type=plain.*&source=plain']) {
      const answer = await go(`/events${query}`)
      expect([query, answer.status, answer.json]).toEqual([query, 400, expect.objectContaining({ code: 'bad_cursor' })])
    }
    for (const list of ['/quarantine', '/rejections', '/conflicts']) {
      expect([list, (await go(list)).status]).toEqual([list, 400])
    }
    const waiting = encodeURIComponent(await next('/quarantine?limit=2'))
    for (const list of ['/events', '/rejections', '/conflicts', '/quarantine?source=plain']) {
      const answer = await gateway.api(`${list}${list.includes('?') ? '&' : '?'}cursor=${waiting}`)
      expect([list, answer.status]).toEqual([list, 400])
    }
  })

  test.each(['/events', '/quarantine', '/conflicts'])('%s: changed ones are refused', async path => {
    const cursor = await next(`${path}?limit=2`)
    expect((await gateway.api(`${path}?cursor=${encodeURIComponent(cursor)}`)).status).toBe(200)
    const changed = [
      '',
      'x',
      '1',
      '..',
      cursor.slice(0, -1),
      `${cursor}x`,
      `${cursor}.x`,
      cursor.replace(/^\d+/, digits => String(Number(digits) + 1)),
      cursor.replace(/.$/, last => (last === 'A' ? 'Q' : 'A')),
      'x'.repeat(1_000),
    ]
    for (const each of changed) {
      const answer = await gateway.api(`${path}?cursor=${encodeURIComponent(each)}`)
      expect([each, answer.status]).toEqual([each, 400])
    }
  })

  test.each(['/quarantine', '/conflicts'])('%s: pages cover all exactly once', async path => {
    const all = (await gateway.api(path)).json as { items: object[]; next: null }
    expect([all.items.length > 4, all.next]).toEqual([true, null])
    const paged: object[] = []
    let cursor = ''
    do {
      const got = (await gateway.api(`${path}?limit=2${cursor}`)).json as { items: object[]; next: string | null }
      paged.push(...got.items)
      cursor = got.next === null ? '' : `&cursor=${encodeURIComponent(got.next)}`
    } while (cursor !== '')
    expect(paged).toEqual(all.items)
    expect(((await gateway.api(`${path}?source=other`)).json as { items: object[] }).items).toEqual([])
  })
})

async function anEvent(): Promise<string> {
  return String((await gateway.events())[0]?.id).slice('evt_'.length)
}
