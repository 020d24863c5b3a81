// The suite that every adapter passes. A new vendor's test is a call of it with its fixtures.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NormaliseOptions, SourceDefinition } from '../../src/adapter.ts'
import { catalogue, isCatalogueType } from '../../src/event.ts'
import { idOfIdentity } from '../../src/ids.ts'
import { Inbound } from '../../src/ingest/request.ts'
import { seal } from '../../src/ingest/seal.ts'
import { toEvent } from '../../src/store/record.ts'
import { fixture, fixtureReceivedAt, golden, inbound } from './fixture.ts'

export interface AdapterCase {
  /** The file's name without its ending. */
  name: string
  /** The source as the fixture needs it: with the fixture's key, or unverified where it carries no credential. */
  source: SourceDefinition
  /** `accept`: the check passes and the golden event is made. `reject`: the check refuses. */
  expect: 'accept' | 'reject'
  /** Where the source's check reads a path token. */
  hasPathToken?: boolean
  /** Milliseconds since the epoch; default the clock of the golden events. */
  receivedAt?: number
}

export interface AdapterSuite {
  /** The name of the source, which the golden events were written for. */
  sourceName: string
  /** The folder of the fixtures. */
  vendor: string
  cases: readonly AdapterCase[]
  /** A source that Postern can sign for, for its samples. */
  sampled: SourceDefinition
}

export function normaliseOptions(source: SourceDefinition, sourceName: string): NormaliseOptions {
  return { ...source.options, source: sourceName, timezone: source.options.timezone ?? 'UTC' }
}

/** What the ingest makes of a request that passed its check, under sequence 1: events, or the reason for quarantine. */
export function eventsOf(source: SourceDefinition, sourceName: string, request: Inbound) {
  const result = source.adapter.normalise(request, normaliseOptions(source, sourceName))
  if ('notUnderstood' in result) return result
  const namespace = source.options.namespace ?? sourceName
  const identity = { name: sourceName, identity: sourceName, vendor: source.adapter.vendor, namespace }
  return result.drafts.map((draft, index) => {
    const { identity: key, content: _, soft: __, refs: ___, ...record } = seal(draft, identity, request)
    return toEvent({ ...record, id: idOfIdentity(key), sequence: index + 1, sameas: null })
  })
}

export function testAdapter({ vendor, sourceName, cases, sampled }: AdapterSuite): void {
  describe(`${vendor} fixtures`, () => {
    for (const { name, source, expect: expected, hasPathToken = false, receivedAt = fixtureReceivedAt } of cases) {
      test(`${name}: ${expected}`, async () => {
        const request = inbound(fixture(vendor, name), { hasPathToken, receivedAt })
        if ('verify' in source.check) {
          const verdict = await source.check.verify(request)
          expect(verdict.ok, JSON.stringify(verdict)).toBe(expected === 'accept')
        } else expect(expected, 'an unverified source refuses nothing').toBe('accept')
        if (expected === 'reject') return
        const events = eventsOf(source, sourceName, request)
        expect(events).toEqual([golden(vendor, name)])
        for (const event of events as { type: string; data: unknown }[]) expectSchema(event)
      })
    }
  })

  describe(`${vendor} samples`, () => {
    for (const type of sampled.adapter.sampleTypes) {
      test(`${type} is genuine, understood, and new each time`, async () => {
        const ids = new Set<string>()
        for (let round = 0; round < 2; round++) {
          const sample = sampled.adapter.sample(
            type,
            { now: fixtureReceivedAt, uuid: () => crypto.randomUUID() },
            normaliseOptions(sampled, sourceName),
          )
          const check = sampled.check as Extract<typeof sampled.check, { verify: unknown }>
          const signed = check.sign?.(sample, { now: fixtureReceivedAt })
          if (signed === undefined) throw new Error('the sample could not be signed')
          const request = new Inbound({
            ...signed,
            headers: Object.entries(signed.headers),
            body: Buffer.from(signed.body),
            receivedAt: fixtureReceivedAt,
            address: '127.0.0.1',
          })
          expect(await check.verify(request)).toMatchObject({ ok: true })
          const events = eventsOf(sampled, sourceName, request)
          if ('notUnderstood' in events) throw new Error(events.notUnderstood)
          for (const event of events) {
            expectSchema(event)
            ids.add(event.id)
          }
        }
        expect(ids.size).toBe(2)
      })
    }
  })

  describe(`${vendor} normalise`, () => {
    const run = (request: Inbound) => sampled.adapter.normalise(request, normaliseOptions(sampled, sourceName))
    const anyRequest = fc
      .record({
        method: fc.constantFrom('POST', 'GET', 'PUT'),
        rest: fc.constantFrom('', 'x', 'custom/y', '__proto__', 'constructor', 'LoanStatusUpdated'),
        query: fc.constantFrom('', 'a=1', '%ff&=&__proto__=1'),
        body: fc.oneof(
          fc.json().map(text => Buffer.from(text)),
          fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes)),
          fc.constantFrom(...cases.map(each => Buffer.from(fixture(vendor, each.name).body))).chain(body =>
            // A fixture with one member's value replaced by something odd.
            fc
              .tuple(fc.nat(200), fc.constantFrom('null', '{}', '[]', '1e400000', '""', '"\\ud800"', 'true', '-0'))
              .map(([at, odd]) => {
                let seen = 0
                return Buffer.from(
                  body
                    .toString()
                    .replace(/:("(?:[^"\\]|\\.)*"|-?[\d.eE+]+|true|false|null)/g, all =>
                      seen++ === at % 20 ? `:${odd}` : all,
                    ),
                )
              }),
          ),
        ),
      })
      .map(
        parts =>
          new Inbound({ ...parts, headers: [['Content-Type', 'application/json']], receivedAt: 1, address: '::1' }),
      )

    test('is total and deterministic, and what it makes can be sealed', () => {
      fc.assert(
        fc.property(anyRequest, request => {
          const first = run(request)
          expect(run(request)).toEqual(first)
          if ('drafts' in first)
            for (const event of eventsOf(sampled, sourceName, request) as never[]) expectSchema(event)
          else expect(first.notUnderstood).not.toBe('')
        }),
        { numRuns: 300 },
      )
    })
  })
}

/** The data is what its type's schema says, and nothing beside it; money is decimal text. */
function expectSchema(event: { type: string; data: unknown }): void {
  if (isCatalogueType(event.type)) {
    const result = catalogue[event.type].strict().safeParse(event.data)
    expect(result.error?.issues ?? [], event.type).toEqual([])
  } else expect(event.data).toHaveProperty('refs')
}
