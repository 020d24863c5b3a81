// A kept request as its row has it, but for its bytes: what nearly every request has is null.
import type { KeptRequest } from './store.ts'

export interface RequestText {
  method: string | null
  rest: string | null
  query: string | null
  headers: string
  address: string
  redacted: string | null
}

export function requestText({ method, rest, query, headers, address, redacted }: KeptRequest): RequestText {
  return {
    method: method === 'POST' ? null : method,
    rest: rest === '' ? null : rest,
    query: query === '' ? null : query,
    headers: JSON.stringify(headers),
    address,
    redacted: redacted.length === 0 ? null : JSON.stringify(redacted),
  }
}
