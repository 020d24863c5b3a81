// A request as a mapping sees it: what is kept of it and nothing else, so that a request taken from quarantine is mapped
// as it was when it came.
import type { InboundRequest, Unverified } from '../../src/adapter.ts'
import type { Check } from '../../src/checks/check.ts'
import { type Plain, plainJson } from '../../src/json/plain.ts'

/** Headers that carry secrets, whichever check the source has. */
const secretHeaders = ['authorization', 'proxy-authorization', 'cookie', 'x-authorization', 'x-api-key']

/** The headers that a mapping does not see: they are scrubbed from what is kept. What lacks a check is told at start. */
export function hiddenHeaders(check: Check | Unverified | undefined): ReadonlySet<string> {
  const reads = typeof check === 'object' && check !== null && 'reads' in check ? check.reads.headers : []
  return new Set([...secretHeaders, ...reads])
}

/** `{ method, path, query, headers, body }`; names are any, so the objects have no prototype. */
export function requestView(request: InboundRequest, hidden: ReadonlySet<string>, redact: readonly string[]): Plain {
  return {
    method: request.method,
    path: request.rest,
    query: firstOfEach([...new URLSearchParams(request.query)]),
    headers: firstOfEach(
      request.headers
        .map(([name, value]) => [name.toLowerCase(), value] as const)
        .filter(([name]) => !hidden.has(name)),
    ),
    // What is no JSON is seen as text, so that a mapping may still take its id and type from headers.
    body: request.json.ok ? plainJson(request.json.value, redact) : (request.text ?? null),
  }
}

function firstOfEach(pairs: readonly (readonly [name: string, value: string])[]): Plain {
  const object: { [name: string]: Plain } = Object.create(null)
  for (const [name, value] of pairs) object[name] ??= value
  return object
}
