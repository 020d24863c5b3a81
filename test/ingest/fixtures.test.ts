// Every request of the manifest, over HTTP, meets what the manifest expects of it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { arix, ballerine, banclo, embarc, generic, receeve, standardWebhooks } from '../../adapters/index.ts'
import type { SourceDefinition } from '../../src/adapter.ts'
import { basic } from '../../src/checks/basic.ts'
import { unverified } from '../../src/checks/combine.ts'
import { hmac } from '../../src/checks/hmac.ts'
import { pathToken } from '../../src/checks/path-token.ts'
import { isCatalogueType } from '../../src/event.ts'
import { fixture, fixtureNames, fixtureReceivedAt, golden, keys } from '../contract/fixture.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'

interface Entry {
  file: string
  expect: string
}

const manifest = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'fixtures', 'MANIFEST.json'), 'utf8'),
) as Entry[]

const noCredential = unverified('the fixture carries no credential')
const usd = { currency: 'USD' }

/** What of a vendor's fixtures needs a source of its own. */
function sourceKey(vendor: string, name: string): string {
  if (vendor === 'arix') return name.endsWith('basic-auth') ? 'with a password' : ''
  if (vendor === 'embarc') return /signed-assumed$/.test(name) ? 'signed' : /doc$|mifos/.test(name) ? 'open' : ''
  return vendor === 'generic' ? name : ''
}

/** The source that a fixture needs: those that carry no credential say so by `unverified`. */
function sourceFor(vendor: string, name: string): SourceDefinition {
  switch (vendor) {
    case 'arix':
      return arix({ partner: 'TST', check: name.endsWith('basic-auth') ? basic(keys.arix.basic) : noCredential })
    case 'ballerine':
      return ballerine({ check: ballerine.signature({ secret: keys.ballerine.hmacSecret }) })
    case 'banclo':
      return banclo({
        check: banclo.signature({ secret: keys.banclo.hmacSecret, covers: 'body-without-security' }),
      })
    case 'embarc':
      if (name.endsWith('signed-assumed')) {
        return embarc({ check: hmac({ header: 'X-Embarc-Signature', secret: keys.embarc.optionalHmacSecret }), ...usd })
      }
      return embarc({ check: /doc$|mifos/.test(name) ? noCredential : pathToken('t0ken-in-path'), ...usd })
    case 'receeve':
      return receeve({ check: receeve.signature({ publicKey: keys.receeve.publicKeyPem }) })
    default:
      return genericFor(name)
  }
}

function genericFor(name: string): SourceDefinition {
  switch (name) {
    case 'github-style':
      return generic({
        vendor: 'github',
        check: hmac({ header: 'X-Hub-Signature-256', secret: keys.github.secret, prefix: 'sha256=' }),
        id: 'headers."x-github-delivery"',
        type: `join('.', [headers."x-github-event", body.action])`,
      })
    case 'stripe-style':
      return generic({
        vendor: 'stripe',
        check: hmac({
          header: 'Stripe-Signature',
          secret: keys.stripe.secret,
          template: '{timestamp}.{body}',
          signatures: 't=,v1=',
          toleranceSeconds: 300,
        }),
        id: 'body.id',
        type: 'body.type',
      })
    case 'standard-webhooks':
      return standardWebhooks({
        vendor: 'contacts',
        check: standardWebhooks.signature({ secret: keys.standardWebhooks.secret }),
      })
    default:
      throw new Error(`no source for ${name}`)
  }
}

test('the manifest names every fixture of all five vendors and of the others', () => {
  const vendors = ['arix', 'ballerine', 'banclo', 'embarc', 'generic', 'receeve']
  const files = vendors.flatMap(vendor => fixtureNames(vendor).map(name => `${vendor}/${name}.json`))
  expect(manifest.map(({ file }) => file).sort()).toEqual(files.sort())
})

/** Fixtures that fit one source share its gateway; one that is another's double has a gateway of its own. */
const groups = new Map<string, Case[]>()
for (const { file, expect: expected } of manifest) {
  const [vendor = '', base = ''] = file.split('/')
  const name = base.replace(/\.json$/, '')
  const at = /at t=(\d+)/.exec(expected)?.[1]
  const event = golden(vendor, name) as Event | undefined
  const now = at === undefined ? fixtureReceivedAt : Number(at) * 1000
  const key = `${vendor} ${sourceKey(vendor, name)}`
  const doubled = groups.get(key)?.some(other => event !== undefined && other.event?.id === event.id) === true
  const group = doubled ? `${key} again` : key
  groups.set(group, [...(groups.get(group) ?? []), { vendor, name, expected, now, event }])
}

for (const [group, cases] of groups) {
  describe(`fixtures over HTTP: ${group.trim()}`, () => {
    const [{ vendor, name: first, now }] = cases as [Case]
    let gateway: TestGateway
    let sequence = 0
    beforeAll(async () => {
      const sources = { [vendor]: sourceFor(vendor, first) }
      gateway = await startTestGateway({ config: { sources }, clock: { now: () => now } })
    })
    afterAll(() => gateway.close())

    for (const { name, expected, event } of cases) {
      test(`${name}: ${expected}`, async () => {
        const { method, path, headers, body } = fixture(vendor, name)
        const before = { events: await gateway.events(), rejections: await gateway.rejections() }
        // The sample of a vendor's page goes to a path of its own: here it is the source's.
        const target = path.startsWith('/hooks/') ? path : `/hooks/${vendor}`
        const answer = await gateway.request(target, { method, headers, ...(method === 'GET' ? {} : { body }) })
        const rejections = await gateway.rejections()
        const line = gateway.requests().at(-1)
        expect(await gateway.quarantine()).toEqual([])

        if (expected.startsWith('answer 200')) {
          expect(answer.status).toBe(200)
          expect({ events: await gateway.events(), rejections }).toEqual(before)
          expect(line).toMatchObject({ source: vendor, verdict: 'pinged', status: 200 })
        } else if (expected.startsWith('accept')) {
          if (event === undefined) throw new Error(`${name} is to be accepted and has no golden event`)
          sequence++
          expect(answer.status, answer.text).toBe(200)
          expect(answer.json).toEqual({ id: event.id, status: 'accepted' })
          expect(withoutOriginal((await gateway.api(`/events/${event.id}`)).json as Event)).toEqual({
            ...event,
            sequence: String(sequence).padStart(16, '0'),
          })
          expect(rejections).toEqual(before.rejections)
          const raw = await gateway.api(`/events/${event.id}/raw`)
          expect(raw.text.replace(/"token":"\*+"/, '')).toBe(body.replace(/"token":"[^"]+"/, ''))
          expect(line).toMatchObject({ source: vendor, verdict: 'accepted', event: event.id, ms: expect.any(Number) })
        } else {
          expect(expected).toMatch(/^(policy: )?reject/)
          expect(answer.status, answer.text).toBe(401)
          expect(await gateway.events()).toEqual(before.events)
          expect(rejections).toHaveLength(before.rejections.length + 1)
          expect(rejections[0]).toMatchObject({ source: vendor, status: 401, truncated: false })
          expect(rejections[0]?.reason).not.toBe('')
          expect((await gateway.api(`/rejections/${String(rejections[0]?.id)}/raw`)).text.length).toBe(body.length)
          expect(line).toMatchObject({ source: vendor, verdict: 'rejected', status: 401, request: rejections[0]?.id })
        }
      })
    }
  })
}

interface Case {
  vendor: string
  name: string
  expected: string
  now: number
  event: Event | undefined
}

interface Event {
  id: string
  type: string
  data: Record<string, unknown>
}

/** Types outside the catalogue always carry the vendor's own content, which the golden events leave out. */
function withoutOriginal(event: Event): Event {
  if (isCatalogueType(event.type)) return event
  const { original, ...data } = event.data
  expect(original).toBeDefined()
  return { ...event, data }
}
