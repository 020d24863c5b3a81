// The schemas that are served, as a consumer's own validator reads them: valid JSON Schema of 2020-12, and true of every
// golden event.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { catalogueTypes } from '../../src/event.ts'
import { fixtureNames, golden } from '../contract/fixture.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'

interface Event {
  type: string
  dataschema?: string
  data: Record<string, unknown>
}

const fixtures = join(import.meta.dirname, '..', 'fixtures')
const goldens = readdirSync(fixtures, { withFileTypes: true })
  .filter(entry => entry.isDirectory() && entry.name !== 'reference')
  .flatMap(({ name: vendor }) =>
    fixtureNames(vendor).flatMap(name => {
      const event = golden(vendor, name) as Event | undefined
      return event?.dataschema === undefined ? [] : [{ name: `${vendor}/${name}`, event }]
    }),
  )

let gateway: TestGateway
const ajv = new Ajv2020({ strict: true, allErrors: true })
const validators = new Map<string, ValidateFunction>()
beforeAll(async () => {
  gateway = await startTestGateway({ config: { sources: { plain: plain() } } })
  const { items } = (await gateway.request('/schemas')).json as { items: string[] }
  for (const path of items) {
    const answer = await gateway.request(path)
    expect([path, answer.status]).toEqual([path, 200])
    const schema = answer.json as { $id: string }
    // By its id, which events have as `dataschema`.
    validators.set(schema.$id, ajv.compile(schema))
  }
})
afterAll(() => gateway.close())

const validate = (event: Event): string => {
  const validator = validators.get(event.dataschema!)
  if (validator === undefined) return `there is no schema ${event.dataschema}`
  return validator(event.data) ? '' : ajv.errorsText(validator.errors)
}

test('each type has one, by the name that its events call it', async () => {
  expect([...validators.keys()].toSorted()).toEqual(
    catalogueTypes.map(type => `urn:postern:schema:${type}:1`).toSorted(),
  )
  for (const type of catalogueTypes) {
    const answer = await gateway.request(`/schemas/${type}/1`)
    expect(answer.json).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema', title: type })
    expect((await gateway.request(`/schemas/${type}`)).text).toBe(answer.text)
    expect(ajv.validateSchema(answer.json as object)).toBe(true)
  }
})

describe('a golden event', () => {
  test('there are enough of them', () => {
    expect(goldens.length).toBeGreaterThan(20)
    expect(new Set(goldens.map(({ event }) => event.type)).size).toBeGreaterThan(15)
  })

  test.each(goldens)('$name is as its schema says, also with fields that are added later', ({ event }) => {
    expect(validate(event)).toBe('')
    expect(validate({ ...event, data: { ...event.data, original: { a: 1 }, later: [1] } })).toBe('')
  })

  test.each(goldens)('$name with a mistake in it is not', ({ event }) => {
    const mistakes: Record<string, unknown>[] = [
      { refs: undefined },
      { refs: { loan: 1 } },
      { amount: { value: 250000 } },
      { amount: { value: '1E5' } },
      { status: { current: 'open', phase: 'no phase', raw: 'OPEN' } },
      { outcome: 'perhaps' },
      { actor: { name: 'without a kind' } },
    ]
    for (const mistake of mistakes) {
      const data = JSON.parse(JSON.stringify({ ...event.data, ...mistake })) as Record<string, unknown>
      expect([mistake, validate({ ...event, data })]).not.toEqual([mistake, ''])
    }
  })
})

describe('the schema of every event', () => {
  let whole: ValidateFunction
  beforeAll(async () => {
    const answer = await gateway.request('/schemas/event')
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/schema+json'])
    const strict = new Ajv2020({ strict: true, formats: { 'date-time': true } })
    expect(strict.validateSchema(answer.json as object)).toBe(true)
    whole = strict.compile(answer.json as object)
  })

  test.each(goldens)('takes $name by its type, and no other', ({ event: given }) => {
    expect([whole(given), whole.errors]).toEqual([true, null])
    expect(whole({ ...given, later: 'a member that is added' })).toBe(true)
    expect(whole({ ...given, type: 'loan.invented' })).toBe(false)
    expect(whole({ ...given, data: { ...given.data, amount: { value: 250000 } } })).toBe(false)
    expect(whole({ ...given, sequence: 42 })).toBe(false)
    expect(whole({ ...given, dataschema: 'urn:postern:schema:another:1' })).toBe(false)
  })

  test('takes what the gateway answers with', async () => {
    await gateway.post('/hooks/plain', plainBody({ key: 'whole', type: 'loan.created', refs: { loan: '1' } }))
    const [event] = await gateway.events('&type=loan.created')
    expect([whole(event), whole.errors]).toEqual([true, null])
  })
})
