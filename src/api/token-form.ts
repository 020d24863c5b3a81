// A token as the API shows it: what it may do, never what it is, but once.
import { z } from '@hono/zod-openapi'
import { isoTime } from '../clock.ts'
import { scopes, type TokenRow, tokenId } from '../store/tokens.ts'
import { timeForm } from './event-form.ts'

export const scopesForm = z.array(z.enum(scopes, { error: `expected one of ${scopes.join(', ')}` }))

export const tokenForm = z
  .object({
    id: z.string().regex(/^tok_[0-9a-z]{26}$/),
    name: z.string().meta({ description: 'of those that are not revoked only one has it' }),
    scopes: scopesForm.meta({
      description: '`raw` and `operate` may read too, and `admin` may everything',
    }),
    sources: z.array(z.string()).nullable().meta({ description: 'what it is limited to; null: nothing' }),
    createdAt: timeForm,
    expiresAt: timeForm.nullable(),
    usedAt: timeForm.nullable().meta({ description: 'its last use, to the minute' }),
    revokedAt: timeForm.nullable(),
  })
  .openapi('Token')

export const madeTokenForm = tokenForm
  .extend({ token: z.string().meta({ description: 'what to send; it is in this one answer, and kept nowhere' }) })
  .openapi('MadeToken')

export const tokenExample: z.input<typeof tokenForm> = {
  id: 'tok_3n8v1q5z7c9t2w4y6b0d8f1h3k',
  name: 'loan-book',
  scopes: ['read'],
  sources: ['loan-portal'],
  createdAt: '2026-03-01T12:00:00.000Z',
  expiresAt: '2027-03-01T12:00:00.000Z',
  usedAt: '2026-03-02T08:15:00.000Z',
  revokedAt: null,
}

export function describeToken(row: TokenRow): z.input<typeof tokenForm> {
  const { id, name, scopes, sources, createdAt, expiresAt, usedAt, revokedAt } = row
  return {
    id: tokenId(id),
    name,
    scopes: [...scopes],
    sources: sources === null ? null : [...sources],
    createdAt: isoTime(createdAt),
    expiresAt: timeOrNull(expiresAt),
    usedAt: timeOrNull(usedAt),
    revokedAt: timeOrNull(revokedAt),
  }
}

function timeOrNull(time: number | null): string | null {
  return time === null ? null : isoTime(time)
}
