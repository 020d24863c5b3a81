import { describe, expect, test } from 'vitest'
import { ballerine } from '../../adapters/ballerine/index.ts'
import type { Inbound } from '../../src/ingest/request.ts'
import { normaliseOptions, testAdapter } from '../contract/adapter.ts'
import { fixture, inbound, keys } from '../contract/fixture.ts'

const source = ballerine({ check: ballerine.signature({ secret: keys.ballerine.hmacSecret }) })

testAdapter({
  vendor: 'ballerine',
  sourceName: 'ballerine',
  sampled: source,
  cases: [
    { name: 'custom-webhook', source, expect: 'accept' },
    { name: 'custom-webhook.signature-over-unsubstituted-payload', source, expect: 'reject' },
    { name: 'docs-only.workflow.context.document.completed', source, expect: 'accept' },
    { name: 'workflow.completed', source, expect: 'accept' },
    { name: 'workflow.completed.no-x-authorization', source, expect: 'accept' },
    { name: 'workflow.completed.unsigned', source, expect: 'reject' },
    { name: 'workflow.context.document.changed', source, expect: 'accept' },
    { name: 'workflow.state.changed', source, expect: 'accept' },
  ],
})

const secret = keys.ballerine.hmacSecret as string
const completed = fixture('ballerine', 'workflow.completed')

function post(body: string | object, { path = '' } = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return inbound({
    vendor: 'ballerine',
    name: '',
    method: 'POST',
    path: `/hooks/ballerine${path}`,
    headers: {},
    body: text,
  })
}

function draftOf(request: Inbound, definition = source) {
  const result = definition.adapter.normalise(request, normaliseOptions(definition, 'ballerine'))
  if ('notUnderstood' in result) throw new Error(result.notUnderstood)
  return result.drafts[0]
}

function reasonOf(request: Inbound, definition = source) {
  const result = definition.adapter.normalise(request, normaliseOptions(definition, 'ballerine'))
  return 'notUnderstood' in result ? result.notUnderstood : undefined
}

describe('ballerine envelope', () => {
  const envelope = JSON.parse(completed.body)

  test.each([
    ['workflow.context.changed', 'workflow.updated'],
    ['workflow.context.document.updated', 'workflow.updated'],
    ['workflow.context.document.completed', 'workflow.decided'],
    ['workflow.context.document.changed', 'document.changed'],
    ['workflow.runtime.Archived', 'ballerine.workflow.runtime.archived'],
    ['__proto__', 'ballerine.proto'],
    ['constructor', 'ballerine.constructor'],
  ])('%s is %s', (eventName, type) => {
    expect(draftOf(post({ ...envelope, eventName }))).toMatchObject({ type, vendortype: eventName })
  })

  test.each([
    ['approved', 'approved'],
    ['auto_approved', 'approved'],
    ['rejected', 'declined'],
    ['auto_rejected', 'declined'],
    ['something_else', 'closed'],
    ['constructor', 'closed'],
  ])('the decision %s has the phase %s', (workflowFinalState, phase) => {
    expect(draftOf(post({ ...envelope, workflowFinalState })).data).toMatchObject({
      decision: workflowFinalState,
      status: { current: 'completed', phase, raw: 'completed' },
    })
  })

  test('a nested state is no word: the event is kept under its own name, without a status', () => {
    const draft = draftOf(
      post({
        ...envelope,
        eventName: 'workflow.state.changed',
        workflowStatus: null,
        workflowFinalState: null,
        state: { review: 'manual' },
      }),
    )
    expect(draft.type).toBe('ballerine.workflow.state.changed')
    expect(draft.data.status).toBeUndefined()
  })

  test('reasons of a decision are kept, empty ones left out', () => {
    const documents = [
      { id: 7.0, category: 'x', decision: { status: 'revision', revisionReason: 'blurred', rejectionReason: '' } },
      null,
      {},
    ]
    expect(draftOf(post({ ...envelope, data: { documents } })).data.documents).toEqual([
      { id: '7', category: 'x', decision: { status: 'revision', revisionReason: 'blurred' } },
    ])
  })

  test('assignee may be null, ids may be absent', () => {
    const { ballerineEntityId: _, correlationId: __, ...rest } = envelope
    const { data } = draftOf(post({ ...rest, assignee: null }))
    expect(data.assignee).toBeUndefined()
    expect(data.refs).toEqual({ workflow: 'clz1k2m3n0004qwertyuiop12', definition: 'mp0h897g68v' })
  })

  test('without an id two events stay two, and one sent twice stays one', () => {
    const one = post({ ...envelope, id: null })
    const other = post({ ...envelope, id: null, workflowRuntimeId: 'w2' })
    expect(draftOf(one).dedupe).toEqual(['content', one.sha256])
    expect(draftOf(one).dedupe).not.toEqual(draftOf(other).dedupe)
    expect(draftOf(post({ ...envelope, id: '' })).dedupe[0]).toBe('content')
  })

  test('the soft key holds over ids and tokens, and not over other data, states or runs', () => {
    const soft = (changes: object) => draftOf(post({ ...envelope, ...changes })).soft
    const first = soft({})
    expect(first).toBeDefined()
    expect(soft({ id: 'another', timestamp: '2024-10-21T00:00:00Z' })).toEqual(first)
    const metadata = { ...envelope.data.metadata, token: '*'.repeat(36) }
    expect(soft({ data: { ...envelope.data, metadata } })).toEqual(first)
    expect(soft({ data: { ...envelope.data, more: 1 } })).not.toEqual(first)
    expect(soft({ workflowRuntimeId: 'w2' })).not.toEqual(first)
    expect(soft({ workflowResolvedAt: '2024-10-20T09:31:00.123Z' })).not.toEqual(first)
    expect(soft({ workflowResolvedAt: null, state: 'a' })).not.toEqual(soft({ workflowResolvedAt: null, state: 'b' }))
    expect(soft({ workflowResolvedAt: null })).toBeUndefined()
  })

  test('no token reaches the event', () => {
    expect(JSON.stringify(draftOf(post(envelope)))).not.toContain(envelope.data.metadata.token)
  })

  test('what has no eventName waits, with a hint', () => {
    for (const body of ['{}', '[]', 'null', '"x"', '{"eventName":""}', '{"eventName":null}']) {
      expect(reasonOf(post(body))).toMatch(/eventName.*custom/)
    }
    expect(reasonOf(post('{'))).toMatch(/not JSON/)
    expect(reasonOf(post(envelope, { path: '/elsewhere' }))).toMatch(/path/)
  })

  test('the environment is of the body, else of the source', () => {
    const definition = ballerine({ check: ballerine.signature({ secret }), environment: 'production' })
    expect(draftOf(post(envelope), definition).environment).toBe('sandbox')
    expect(draftOf(post({ ...envelope, environment: undefined }), definition).environment).toBe('production')
  })
})
