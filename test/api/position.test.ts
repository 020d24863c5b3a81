// Invariant 7: a reader whose position the log no longer reaches back to is told so, and never skips in silence.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'

const day = 86_400_000
const now = Date.parse('2026-06-30T12:00:00.000Z')
let gateway: TestGateway
let receivedAt = 0

async function fill(from: number, to: number): Promise<void> {
  for (let key = from; key <= to; key++) await gateway.post('/hooks/core', plainBody({ key: String(key) }))
}

beforeAll(async () => {
  gateway = await startTestGateway({
    config: { sources: { core: plain({ vendor: 'core_bank' }) } },
    clock: { now: () => receivedAt },
  })
  receivedAt = now - 100 * day
  await fill(1, 4)
  receivedAt = now
  await fill(5, 7)
  await gateway.gateway.store.expire(new Map(), now - 90 * day, now, new AbortController().signal)
})
afterAll(() => gateway.close())

const readAfter = (position: number | string) => gateway.api(`/events?after=${position}`)

describe('invariant 7: after retention has deleted up to 4', () => {
  test.each([1, 3])('the position %i is 410, and says where to read on', async position => {
    const answer = await readAfter(position)
    expect(answer.status).toBe(410)
    expect(answer.json).toMatchObject({
      code: 'position_gone',
      errors: [{ parameter: 'after', detail: expect.stringContaining('0000000000000005: read on from 4') }],
    })
  })

  test.each([
    [0, ['5', '6', '7']],
    [4, ['5', '6', '7']],
    [6, ['7']],
    [7, []],
  ])('the position %i is read on from', async (position, sequences) => {
    const answer = await readAfter(position)
    expect(answer.status).toBe(200)
    const { items } = answer.json as { items: { sequence: string }[] }
    expect(items.map(item => String(Number(item.sequence)))).toEqual(sequences)
  })

  test('a position beyond the log is another log’s', async () => {
    const detail = expect.stringMatching(/: the position is of another log$/)
    expect(await readAfter(8)).toMatchObject({ status: 410, json: { code: 'position_gone', detail } })
  })
})

test('an empty log is read from 0, and every other position is gone', async () => {
  const empty = await startTestGateway({ config: { sources: { core: plain({ vendor: 'core_bank' }) } } })
  try {
    expect((await empty.api('/events?after=0')).json).toMatchObject({ items: [], position: '0000000000000000' })
    expect((await empty.api('/events?after=3')).status).toBe(410)
  } finally {
    await empty.close()
  }
})
