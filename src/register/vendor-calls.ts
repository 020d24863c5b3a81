// The calls that registering makes: one request of an adapter's description, and what became of it. An answer's text is
// a vendor's, and may repeat what it was sent: it is told only as `conceal` leaves it.
import type { VendorFetch } from '../delivery/vendor-api.ts'
import { type Json, JsonSyntaxError, parseJson } from '../json/parse.ts'
import { isObject, textAt } from '../json/read.ts'
import type { ApiRequest, Registrations } from '../registration.ts'
import type { Conceal } from './conceal.ts'

/** `denied`: 401 or 403. `away`: no answer, or the vendor's own trouble. `refused`: it will not have this. */
export type Failure = { kind: 'denied' | 'away' | 'refused'; reason: string }
export type Answered =
  | { ok: true; answer: Json | undefined }
  | { ok: false; failure: Failure; status: number | undefined }

export type Ask = (request: ApiRequest) => Promise<Answered>

export interface AskParts {
  source: string
  call: VendorFetch
  refusal: Registrations['refusal']
  conceal: Conceal
  signal?: AbortSignal | undefined
}

export function asker({ source, call, refusal, conceal, signal }: AskParts): Ask {
  return async ({ method, path, headers = {}, body }) => {
    const what = `${method} ${path.split('?')[0]}`
    const failed = (kind: Failure['kind'], why: string, status?: number): Answered => ({
      ok: false,
      failure: { kind, reason: `${what}: ${conceal(why)}` },
      status,
    })
    let status: number
    let text: string
    try {
      const sent = body === undefined ? null : new TextEncoder().encode(JSON.stringify(body))
      const answer = await call({
        source,
        instance: undefined,
        path,
        method,
        headers: [
          ['accept', 'application/json'],
          ...(sent === null ? [] : [['content-type', 'application/json'] as [string, string]]),
          ...Object.entries(headers),
        ],
        body: sent,
        signal: signal ?? new AbortController().signal,
      })
      status = answer.status
      text = new TextDecoder().decode(answer.body)
    } catch (error) {
      return failed('away', (error as Error).message)
    }
    const json = parsed(text)
    if (status < 200 || status > 299) {
      const said = json === undefined ? undefined : reasonIn(json)
      const kind = status === 401 || status === 403 ? 'denied' : status >= 500 || status === 429 ? 'away' : 'refused'
      return failed(kind, `the vendor answered ${status}${said === undefined ? '' : `: ${said}`}`, status)
    }
    const no = json === undefined ? undefined : refusal?.(json)
    if (no !== undefined) return failed('refused', `the vendor answered ${status}, but ${no}`, status)
    if (method === 'GET' && json === undefined)
      return failed('refused', `the vendor answered ${status}, but no JSON`, status)
    return { ok: true, answer: json }
  }
}

function parsed(text: string): Json | undefined {
  try {
    return parseJson(text)
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined
    throw error
  }
}

/** Where APIs say what is wrong; Fineract's own place among them. */
function reasonIn(answer: Json): string | undefined {
  const places = ['detail', 'message', 'errorMessage', 'defaultUserMessage', 'developerMessage', 'error', 'title']
  for (const place of places) {
    const text = isObject(answer) && typeof answer[place] === 'string' ? textAt(answer, place) : undefined
    if (text !== undefined) return text
  }
  return undefined
}
