// The routes of tokens: who may ask this gateway, and what. A token is told once, to whoever makes it.
import { z } from '@hono/zod-openapi'
import PQueue from 'p-queue'
import type { Chance, Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { scopes, tokensMax } from '../store/tokens.ts'
import { adminPrincipal } from './access.ts'
import { type Cursors, paging } from './cursor.ts'
import { listForm } from './event-form.ts'
import { pageParameters, time } from './parameters.ts'
import { tokenPath } from './path.ts'
import { found } from './resource.ts'
import { type ApiRoute, defineRoute } from './route.ts'
import { describeToken, madeTokenForm, scopesForm, tokenExample, tokenForm } from './token-form.ts'
import { makeToken } from './token-text.ts'

export interface TokenRoutesParts {
  store: Pick<Store, 'tokens'>
  /** The configured ones, by each of their names. */
  sources: ReadonlyMap<string, unknown>
  cursor: Cursors
  clock: Clock
  chance: Chance
}

const tag = 'Tokens'
const listParameters = pageParameters.pick({ limit: true, cursor: true }).extend({
  revoked: z
    .enum(['true', 'false'], { error: 'expected true or false' })
    .transform(text => text === 'true')
    .optional()
    .meta({ type: 'boolean', description: '`true`: those that are revoked too, for 400 days', default: false }),
})

const namePattern = /^[A-Za-z0-9](?:[A-Za-z0-9 ._@-]{0,61}[A-Za-z0-9])?$/
const newToken = z.strictObject({
  name: z
    .string({ error: 'expected a name' })
    .regex(namePattern, 'expected 1 to 63 letters, digits, spaces and . _ @ -, with a letter or digit at either end')
    .refine(name => name.toLowerCase() !== adminPrincipal.name, {
      error: "expected another name: 'admin' is the token of the environment",
    }),
  scopes: scopesForm
    .min(1, 'expected at least one')
    .transform(given => scopes.filter(scope => given.includes(scope)))
    .meta({ description: '`raw` and `operate` may read too, and `admin` may everything' }),
  sources: z
    .array(z.string({ error: 'expected the name of a source' }))
    .min(1, 'expected at least one: leave it out for all')
    .max(100, 'expected at most 100')
    .transform(names => [...new Set(names)])
    .nullable()
    .optional()
    .meta({ description: 'what it sees and touches; default all' }),
  expiresAt: time.nullable().optional().meta({ description: 'from when on it is refused; default never' }),
})

export function tokenRoutes({ store, sources, cursor, clock, chance }: TokenRoutesParts): ApiRoute[] {
  const { tokens } = store
  /** One at a time: they are counted before one is added. */
  const making = new PQueue({ concurrency: 1 })

  const list = defineRoute(
    {
      method: 'get',
      path: '/tokens',
      name: 'listTokens',
      tag,
      summary: 'The tokens that were made here, newest first',
      scope: 'admin',
      inTurn: true,
      query: listParameters,
      answers: {
        200: {
          description: 'A page of tokens',
          schema: listForm(tokenForm).openapi('TokenList'),
          example: { items: [tokenExample], next: null },
        },
      },
      problems: ['bad_cursor'],
    },
    async ({ query: { revoked = false, ...query } }) => {
      const { page, nextOf } = paging(cursor, query, { list: 'tokens', revoked })
      const { items, next } = await tokens.list({ revoked, ...page })
      return { items: items.map(describeToken), next: nextOf(next) }
    },
  )

  const make = defineRoute(
    {
      method: 'post',
      path: '/tokens',
      name: 'makeToken',
      tag,
      summary: 'Makes a token, which is in this one answer',
      scope: 'admin',
      audit: 'token.make',
      body: newToken,
      bodyExample: { name: 'loan-book', scopes: ['read'], sources: ['loan-portal'], expiresAt: '2027-03-01T12:00:00Z' },
      answers: {
        201: {
          description: 'The token, to be kept by whoever it is for',
          schema: madeTokenForm,
          example: {
            ...tokenExample,
            usedAt: null,
            token: 'pst_3n8v1q5z7c9t2w4y6b0d8f1h3k_Jx0vQm3yZ8sWk2rTn5bLc7dFh9gPa1uEo4iR6wYxVtM',
          },
        },
      },
      problems: ['token_name_taken', 'too_many_tokens'],
    },
    async ({ context, body: { name, scopes, sources: limit, expiresAt } }) => {
      assertConfigured(limit ?? [])
      if (limit && scopes.includes('admin')) {
        throw wrong('/sources', "expected none beside the scope 'admin', which may make any token")
      }
      const now = clock.now()
      if (expiresAt && expiresAt <= now) throw wrong('/expiresAt', 'expected a time that is still to come')
      const { id, text, hash } = makeToken(chance)
      const row = { id, name, scopes, sources: limit ?? null, createdAt: now, expiresAt: expiresAt ?? null }
      const answer = await making.add(() => tokens.add({ ...row, hash }))
      if (answer === 'taken') throw new AppError('token_name_taken', `there is a token ${name}: revoke it first`)
      if (answer === 'full') {
        throw new AppError('too_many_tokens', `there are ${tokensMax} tokens: revoke one first`)
      }
      return context.json({ ...describeToken({ ...row, usedAt: null, revokedAt: null }), token: text }, 201)
    },
  )

  const revoke = defineRoute(
    {
      method: 'delete',
      path: '/tokens/{id}',
      name: 'revokeToken',
      tag,
      summary: 'Revokes a token: it is refused from now on, and its streams end',
      scope: 'admin',
      audit: 'token.revoke',
      params: tokenPath,
      answers: {
        200: {
          description: 'The token, revoked now or before',
          schema: tokenForm,
          example: { ...tokenExample, revokedAt: '2026-03-03T09:00:00.000Z' },
        },
      },
    },
    async ({ params: { id } }) => {
      await tokens.revoke(id, clock.now())
      return describeToken(found(await tokens.find(id)))
    },
  )

  return [list, make, revoke]

  function assertConfigured(names: readonly string[]): void {
    for (const [index, name] of names.entries()) {
      if (!sources.has(name)) throw wrong(`/sources/${index}`, 'expected a configured source')
    }
  }
}

function wrong(pointer: string, detail: string): AppError {
  return new AppError('bad_request', `the body is wrong at ${pointer}: ${detail}`, { errors: [{ pointer, detail }] })
}
