// The same thing twice is one event; the same key with other content is a conflict; one fact under two ids is two events.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ballerine, banclo } from '../../adapters/index.ts'
import { keys } from '../contract/fixture.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { ballerineHeaders, bancloBody, bancloEvent } from '../support/signed.ts'

let gateway: TestGateway
beforeAll(async () => {
  const signed = banclo({
    check: banclo.signature({ secret: [keys.banclo.hmacSecret, 'a second secret'], covers: 'body-without-security' }),
  })
  gateway = await startTestGateway({
    config: {
      sources: {
        plain: plain(),
        twin: plain(),
        banclo: signed,
        ballerine: ballerine({ check: ballerine.signature({ secret: keys.ballerine.hmacSecret }) }),
      },
    },
  })
})
afterAll(() => gateway.close())

const conflicts = async () => (await gateway.api('/conflicts')).json as { items: Record<string, unknown>[] }
const statusOf = async (target: string, body: string) =>
  (await gateway.post(target, body)).json as { status: string; id: string }

describe('the same thing twice', () => {
  test('is one event, whoever asks at the same time', async () => {
    const body = plainBody({ key: 'once' })
    const answers = await Promise.all(Array.from({ length: 50 }, () => statusOf('/hooks/plain', body)))
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1)
    expect(answers.filter(({ status }) => status === 'accepted')).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 'duplicate')).toHaveLength(49)
    expect((await gateway.events()).filter(({ id }) => id === answers[0]?.id)).toHaveLength(1)
    expect((await conflicts()).items).toEqual([])
  })

  test('under two sources is two events', async () => {
    const body = plainBody({ key: 'everywhere' })
    const [one, other] = [await statusOf('/hooks/plain', body), await statusOf('/hooks/twin', body)]
    expect([one.status, other.status]).toEqual(['accepted', 'accepted'])
    expect(one.id).not.toBe(other.id)
  })

  test('in one request is one event', async () => {
    const answer = await gateway.post('/hooks/plain', plainBody({ key: 'both' }, { key: 'both' }, { key: 'alone' }))
    const { id, events } = answer.json as { id: string; events: { id: string; status: string }[] }
    expect(events.map(({ status }) => status)).toEqual(['accepted', 'duplicate', 'accepted'])
    expect([events[0]?.id, events[1]?.id]).toEqual([id, id])
    expect(answer.json).toMatchObject({ status: 'accepted' })
  })

  test('several events of one request are all there, in order, with one body', async () => {
    const body = plainBody({ key: 'm1' }, { key: 'm2', subject: 'loan/M2' }, { key: 'm3' })
    const { events } = (await gateway.post('/hooks/plain', body)).json as { events: { id: string }[] }
    const stored = (await gateway.events()).slice(-3)
    expect(stored.map(({ id }) => id)).toEqual(events.map(({ id }) => id))
    for (const { id } of events) expect((await gateway.api(`/events/${id}/raw`)).text).toBe(body)
    expect((await gateway.post('/hooks/plain', body)).json).toMatchObject({
      status: 'duplicate',
      events: [{ status: 'duplicate' }, { status: 'duplicate' }, { status: 'duplicate' }],
    })
    expect(gateway.requests().at(-1)).toMatchObject({ verdict: 'duplicate' })
  })

  test('key parts are parted: a|b and ab are two', async () => {
    const ids = await Promise.all(
      ['ab', 'a","b', 'a\\u0022', 'a', ' a'].map(key => statusOf('/hooks/plain', plainBody({ key }))),
    )
    expect(new Set(ids.map(({ id }) => id)).size).toBe(5)
  })
})

describe('the same key with other content', () => {
  test('is a conflict, kept once with its bytes; the first stays the event', async () => {
    const first = plainBody({ key: 'disputed', data: { flags: ['first'] } })
    const second = plainBody({ key: 'disputed', data: { flags: ['second'] } })
    const third = plainBody({ key: 'disputed', data: { flags: ['third'] } })
    const { id } = await statusOf('/hooks/plain', first)
    for (const body of [second, second, third, first, second]) {
      expect(await statusOf('/hooks/plain', body)).toEqual({ id, status: 'duplicate' })
    }
    const { items } = await conflicts()
    expect(items.map(({ event, source }) => [event, source])).toEqual([
      [id, 'plain'],
      [id, 'plain'],
    ])
    const raw = await Promise.all(items.map(({ number }) => gateway.api(`/conflicts/${String(number)}/raw`)))
    expect(raw.map(({ text }) => text)).toEqual([third, second])
    expect((await gateway.api(`/events/${id}/raw`)).text).toBe(first)
    expect(
      gateway.lines().filter(({ msg, event }) => event === id && String(msg).includes('other content')),
    ).not.toEqual([])
  })

  test('Banclo’s retry, signed anew at another time, is a duplicate and no conflict', async () => {
    const before = (await conflicts()).items.length
    const event = bancloEvent('evt_resigned')
    const { id, status } = await statusOf('/hooks/banclo', bancloBody(event))
    expect(status).toBe('accepted')
    for (const again of [bancloBody(event, undefined, 1_800_000_000), bancloBody(event, 'a second secret')]) {
      expect(await statusOf('/hooks/banclo', again)).toEqual({ id, status: 'duplicate' })
    }
    expect((await conflicts()).items).toHaveLength(before)
    const other = bancloEvent('evt_resigned', body => {
      body.timestamp = '2024-01-15T15:45:01Z'
    })
    expect(await statusOf('/hooks/banclo', bancloBody(other))).toEqual({ id, status: 'duplicate' })
    expect((await conflicts()).items).toHaveLength(before + 1)
  })
})

describe('one fact under two ids', () => {
  test('both are kept, and the later says which it is the same as', async () => {
    const ids = []
    for (const key of ['told-1', 'told-2', 'told-3']) {
      ids.push((await statusOf('/hooks/plain', plainBody({ key, soft: 'the fact' }))).id)
    }
    const stored = (await gateway.events()).slice(-3)
    expect(stored.map(({ sameas }) => sameas)).toEqual([undefined, ids[0], ids[0]])
  })

  test('Banclo’s two instances tell of one change', async () => {
    const twice = (id: string, instanceId: string) =>
      bancloBody(
        bancloEvent(id, body => {
          body.source = { system: 'banclo-offline', instanceId, environment: 'production' }
          ;(body.data as Record<string, unknown>).entityHashid = 'SOFT1'
        }),
      )
    const one = await statusOf('/hooks/banclo', twice('evt_soft_1', 'one'))
    const other = await statusOf('/hooks/banclo', twice('evt_soft_2', 'two'))
    expect([one.status, other.status]).toEqual(['accepted', 'accepted'])
    expect((await gateway.api(`/events/${other.id}`)).json).toMatchObject({ sameas: one.id })
  })

  test('the same soft key of another source suggests nothing', async () => {
    const { id } = await statusOf('/hooks/twin', plainBody({ key: 'told-1', soft: 'the fact' }))
    expect((await gateway.api(`/events/${id}`)).json).not.toHaveProperty('sameas')
  })
})

describe('quarantine', () => {
  test('the same request waits once, under one id; another one under another', async () => {
    const body = 'not a list at all'
    const first = (await gateway.post('/hooks/plain', body)).json as { request: string; status: string }
    expect(first).toEqual({ request: expect.stringMatching(/^req_[0-9a-z]{26}$/), status: 'quarantined' })
    const again = await Promise.all(Array.from({ length: 10 }, () => gateway.post('/hooks/plain', body)))
    for (const answer of again) expect([answer.status, answer.json]).toEqual([200, first])
    const others = [
      await gateway.post('/hooks/plain', `${body}.`),
      await gateway.post('/hooks/plain/rest', body),
      await gateway.post('/hooks/plain?query', body),
      await gateway.post('/hooks/twin', body),
      await gateway.post('/hooks/ballerine', body, ballerineHeaders(body)),
    ].map(({ json }) => (json as { request: string }).request)
    expect(new Set([first.request, ...others]).size).toBe(6)
    expect(await gateway.quarantine()).toHaveLength(6)
    expect((await gateway.api(`/quarantine/${first.request}`)).json).toMatchObject({
      id: first.request,
      source: 'plain',
      reason: 'the body is no list of events',
      method: 'POST',
    })
    expect(gateway.requests().at(-1)).toMatchObject({ verdict: 'quarantined' })
  })

  test('an adapter’s mistake loses nothing', async () => {
    const mistakes = [
      plainBody({ key: '' }),
      plainBody({ key: 'x', type: 'NoType' }),
      plainBody({ key: 'x', type: 'postern' }),
      JSON.stringify([null]),
      JSON.stringify([{ key: 5 }]),
      JSON.stringify([{ key: 'x', refs: { loan: 5 } }]),
      JSON.stringify([{ key: 'x', refs: null }]),
      JSON.stringify([{ key: 'x', subject: 5 }]),
      plainBody(...Array.from({ length: 1_001 }, (_, index) => ({ key: `many ${index}` }))),
    ]
    for (const body of mistakes) {
      expect([body.slice(0, 60), (await gateway.post('/hooks/plain', body)).json]).toEqual([
        body.slice(0, 60),
        { request: expect.any(String), status: 'quarantined' },
      ])
    }
  })
})
