// What is kept of a request's headers, path and query: not the places where secrets travel, whatever stood there, so
// that a mistyped secret is not kept either.
import type { Reads } from '../checks/check.ts'

export const scrubbed = '[scrubbed]'

/** Scrubbed on every source, whichever check it has. */
const always = ['authorization', 'proxy-authorization', 'cookie', 'x-authorization', 'x-api-key']

export type Headers = readonly (readonly [name: string, value: string])[]

export interface Scrubber {
  headers(headers: Headers): Headers
  query(query: string): string
}

/** `secretHeaders` are those that the adapter says carry a secret under any check. */
export function scrubber(reads: Reads, secretHeaders: readonly string[]): Scrubber {
  const names = new Set([...always, ...secretHeaders, ...reads.headers].map(name => name.toLowerCase()))
  const parameters = new Set(reads.query)
  return {
    headers: headers =>
      headers.map(([name, value]) => (names.has(name.toLowerCase()) ? [name, scrubbed] : [name, value])),
    query: query =>
      parameters.size === 0
        ? query
        : query
            .split('&')
            .map(pair => (parameters.has(pair.split('=', 1)[0] ?? '') ? `${pair.split('=', 1)[0]}=${scrubbed}` : pair))
            .join('&'),
  }
}
