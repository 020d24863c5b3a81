// What is large: pages of originals end before memory does, lists beside the log have no bodies, and reading the longest
// page while events arrive shows each of them once.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bearer } from '../../src/checks/bearer.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'

const megabyte = 1024 * 1024

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({
    config: { sources: { plain: plain(), busy: plain(), locked: plain({ check: bearer('the-only-token') }) } },
  })
})
afterAll(() => gateway.close())

interface Page {
  items: { id: string; sequence: string; data: { original?: unknown } }[]
  next: string | null
  position?: string
}
const page = async (query: string) => {
  const answer = await gateway.api(`/events?${query}`)
  expect(answer.status, answer.text.slice(0, 500)).toBe(200)
  return { ...(answer.json as Page), bytes: answer.bytes.length }
}

describe('a page of large originals', () => {
  const bodies: string[] = []
  beforeAll(async () => {
    for (let index = 0; index < 9; index++) {
      const body = `${plainBody({ key: `large ${index}`, type: 'loan.created' })}${' '.repeat(3 * megabyte)}`
      bodies.push(body)
      expect((await gateway.post('/hooks/plain', body)).status).toBe(200)
    }
  })

  test('ends early, and the pages together are all of them', async () => {
    for (const order of ['oldest', 'newest']) {
      const found: string[] = []
      let pages = 0
      for (let cursor = ''; ; pages++) {
        const got = await page(`include=original&limit=500&source=plain&order=${order}${cursor}`)
        expect(got.bytes).toBeLessThan(13 * megabyte)
        found.push(...got.items.map(({ sequence }) => sequence))
        if (got.next === null) break
        cursor = `&cursor=${encodeURIComponent(got.next)}`
      }
      expect(pages).toBeGreaterThan(1)
      const whole = (await page(`limit=500&source=plain&order=${order}`)).items.map(({ sequence }) => sequence)
      expect(whole).toHaveLength(bodies.length)
      expect(found).toEqual(whole)
    }
  })

  test('has the position where it ended', async () => {
    const found: string[] = []
    let after = '0'
    for (;;) {
      const got = await page(`include=original&source=plain&after=${after}`)
      if (got.items.length === 0) break
      found.push(...got.items.map(({ sequence }) => sequence))
      expect(Number(got.position)).toBeGreaterThanOrEqual(Number(found.at(-1)))
      after = got.position!
    }
    expect(found).toHaveLength(bodies.length)
    expect(new Set(found).size).toBe(bodies.length)
  })

  test('is whole without the originals', async () => {
    expect((await page('limit=500&source=plain')).bytes).toBeLessThan(10_000)
  })

  test('one larger than a page is a page of its own', async () => {
    const body = `${plainBody({ key: 'huge', type: 'loan.created' })}${' '.repeat(12 * megabyte)}`
    const { id } = (await gateway.post('/hooks/plain', body)).json as { id: string }
    const got = await page('include=original&limit=2')
    expect(got.items.map(item => item.id)).toEqual([id])
    expect(got.next).toEqual(expect.any(String))
    const raw = await gateway.api(`/events/${id}/raw`)
    expect(raw.bytes.equals(Buffer.from(body))).toBe(true)
  })
})

test('lists beside the log say how large a body is, and do not hold it', async () => {
  const large = Buffer.alloc(5 * megabyte, 'x')
  await gateway.post('/hooks/plain', large)
  await gateway.post('/hooks/locked', large, { authorization: 'Bearer another-token' })
  await gateway.post('/hooks/locked', '{}', { authorization: 'Bearer another-token' })
  await gateway.post('/hooks/plain', `${plainBody({ key: 'large 0', type: 'loan.created' })}${' '.repeat(megabyte)}`)
  await expect.poll(() => gateway.rejections()).toHaveLength(2)
  for (const [list, sizes] of [
    ['quarantine', [5 * megabyte]],
    ['rejections', [2, 5 * megabyte]],
    ['conflicts', [megabyte + plainBody({ key: 'large 0', type: 'loan.created' }).length]],
  ] as const) {
    const answer = await gateway.api(`/${list}`)
    expect(answer.bytes.length).toBeLessThan(5_000)
    const { items } = answer.json as { items: { id?: string; number?: number; bytes: number }[] }
    expect([list, items.map(({ bytes }) => bytes)]).toEqual([list, sizes])
    for (const { id, number, bytes } of items) {
      const raw = await gateway.api(`/${list}/${id ?? number}/raw`)
      expect([raw.status, raw.bytes.length]).toEqual([200, bytes])
    }
  }
})

test('the longest page, read over and over while events arrive, shows each once and in order', async () => {
  const arriving = (async () => {
    for (let round = 0; round < 40; round++) {
      const posts = Array.from({ length: 10 }, (_, index) => {
        const events = Array.from({ length: 5 }, (_, each) => ({ key: `${round} ${index} ${each}` }))
        return gateway.post('/hooks/busy', plainBody(...events))
      })
      for (const { status } of await Promise.all(posts)) expect(status).toBe(200)
    }
  })()
  const found: string[] = []
  let ended = false
  void arriving.finally(() => {
    ended = true
  })
  let position = '0'
  // One more look after the last has arrived.
  for (let last = false; !last; ) {
    last = ended
    const got = await page(`source=busy&limit=500&after=${position}`)
    const sequences = got.items.map(({ sequence }) => sequence)
    expect(sequences).toEqual(sequences.toSorted())
    if (sequences.length > 0) expect(sequences[0]! > position && sequences.at(-1)! <= got.position!).toBe(true)
    found.push(...sequences)
    position = got.position!
    if (got.items.length === 500) last = false
  }
  await arriving
  expect(found).toHaveLength(2_000)
  expect(new Set(found).size).toBe(2_000)
})
