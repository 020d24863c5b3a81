// Exports: all that matches and nothing else, at the pace of whoever reads it; whole, or visibly cut.
import { type IncomingMessage, request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestGateway, type TestGateway, testToken } from '../support/gateway.ts'
import { HeldTimers } from '../support/held-timers.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'
import { until } from '../support/until.ts'

let gateway: TestGateway
let timers: HeldTimers
const start = async () => {
  timers = new HeldTimers()
  return startTestGateway({
    config: { sources: { core: plain(), other: plain(), large: plain() } },
    env: { POSTERN_SEARCH: 'on' },
    readers: { timers, limits: { exportsMax: 2 } },
  })
}
beforeAll(async () => {
  gateway = await start()
})
afterAll(() => gateway.close())

const post = async (from: number, count: number, pad = '', source = 'core') => {
  const events = Array.from({ length: count }, (_, index) => ({
    key: String(from + index),
    type: (from + index) % 3 === 0 ? 'loan.created' : 'loan.updated',
    data: { pad },
  }))
  expect((await gateway.post(`/hooks/${source}`, plainBody(...events))).status).toBe(200)
}
/** More than the sockets between hold. */
const much = 500
const postMuch = async () => {
  for (let from = 0; from < much; from += 100) await post(from, 100, 'x'.repeat(30_000), 'large')
}
const exported = async (query = '') => {
  const answer = await gateway.api(`/events/export${query}`)
  expect(answer.status, answer.text).toBe(200)
  expect(answer.headers['content-type']).toBe('application/x-ndjson')
  expect(answer.text === '' || answer.text.endsWith('\n')).toBe(true)
  return answer.text
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as Record<string, unknown>)
}

/** Begins one, and takes nothing of it yet. */
function begin(): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${testToken}` }
    request(`${gateway.gateway.adminUrl}/api/v1/events/export`, { headers, agent: false }, resolve)
      .on('error', reject)
      .end()
  })
}

/** All of it: how many lines, and whether it ended well. */
async function finish(incoming: IncomingMessage): Promise<{ lines: number; whole: boolean }> {
  let lines = 0
  try {
    for await (const chunk of incoming) lines += (chunk as Buffer).toString('latin1').split('\n').length - 1
    return { lines, whole: true }
  } catch {
    return { lines, whole: false }
  }
}

const isFree = async () => (await gateway.api('/events/export?type=no.such')).status === 200

describe('an export', () => {
  test('of an empty log is empty, and a HEAD has no body', async () => {
    expect(await exported()).toEqual([])
    const answer = await gateway.api('/events/export', { method: 'HEAD' })
    expect([answer.status, answer.headers['content-type'], answer.text]).toEqual([200, 'application/x-ndjson', ''])
  })

  test('has what the list has, line by line, by its filters and in either order', async () => {
    for (let from = 0; from < 700; from += 100) await post(from, 100, '', from % 200 === 0 ? 'core' : 'other')
    for (const filter of ['', 'type=loan.*', 'source=other', 'type=no.such', 'vendorType=loan.*&source=core']) {
      const events = await gateway.events(filter && `&${filter}`)
      expect(await exported(`?${filter}`)).toEqual(events)
      expect(await exported(`?${filter}${filter && '&'}order=newest`)).toEqual(events.toReversed())
    }
    const behind = await exported('?after=0000000000000690')
    expect(behind.map(({ sequence }) => Number(sequence))).toEqual([691, 692, 693, 694, 695, 696, 697, 698, 699, 700])
  })

  test('has what a search finds, as far as the index has come', async () => {
    await until('all of it can be searched', async () => {
      const { search } = (await gateway.api('/stats')).json as { search: { behind: number } | null }
      return search?.behind === 0
    })
    const found = await gateway.events('&q=created+core')
    expect(found.length).toBeGreaterThan(100)
    expect(await exported('?q=created+core')).toEqual(found)
  })

  test('has originals where they are asked for, each its own', async () => {
    // Together more than are read at once.
    for (const key of [1_000, 1_001, 1_002]) await post(key, 1, 'y'.repeat(1_500_000), 'large')
    await gateway.post('/hooks/large', plainBody({ key: 'x' }, { key: 'y' }))
    const events = await gateway.events('&include=original&source=large')
    expect(events).toHaveLength(5)
    expect(await exported('?include=original&source=large')).toEqual(events)
    // Of a type that is in no catalogue it is always there.
    expect((await exported()).filter(({ data }) => 'original' in (data as object))).toHaveLength(2)
  })

  test('a wrong question is answered before anything is sent', async () => {
    for (const query of ['?limit=5', '?cursor=x', '?wait=3', '?order=up', '?after=x', '?include=all', '?no=1']) {
      expectProblem(await gateway.api(`/events/export${query}`), 400, 'bad_request', /\w+/.exec(query)![0])
    }
    expectProblem(await gateway.api('/events/export?after=1&order=newest'), 400, 'bad_request', 'order')
    expectProblem(await gateway.api('/events/export?after=9999'), 410, 'position_gone', 'after')
  })
})

describe('with a log of more than the sockets hold', () => {
  let before: number
  beforeAll(async () => {
    before = (await gateway.gateway.store.extent()).head
    await postMuch()
  })

  test('it ends at the newest event that there was, and reads no further ahead than its reader', async () => {
    const { store } = gateway.gateway
    const { list } = store
    let reads = 0
    store.list = query => {
      reads++
      return list(query)
    }
    const incoming = await begin()
    let [seen, still] = [0, 0]
    // One look may fall between two reads of a machine that has much to do.
    await until('it waits for its reader', () => {
      still = reads > 0 && reads === seen ? still + 1 : 0
      seen = reads
      return still >= 40
    })
    const ahead = reads
    await post(5_000, 50)
    expect(await finish(incoming)).toEqual({ lines: before + much, whole: true })
    expect(reads).toBeGreaterThan(ahead + 1)
    store.list = list
    expect(await exported(`?after=${before + much}`)).toHaveLength(50)
  })

  test('a reader that goes away frees its place', async () => {
    const both = [await begin(), await begin()]
    const audited = async () => {
      const { items } = (await gateway.api('/audit?limit=1')).json as { items: { id: string }[] }
      return items.map(({ id }) => id)
    }
    const before = await audited()
    expectProblem(await gateway.api('/events/export'), 503, 'unavailable')
    expect(await audited()).toEqual(before)
    both[0]!.destroy()
    await until('there is room', isFree)
    both[1]!.destroy()
    await until('there is room for both', async () => (await Promise.all([isFree(), isFree()])).every(Boolean))
  })

  test('a reader that takes nothing is cut, and frees its place', async () => {
    const incoming = await begin()
    const other = await begin()
    await until('both are cut', async () => {
      timers.beat()
      return isFree()
    })
    expect(await finish(incoming)).toMatchObject({ whole: false })
    expect(gateway.lines().map(({ msg }) => msg)).toContain('an export was dropped')
    other.destroy()
  })

  test('what the store fails in is cut, so that nobody takes it for whole', async () => {
    const { store } = gateway.gateway
    const { list } = store
    const incoming = await begin()
    store.list = () => Promise.reject(new Error('the disk is gone'))
    const { lines, whole } = await finish(incoming)
    expect(whole).toBe(false)
    expect(lines).toBeLessThan(before + much)
    expect(gateway.lines().map(({ msg }) => msg)).toContain('an export failed, and was cut')
    // Where it cannot even begin, that is answered.
    expectProblem(await gateway.api('/events/export'), 500, 'internal')
    store.list = list
    expect(await isFree()).toBe(true)
  })

  test('and so is one that the gateway stops in', async () => {
    const incoming = await begin()
    const closing = gateway.close()
    expect(await finish(incoming)).toMatchObject({ whole: false })
    await closing
    gateway = await start()
  })
})
