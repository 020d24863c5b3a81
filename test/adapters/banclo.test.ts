import { expect, test } from 'vitest'
import { banclo } from '../../adapters/banclo/index.ts'
import { eventsOf, testAdapter } from '../contract/adapter.ts'
import { fixture, inbound, keys } from '../contract/fixture.ts'

const source = banclo({
  check: banclo.signature({ secret: keys.banclo.hmacSecret, covers: 'body-without-security' }),
})

testAdapter({
  vendor: 'banclo',
  sourceName: 'banclo',
  sampled: source,
  cases: [
    { name: 'loan_request.created.signed-A', source, expect: 'accept' },
    { name: 'loan_request.status_changed.signed-A', source, expect: 'accept' },
    { name: 'task.completed.signed-A', source, expect: 'accept' },
    { name: 'message.received.signed-A', source, expect: 'accept' },
    { name: 'bid.accepted', source, expect: 'reject' },
    { name: 'loan_request.created', source, expect: 'reject' },
    { name: 'loan_request.created.doc-placeholder', source, expect: 'reject' },
    { name: 'loan_request.status_changed', source, expect: 'reject' },
    { name: 'message.received', source, expect: 'reject' },
    { name: 'task.completed', source, expect: 'reject' },
  ],
})

test('banclo: a change of status that names none keeps the vendor’s type, since the catalogue’s promises one', () => {
  const request = fixture('banclo', 'loan_request.status_changed')
  const events = eventsOf(source, 'banclo', inbound({ ...request, body: request.body.replace('"BID"', 'null') }))
  expect(events).toMatchObject([{ type: 'banclo.loan_request.status_changed', subject: 'loan/K0Z1Q' }])
})

test('banclo: a kind of entity that names a member of every object is a kind like any other', () => {
  const request = fixture('banclo', 'task.completed')
  const refsOf = (kind: string) => {
    const body = request.body.replace(/"entityType":"[^"]*"/, `"entityType":"${kind}"`)
    const events = eventsOf(source, 'banclo', inbound({ ...request, body })) as { data: { refs: object } }[]
    return Object.keys(events[0]?.data.refs ?? {})
  }
  expect(refsOf('constructor')).toContain('constructor')
  expect(refsOf('__proto__')).toContain('proto')
  expect(refsOf('toString')).toContain('to_string')
})
