// Tokens of a gateway of a test's own, made as people make them.
import { expect } from 'vitest'
import type { Scope } from '../../src/store/tokens.ts'
import type { TestGateway } from './gateway.ts'
import { type Answer, type RequestOptions, send } from './http.ts'

export interface TestToken {
  id: string
  name: string
  token: string
  /** To the inbox API with it; a body that is no text is sent as JSON. */
  ask(path: string, options?: Omit<RequestOptions, 'body'> & { body?: unknown }): Promise<Answer>
}

let made = 0

/** All that was made: none of it may be in a log. */
export const madeTokens: string[] = []

export async function tokenOf(
  { gateway, api }: Pick<TestGateway, 'gateway' | 'api'>,
  scopes: readonly Scope[],
  fields: { name?: string; sources?: readonly string[]; expiresAt?: string } = {},
): Promise<TestToken> {
  const body = JSON.stringify({ name: `token ${++made}`, scopes, ...fields })
  const answer = await api('/tokens', { method: 'POST', body })
  expect(answer.status, answer.text).toBe(201)
  const { id, name, token } = answer.json as { id: string; name: string; token: string }
  madeTokens.push(token)
  return {
    id,
    name,
    token,
    ask: (path, { body, ...options } = {}) =>
      send(gateway.adminUrl, `/api/v1${path}`, {
        ...options,
        headers: { ...(options.headers as Record<string, string> | undefined), authorization: `Bearer ${token}` },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
  }
}
