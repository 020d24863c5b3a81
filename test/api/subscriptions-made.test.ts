// What many who make subscriptions at once may do: the same name told two secrets would be a subscriber that verifies
// nothing, and each that is made looks at every append.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({ config: { sources: { plain: plain() }, egress: { allow: ['127.0.0.0/8'] } } })
})
afterAll(() => gateway.close())

const put = (name: string) =>
  gateway.api(`/subscriptions/${name}`, {
    method: 'PUT',
    // They ask for nothing that comes.
    body: JSON.stringify({ types: ['nothing.happened'], to: { url: 'http://127.0.0.1:9/events' } }),
  })

test('of two that make one name at once, one makes it and its secret, and the other finds it there', async () => {
  const answers = await Promise.all([put('twice'), put('twice')])
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 201])
  expect(answers.filter(({ json }) => Object.hasOwn(json as object, 'secret'))).toHaveLength(1)
})

test('the 201st is refused, one that is there may be put again, and a deleted one makes room', async () => {
  for (let number = 1; number < 200; number++) expect((await put(`number-${number}`)).status).toBe(201)
  const refused = await put('one-more')
  expectProblem(refused, 409, 'too_many_subscriptions')
  expect((await put('number-7')).status).toBe(200)
  await gateway.api('/subscriptions/number-7', { method: 'DELETE' })
  expect((await put('one-more')).status).toBe(201)
}, 120_000)
