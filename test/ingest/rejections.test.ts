// Rejections are kept within limits, so that a stranger can fill neither the disk nor push out another source's.
import { readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { arix, ballerine } from '../../adapters/index.ts'
import { basic } from '../../src/checks/basic.ts'
import { keys } from '../contract/fixture.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { ballerineBody, ballerineHeaders, basicHeader } from '../support/signed.ts'

const limits = { rejectionsMax: 10, rejectionBytesMax: 100_000 }
const sources = {
  ballerine: ballerine({ check: ballerine.signature({ secret: keys.ballerine.hmacSecret }) }),
  arix: arix({ partner: 'TST', check: basic({ username: 'arix', password: 'right' }) }),
}
let now = Date.parse('2026-03-01T10:00:00Z')

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({ config: { sources, limits }, clock: { now: () => now } })
})
afterAll(() => gateway.close())

const wrong = { authorization: basicHeader('arix', 'wrong') }
const of = async (source: string) => (await gateway.rejections()).filter(entry => entry.source === source)

describe('the ring of a source', () => {
  test('keeps the newest by number, and leaves the others’ alone', async () => {
    await gateway.post('/hooks/ballerine', 'the other source’s')
    for (let index = 0; index < 25; index++) await gateway.post('/hooks/arix', `number ${index}`, wrong)
    const kept = await of('arix')
    expect(kept).toHaveLength(10)
    const bodies = await Promise.all(kept.map(({ id }) => gateway.api(`/rejections/${String(id)}/raw`)))
    expect(bodies.map(({ text }) => text)).toEqual(Array.from({ length: 10 }, (_, index) => `number ${24 - index}`))
    expect(await of('ballerine')).toHaveLength(1)
  })

  test('keeps the newest by bytes', async () => {
    for (let index = 0; index < 8; index++) await gateway.post('/hooks/arix', 'x'.repeat(30_000 + index), wrong)
    const kept = await of('arix')
    expect(kept.map(({ bytes }) => bytes)).toEqual([30_007, 30_006, 30_005])
    // One that is larger than all of it is refused as the others are, and not kept.
    expect((await gateway.post('/hooks/arix', 'x'.repeat(200_000), wrong)).status).toBe(401)
    expect((await of('arix')).map(({ bytes }) => bytes)).not.toContain(200_000)
  })

  test('a genuine request is never limited, and pushes nothing out', async () => {
    const before = await gateway.rejections()
    for (let index = 0; index < 30; index++) {
      const body = ballerineBody(`genuine ${index}`)
      expect((await gateway.post('/hooks/ballerine', body, ballerineHeaders(body))).status).toBe(200)
    }
    expect(await gateway.rejections()).toEqual(before)
  })
})

test('a flood is answered, recorded up to a rate, and leaves the disk as it was', async () => {
  const flood = async (count: number) => {
    for (let sent = 0; sent < count; sent += 50) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => gateway.post('/hooks/arix', 'x'.repeat(9_000), wrong)),
      )
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]))
    }
  }
  const recorded = () =>
    gateway.requests().filter(({ verdict, request }) => verdict === 'rejected' && request !== undefined)
  const before = recorded().length
  await flood(1_200)
  // The clock stands still: what was recorded is one burst at the most.
  expect(recorded().length - before).toBeLessThanOrEqual(500)
  expect(recorded().length - before).toBeGreaterThan(400)
  now += 2_000
  const then = recorded().length
  await flood(150)
  expect(recorded().length - then).toBe(100)

  const folder = dirname(gateway.database)
  const bytes = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0)
  expect(bytes).toBeLessThan(32 * 1024 * 1024)
  const body = ballerineBody('after the flood')
  expect((await gateway.post('/hooks/ballerine', body, ballerineHeaders(body))).status).toBe(200)
})
