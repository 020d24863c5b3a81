import { banclo } from '../../adapters/banclo/index.ts'
import { testAdapter } from '../contract/adapter.ts'
import { keys } from '../contract/fixture.ts'

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
