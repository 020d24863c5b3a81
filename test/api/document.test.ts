// The OpenAPI document: valid, whole, and with examples that are as it says; every answer of all the tests is held
// against it in `support/http.ts`.
import SwaggerParser from '@apidevtools/swagger-parser'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { problemCodes } from '../../src/api/openapi.ts'
import { problemList } from '../../src/api/problem-list.ts'
import { type AnswerDefinition, routingPath } from '../../src/api/route.ts'
import { errorStatus } from '../../src/errors.ts'
import { curl } from '../../src/reference/operation.ts'
import { type Operation, type ReferenceDocument, referencePage } from '../../src/reference/page.ts'
import { apiDocument, assertDocumented, definitions, wrongWith } from '../support/api-document.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type Answer, send } from '../support/http.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({ config: { sources: { plain: plain() } } })
})
afterAll(() => gateway.close())

describe('the document', () => {
  test('is valid OpenAPI 3.1, by a validator that is not ours', async () => {
    const copy = structuredClone(apiDocument) as unknown as Parameters<typeof SwaggerParser.validate>[0]
    await expect(SwaggerParser.validate(copy)).resolves.toMatchObject({ openapi: '3.1.0' })
  })

  test('is served to whoever asks, without a token', async () => {
    const answer = await send(gateway.url, '/api/v1/openapi.json')
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json'])
    expect(answer.json).toEqual(JSON.parse(JSON.stringify(apiDocument)))
    expect((await gateway.api('/openapi.json')).text).toBe(answer.text)
  })

  test('has every route, each called by a name of its own', () => {
    const operations = Object.entries(apiDocument.paths).flatMap(([path, each]) =>
      Object.entries(each).map(([method, { operationId }]) => ({ path, method, name: operationId })),
    )
    const key = (each: { path: string; method: string; name: string }) => `${each.method} ${each.path} ${each.name}`
    expect(operations.map(key).toSorted()).toEqual(definitions.map(key).toSorted())
    expect(new Set(definitions.map(({ name }) => name)).size).toBe(definitions.length)
    expect(new Set(definitions.map(routingPath)).size).toBeLessThan(definitions.length)
  })

  test('leaves an event’s data open', () => {
    const { data } = (apiDocument.components.schemas.Event as { properties: Record<string, object> }).properties
    expect(data).toMatchObject({ type: 'object', required: ['refs'], additionalProperties: {} })
  })

  test('has an example of every problem, with the status of its code', () => {
    const codes = new Set(definitions.flatMap(problemCodes))
    expect(Object.keys(problemList).toSorted()).toEqual([...codes].toSorted())
    for (const code of codes) {
      const { value } = apiDocument.components.examples[code]!
      expect(value).toMatchObject({ code, status: errorStatus[code] })
      expect([code, wrongWith(apiDocument.components.schemas.Problem!, value)]).toEqual([code, ''])
    }
  })
})

describe.each(definitions.map(each => [each.name, each] as const))('%s', (_, definition) => {
  const { responses } = apiDocument.paths[definition.path]![definition.method]!
  const answers = Object.entries(definition.answers) as [string, AnswerDefinition][]

  test.each(answers)('its example of %s is as its schema says', (status, { schema }) => {
    const [media] = Object.values(responses[status]!.content!)
    expect(media!.example).toBeDefined()
    expect(wrongWith(media!.schema, media!.example)).toBe('')
    if (schema === undefined) return
    // Nor would a member be let through that is not in it.
    expect(wrongWith(media!.schema, { ...(media!.example as object), madeUp: 1 })).toMatch(
      definition.name === 'getDocument' ? /^$/ : /additional properties/,
    )
  })

  test('its line for a shell asks for what it must', async () => {
    const operation = apiDocument.paths[definition.path]![definition.method]!
    const line = curl(definition.method, definition.path, operation as unknown as Operation)
    const [, target] = /"\$POSTERN_URL([^"]+)"$/.exec(line)!
    const { searchParams } = new URL(target!, 'http://gateway')
    for (const { name, in: place, required, example } of operation.parameters ?? [])
      if (required === true && place === 'query') expect(searchParams.get(name)).toBe(example)
    expect(target).not.toMatch(/[{}<>]/)
  })

  test('its example of a body is taken', () => {
    const { body, documentedBody, bodyExample } = definition
    if (body === undefined) return
    const given = bodyExample ?? {}
    expect(body.safeParse(given).error).toBeUndefined()
    if (documentedBody !== undefined) expect(documentedBody.safeParse(given).error).toBeUndefined()
  })
})

describe('the reference page', () => {
  const page = referencePage(apiDocument as unknown as ReferenceDocument)
  const section = (id: string) => {
    const [, text = ''] = new RegExp(`<section id="${id}">(.*?)</section>`, 's').exec(page) ?? []
    return text.replaceAll(/<[^>]+>/g, '')
  }

  test('shows what a parameter is like, and what comes several times', () => {
    expect(section('listEvents')).toContain('such as loan.*')
    expect(section('getTimeline')).toContain('such as loan/K0Z1Q')
    expect(page).toContain('type=loan.*&amp;type=payment.*')
  })

  test('says where no body is needed, and has the members of what is made of others', () => {
    expect(section('pauseSubscription')).toContain('none, or {}')
    expect(section('schema-MadeToken')).toMatch(/^MadeTokenToken, and beside it:.*token\s.*kept nowhere/s)
  })

  test('says what is not for a token that is limited to sources', () => {
    for (const { name, scope, bySource } of definitions) {
      const isNot = bySource !== true && scope !== null && scope !== 'admin'
      expect([name, section(name).includes('Not for a token that is limited')]).toEqual([name, isNot])
    }
  })

  test('streams as things come', () => {
    expect(section('streamEvents')).toContain('curl -N -H')
    expect(section('listEvents')).toContain('curl -H')
  })
})

describe('an answer that the document does not know fails its test:', () => {
  const answer = (status: number, json: unknown, type = 'application/json'): Answer => {
    const text = JSON.stringify(json)
    return {
      status,
      headers: { 'content-type': type, 'cache-control': 'no-store' },
      text,
      bytes: Buffer.from(text),
      json,
    }
  }
  const problem = (code: string) => ({ ...apiDocument.components.examples.not_found!.value, code })

  test.each<[what: string, method: string, target: string, answer: Answer]>([
    ['a member', 'GET', '/api/v1/sources', answer(200, { items: [], next: null, total: 0 })],
    ['a member within', 'GET', '/api/v1/sources', answer(200, { items: [{ name: 'a' }], next: null })],
    ['none where one must be', 'GET', '/api/v1/sources', answer(200, { items: [] })],
    ['a status', 'GET', '/api/v1/sources', answer(418, {})],
    ['a content type', 'GET', '/api/v1/sources', answer(200, { items: [], next: null }, 'text/html')],
    ['a code', 'GET', '/api/v1/replays/x', answer(404, problem('gone'), 'application/problem+json')],
    ['a code of others', 'GET', '/api/v1/replays/x', answer(404, problem('bad_cursor'), 'application/problem+json')],
    ['a path', 'GET', '/api/v1/nothing', answer(200, {})],
  ])('%s', (_, method, target, given) => {
    expect(() => assertDocumented(method, target, given)).toThrow(target)
  })
})

describe('entity tags', () => {
  test('what has not changed is not sent again', async () => {
    await gateway.post('/hooks/plain', plainBody({ key: 'tagged', type: 'loan.created' }))
    await gateway.post('/hooks/plain', 'no list')
    const [event] = await gateway.events()
    const [waiting] = await gateway.quarantine()
    const paths = [
      `/events/${event!.id}`,
      `/events/${event!.id}/raw`,
      `/quarantine/${waiting!.id}`,
      `/quarantine/${waiting!.id}/raw`,
      '/openapi.json',
    ]
    for (const path of paths) {
      const answer = await gateway.api(path)
      const etag = String(answer.headers.etag)
      expect([path, answer.status, etag]).toEqual([path, 200, expect.stringMatching(/^"[\w-]{22}"$/)])
      for (const given of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
        const again = await gateway.api(path, { headers: { 'if-none-match': given } })
        expect([path, given, again.status, again.text, again.headers.etag]).toEqual([path, given, 304, '', etag])
      }
      const changed = await gateway.api(path, { headers: { 'if-none-match': '"other"' } })
      expect([changed.status, changed.text]).toEqual([200, answer.text])
    }
    expect((await gateway.api(`/events/${event!.id}?include=original`)).headers.etag).not.toBe(
      (await gateway.api(`/events/${event!.id}`)).headers.etag,
    )
  })

  test('lists have none', async () => {
    expect((await gateway.api('/events')).headers.etag).toBeUndefined()
    expect((await gateway.api('/events', { headers: { 'if-none-match': '*' } })).status).toBe(200)
  })

  test('what is not there is not unchanged', async () => {
    const none = await gateway.api(`/events/evt_${'0'.repeat(26)}`, { headers: { 'if-none-match': '*' } })
    expect([none.status, none.headers.etag]).toEqual([404, undefined])
  })
})
