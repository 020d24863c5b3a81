// Every route of the API without a token, with tokens of too small a scope, and with the right one.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allows } from '../../src/api/access.ts'
import { type Scope, scopes } from '../../src/store/tokens.ts'
import { definitions } from '../support/api-document.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { send } from '../support/http.ts'
import { plain } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'
import { calls } from '../support/route-table.ts'
import { type TestToken, tokenOf } from '../support/tokens.ts'

let gateway: TestGateway
const tokens = new Map<Scope, TestToken>()
beforeAll(async () => {
  gateway = await startTestGateway({ config: { sources: { plain: plain() } } })
  for (const scope of scopes) tokens.set(scope, await tokenOf(gateway, [scope]))
})
afterAll(() => gateway.close())

const having = (scope: Scope) => ({ name: '', tokenId: null, scopes: new Set([scope]), sources: null })

test('each scope is taken by a route', () => {
  expect(new Set(definitions.map(({ scope }) => scope))).toEqual(new Set([null, ...scopes]))
})

describe.each(definitions.map(each => [each.name, each.scope] as const))('%s', (name, scope) => {
  const { method, path, options } = calls.get(name)!

  test('without a token', async () => {
    const answer = await send(gateway.gateway.adminUrl, `/api/v1${path}`, options)
    if (scope === null) expect(answer.status).toBe(200)
    else if (method === 'HEAD') expect(answer.status).toBe(401)
    else expectProblem(answer, 401, 'unauthenticated')
  })

  test.runIf(scope !== null).each(scopes)('with a token of the scope %s', async given => {
    const answer = await tokens.get(given)!.ask(path, options as { method: string; body?: string })
    if (allows(having(given), scope!)) {
      expect([401, 403], answer.text).not.toContain(answer.status)
      expect(answer.status, answer.text).toBeLessThan(500)
    } else {
      const problem = expectProblem(answer, 403, 'forbidden', 'Authorization')
      expect(problem.errors[0]!.detail).toContain(`'${scope}'`)
    }
  })
})

test('the scopes are as people were told', () => {
  const allowed = (scope: Scope) => scopes.filter(wanted => allows(having(scope), wanted))
  expect(Object.fromEntries(scopes.map(scope => [scope, allowed(scope)]))).toEqual({
    read: ['read'],
    raw: ['read', 'raw'],
    operate: ['read', 'operate'],
    admin: ['read', 'raw', 'operate', 'admin'],
  })
  // What changes something takes more than reading, and so do a stranger's bytes.
  const readable = definitions.filter(({ scope }) => scope === 'read')
  expect(readable.filter(({ method, path }) => method !== 'get' || path.endsWith('/raw'))).toEqual([])
})

describe('originals', () => {
  test('are for a token of the scope raw', async () => {
    expectProblem(await tokens.get('read')!.ask('/events?include=original'), 403, 'forbidden', 'Authorization')
    await gateway.post('/hooks/plain', '[{"key":"open"}]')
    const shownTo = async (scope: Scope) => {
      const { items } = (await tokens.get(scope)!.ask('/events')).json as { items: { data: object }[] }
      return items.map(({ data }) => 'original' in data)
    }
    expect(await shownTo('raw')).toEqual([true])
    expect(await shownTo('admin')).toEqual([true])
    // Where they would always be there, they are left out.
    expect(await shownTo('read')).toEqual([false])
    expect(await shownTo('operate')).toEqual([false])
  })
})
