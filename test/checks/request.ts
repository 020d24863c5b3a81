// Requests for checks to judge, and the verdict on what a check signed itself.
import { expect } from 'vitest'
import type { SampleRequest } from '../../src/adapter.ts'
import type { Check, Verdict } from '../../src/checks/check.ts'
import { Inbound, type RequestParts } from '../../src/ingest/request.ts'

export const receivedAt = Date.parse('2026-01-02T03:04:05.678Z')

export interface RequestSketch extends Partial<Omit<RequestParts, 'headers' | 'body'>> {
  headers?: Record<string, string>
  body?: string | Uint8Array
}

export function request({ headers = {}, body = '{"a":1}', ...parts }: RequestSketch = {}): Inbound {
  return new Inbound({
    method: 'POST',
    rest: '',
    query: '',
    receivedAt,
    address: '192.0.2.1',
    ...parts,
    headers: Object.entries(headers),
    body: Buffer.from(body),
  })
}

export const sample: SampleRequest = {
  method: 'POST',
  rest: '',
  query: '',
  headers: { 'Content-Type': 'application/json' },
  body: '{"a":"ä"}',
}

/** The request that a check made genuine, as it would arrive. */
export function signedRequest(check: Check<string>, now = receivedAt): Inbound {
  const signed = check.sign?.(sample, { now })
  if (signed === undefined) throw new Error(`${check.kind} did not sign`)
  const { pathToken, ...rest } = signed
  return request({ ...rest, receivedAt: now, ...(pathToken === undefined ? {} : { pathToken }) })
}

export async function verdictOf(check: Check<string>, sketch: RequestSketch = {}): Promise<Verdict> {
  return check.verify(request(sketch))
}

export const refusedWith = (refusal: string, reason: RegExp) => ({
  ok: false,
  refusal,
  reason: expect.stringMatching(reason),
})
