// What an answer means, and what is said of one that did not come. The status decides, and nothing else: a consumer
// that said 2xx has the event, even where its answer then breaks off or drips; sending it again would only double it.
import { STATUS_CODES } from 'node:http'
import { errors } from 'undici'
import { failed, type Outcome, succeeded } from '../destination.ts'
import { EgressRefused } from '../egress.ts'
import { TokenUnavailable } from '../tokens.ts'
import { type Headers, TimeUp } from './http-exchange.ts'
import { retryAfterMs } from './http-retry-after.ts'

export interface Answered {
  status: number
  headers: Headers
  answer: string | null
}

/** `now` is the time of the answer: its Retry-After may be a date. */
export function outcomeOf({ status, headers, answer }: Answered, deadOn: readonly number[], now: number): Outcome {
  if (status >= 200 && status < 300) return succeeded(status, answer)
  const name = STATUS_CODES[status]
  const redirect = status >= 300 && status < 400 && headers.location !== undefined
  const reason = `answered ${status}${name === undefined ? '' : ` ${name}`}${redirect ? '; redirects are not followed' : ''}`
  if (status === 410) return failed(reason, { result: 'gone', status, answer })
  if (deadOn.includes(status)) return failed(reason, { result: 'dead', status, answer })
  return failed(reason, { status, answer, retryAfterMs: retryAfterMs(headers['retry-after'], now) })
}

export function released(): Outcome {
  return failed('the gateway ended', { result: 'released' })
}

const reasonLengthMax = 300

/** For people, and never with what was sent: no header, no credentials of the URL. */
export function unanswered(error: Error, connectTimeoutMs: number): Outcome {
  if (error instanceof TimeUp || error instanceof EgressRefused || error instanceof TokenUnavailable) {
    return failed(error.message)
  }
  if (error instanceof errors.HTTPParserError) return failed('what came is no HTTP answer')
  const { code = '', message } = error as NodeJS.ErrnoException
  switch (code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
    // A proxy's: an exchange's own limit for headers is a TimeUp.
    case 'UND_ERR_HEADERS_TIMEOUT':
      return failed(`no connection within ${connectTimeoutMs} ms`)
    case 'UND_ERR_SOCKET':
      return failed('the connection was closed before an answer')
    case 'UND_ERR_HEADERS_OVERFLOW':
      return failed("the answer's headers are too large")
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
      return released()
  }
  const told = message === '' || message.includes(code) ? message || code || error.name : `${code}: ${message}`
  return failed(told.length > reasonLengthMax ? `${told.slice(0, reasonLengthMax)}…` : told)
}
