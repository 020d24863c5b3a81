// What people see of a kept request: all but its body, which `/raw` gives.
import { z } from '@hono/zod-openapi'
import { isoTime } from '../clock.ts'
import { scrubbed } from '../ingest/scrub.ts'
import type { KeptRequest } from '../store/store.ts'
import { allows, type Principal } from './access.ts'
import { timeForm } from './event-form.ts'

export const requestShape = {
  receivedAt: timeForm,
  method: z.string(),
  rest: z.string().meta({ description: 'the path behind the source, without its token' }),
  query: z.string().meta({
    description:
      'its parameters; of a request by GET or without a body, where they are the payload, their names alone without the scope `raw`',
  }),
  headers: z
    .array(z.array(z.string()))
    .meta({ description: 'names and values in their order; where secrets travel, `[scrubbed]`' }),
  address: z.string(),
  bytes: z.number().int().meta({ description: "the body's size" }),
  redacted: z.array(z.string()).meta({ description: 'the paths that were overwritten' }),
}

export const requestExample = {
  receivedAt: '2026-03-01T15:45:00.812Z',
  method: 'POST',
  rest: '',
  query: '',
  headers: [
    ['content-type', 'application/json'],
    ['x-signature', '[scrubbed]'],
  ],
  address: '203.0.113.7',
  bytes: 412,
  redacted: [],
} satisfies z.input<z.ZodObject<typeof requestShape>>

/** As `principal` may see it: a query that stands for the body is shown as bodies are, to those with `raw`. */
export function describeRequest(
  request: Omit<KeptRequest, 'body'> & ({ body: Buffer } | { bodyBytes: number }),
  principal: Principal,
) {
  const { received, method, rest, query, headers, address, redacted } = request
  const bytes = 'body' in request ? request.body.length : request.bodyBytes
  return {
    receivedAt: isoTime(received),
    method,
    rest,
    query: allows(principal, 'raw') || (bytes > 0 && method !== 'GET') ? query : namesOf(query),
    headers: headers.map(([name, value]) => [name, value]),
    address,
    bytes,
    redacted: [...redacted],
  }
}

/** `id=…&iban=…`; one without a name may be all payload. */
function namesOf(query: string): string {
  if (query === '') return ''
  return query
    .split('&')
    .map(pair =>
      pair.includes('=') ? `${pair.split('=', 1)[0]}=${pair.endsWith(`=${scrubbed}`) ? scrubbed : '…'}` : '…',
    )
    .join('&')
}
