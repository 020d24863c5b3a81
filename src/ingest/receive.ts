// The way of a request: receive → check → normalise → append, in this order and in no other. Nothing is answered 200
// before it is on disk; a check that needs no body is made before the body is read.
import type { IncomingMessage } from 'node:http'
import type { Verdict } from '../checks/check.ts'
import { verifyEarly } from '../checks/combine.ts'
import type { Clock } from '../clock.ts'
import { AppError, type ErrorCode, isUnstorable } from '../errors.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { type RequestSpan, requestSpan } from '../observe/traces.ts'
import type { AppendOutcome, QuarantineEntry, Store } from '../store/store.ts'
import type { ClientAddress } from './address.ts'
import type { Alerts } from './alerts.ts'
import { type Answer, accepted, pong, problem, quarantined } from './answer.ts'
import { BodyReader, type InFlight, type ReadBody } from './body.ts'
import { kept, seen } from './keep.ts'
import type { Rejections } from './rejections.ts'
import { Inbound, type RequestParts } from './request.ts'
import { type Route, routeOf } from './route.ts'
import type { Source } from './source.ts'
import { inQuarantine, requestId, understand } from './understand.ts'

export interface ReceiveParts {
  sources: ReadonlyMap<string, Source>
  store: Store
  rejections: Rejections
  inFlight: InFlight
  /** For the bodies of requests that are refused already: they cannot take the room of others. */
  refusedInFlight: InFlight
  addressOf: ClientAddress
  clock: Clock
  log: Log
  metrics: Pick<Metrics, 'request' | 'appended'>
  alerts: Alerts
}

/** What the log is told of a request; never a secret, never a body. */
interface Trace {
  source?: string
  verdict: string
  event?: string
  request?: string | undefined
  reason?: string
  status?: number
  bytes?: number
}

/** A request before its body is read. */
type Bare = Omit<RequestParts, 'body'>

/** A request on its way in. */
interface Arrival {
  route: Route
  headers: [name: string, value: string][]
  receivedAt: number
  span: RequestSpan
}

type Refused = Extract<Verdict, { ok: false }>

const refusalCode: Record<Refused['refusal'], ErrorCode> = {
  unauthenticated: 'unauthenticated',
  forbidden: 'forbidden',
  not_found: 'not_found',
  unreadable: 'unreadable_body',
  unavailable: 'identity_provider_unavailable',
}

/** Takes one request of Node's own and resolves with the answer. Never rejects. */
export function receiver(parts: ReceiveParts): (incoming: IncomingMessage) => Promise<Answer> {
  const { sources, clock, log, metrics, alerts } = parts
  return async incoming => {
    const started = performance.now()
    const trace: Trace = { verdict: 'unknown' }
    let answer: Answer
    let span: RequestSpan | undefined
    const body = new BodyReader(parts.inFlight)
    try {
      const route = routeOf(incoming.url ?? '', sources)
      if (route === undefined) {
        trace.verdict = 'no such source'
        answer = problem('not_found')
      } else {
        const { name } = route.source
        const headers = headersOf(incoming)
        trace.source = name
        span = requestSpan(name, incoming.method ?? 'GET', headers)
        answer = await receive(parts, incoming, { route, headers, receivedAt: clock.now(), span }, body, trace)
      }
    } catch (error) {
      answer = failed(parts, error, trace)
    } finally {
      body.release()
    }
    trace.status = answer.status
    const elapsedMs = performance.now() - started
    log.request(trace, elapsedMs)
    metrics.request(trace.source, trace.verdict, elapsedMs)
    if (trace.verdict === 'rejected' && trace.source !== undefined) alerts.rejected(trace.source, answer.status)
    span?.end({ status: answer.status, verdict: trace.verdict, event: trace.event, request: trace.request })
    return answer
  }
}

async function receive(
  parts: ReceiveParts,
  incoming: IncomingMessage,
  { route, headers, receivedAt, span }: Arrival,
  body: BodyReader,
  trace: Trace,
): Promise<Answer> {
  const { source } = route
  const method = incoming.method ?? 'GET'
  const address = parts.addressOf(incoming)
  const { rest, pathToken, query } = route
  const bare: Bare = { method, rest, pathToken, query, headers, receivedAt, address }

  // A POST is looked at wherever it goes: a genuine one at a path that means nothing waits in quarantine.
  const methods = method === 'POST' ? [] : (source.adapter.methods?.(rest) ?? [])
  if (method !== 'POST' && !methods.includes(method)) {
    // Before anything else is said: a wrong path token and an unknown source get the same answer to every method.
    if (source.hasPathToken && source.check?.ownsSegment?.(route.pathToken ?? '') !== true) {
      trace.verdict = 'no such source'
      return problem('not_found')
    }
    if (method === 'GET' || method === 'HEAD') {
      trace.verdict = 'pinged'
      return pong()
    }
    trace.verdict = 'method not allowed'
    return problem('method_not_allowed', { allow: [...new Set(['POST', ...methods, 'GET', 'HEAD'])].join(', ') })
  }

  const early = await earlyVerdict(source, bare)
  if (early?.ok === false) return rejectEarly(parts, incoming, source, bare, early, trace)
  const read = await body.read(incoming, source.bodyBytesMax)
  const request = withBody(bare, read)
  if (!read.ok) {
    // Genuine by what needs no body: kept whole as it came, for people to see.
    if (read.problem === 'corrupt' && (early?.ok === true || source.check === undefined))
      return admit(parts, source, request, trace, span)
    return unread(parts, source, request, read, trace)
  }
  trace.bytes = read.bytes.length
  const verdict = early ?? (await source.check?.verify(request))
  if (verdict?.ok === false) return reject(parts, source, request, verdict, trace, false)
  return admit(parts, source, request, trace, span)
}

async function admit(
  { store, log, metrics, alerts }: ReceiveParts,
  source: Source,
  request: Inbound,
  trace: Trace,
  span: RequestSpan,
): Promise<Answer> {
  const keptRequest = kept(source, request)
  const seenRequest = seen(request, keptRequest)
  const setAside = async (quarantine: QuarantineEntry): Promise<Answer> => {
    const status = await span.appending(() => store.quarantine(quarantine, keptRequest))
    trace.verdict = 'quarantined'
    trace.request = requestId(quarantine.id)
    trace.reason = quarantine.reason
    if (status === 'accepted') alerts.quarantined(source.name, trace.request, quarantine.reason)
    return quarantined(trace.request)
  }
  const understood = understand(source, seenRequest, span.traceparent)
  if ('quarantine' in understood) return setAside(understood.quarantine)
  let outcomes: AppendOutcome[]
  try {
    outcomes = await span.appending(() => store.append(understood.events, keptRequest))
  } catch (error) {
    // No reason to lose the request.
    if (!isUnstorable(error)) throw error
    log.error({ err: error, source: source.name }, 'events could not be stored; their request waits in quarantine')
    return setAside(inQuarantine(source, seenRequest, 'its events could not be stored: see the log'))
  }
  metrics.appended(understood.events, outcomes)
  const [first] = outcomes
  trace.verdict = outcomes.every(outcome => outcome.status === 'duplicate') ? 'duplicate' : 'accepted'
  if (first !== undefined) trace.event = first.id
  if (outcomes.some(outcome => outcome.conflict)) {
    log.warn({ source: source.name, event: trace.event }, 'the same dedupe key came with other content: see /conflicts')
  }
  return accepted(outcomes)
}

/**
 * What is refused without its body is answered without waiting for it, where it is not to be recorded or a stranger
 * must not learn that there is a source. Else its body is read for a recheck, from memory that is its kind's alone.
 */
async function rejectEarly(
  parts: ReceiveParts,
  incoming: IncomingMessage,
  source: Source,
  bare: Bare,
  verdict: Refused,
  trace: Trace,
): Promise<Answer> {
  const knock = verdict.missing === true && verdict.challenge !== undefined
  if (knock || !parts.rejections.hasRoom(source.name)) {
    incoming.resume()
    trace.verdict = knock ? 'challenged' : 'rejected'
    trace.reason = verdict.reason
    return refusalAnswer(verdict)
  }
  const body = new BodyReader(parts.refusedInFlight)
  const rejected = body
    .read(incoming, source.bodyBytesMax)
    .then(read => {
      if (!read.ok && read.problem === 'aborted') {
        trace.verdict = 'aborted'
        return problem('bad_request')
      }
      return reject(parts, source, withBody(bare, read), verdict, trace, !read.ok)
    })
    .finally(() => body.release())
  if (verdict.refusal !== 'not_found') return rejected
  rejected.catch(error => failed(parts, error, { verdict: 'failed', source: source.name }))
  trace.verdict = 'rejected'
  trace.reason = verdict.reason
  return refusalAnswer(verdict)
}

function refusalAnswer({ refusal, challenge }: Refused): Answer {
  return problem(refusalCode[refusal], challenge === undefined ? {} : { 'www-authenticate': challenge })
}

async function reject(
  parts: ReceiveParts,
  source: Source,
  request: Inbound,
  verdict: Refused,
  trace: Trace,
  truncated: boolean,
): Promise<Answer> {
  const answer = refusalAnswer(verdict)
  trace.reason = verdict.reason
  // A client that waits to be asked for credentials will come again: this was only its knock.
  if (verdict.missing === true && verdict.challenge !== undefined) {
    trace.verdict = 'challenged'
    return answer
  }
  trace.verdict = 'rejected'
  const recording = parts.rejections.record(source, request, {
    status: answer.status,
    reason: verdict.reason,
    truncated,
  })
  // A wrong path token and an unknown source must not differ by the time that recording takes.
  if (verdict.refusal === 'not_found') void recording
  else trace.request = await recording
  return answer
}

/** A body that could not be read whole, of a request that nothing has condemned yet. */
async function unread(
  parts: ReceiveParts,
  source: Source,
  request: Inbound,
  read: Extract<ReadBody, { ok: false }>,
  trace: Trace,
): Promise<Answer> {
  switch (read.problem) {
    case 'no_memory':
      trace.verdict = 'no memory for its body'
      return problem('unavailable')
    case 'aborted':
      trace.verdict = 'aborted'
      return problem('bad_request')
    case 'corrupt':
      return reject(
        parts,
        source,
        request,
        refusal('unreadable', 'the body is not the gzip it says it is'),
        trace,
        true,
      )
    case 'too_large': {
      const reason = `the body is larger than bodyBytesMax (${source.bodyBytesMax} bytes)`
      trace.verdict = 'rejected'
      trace.reason = reason
      parts.log.error({ source: source.name, address: request.address }, `rejected: ${reason}`)
      trace.request = await parts.rejections.record(source, request, { status: 413, reason, truncated: true })
      return problem('body_too_large', { connection: 'close' })
    }
  }
}

function earlyVerdict(source: Source, bare: Bare): Promise<Verdict | undefined> | undefined {
  const { check } = source
  // Most checks need the body and have no parts: nothing to wait for.
  if (check === undefined || (check.needsBody && check.parts === undefined)) return undefined
  return verifyEarly(check, new Inbound({ ...bare, body: empty }))
}

function failed({ log }: ReceiveParts, error: unknown, trace: Trace): Answer {
  const known = error instanceof AppError ? error : undefined
  trace.verdict = 'failed'
  trace.reason = known?.message ?? 'internal error'
  if (known === undefined) log.error({ err: error, source: trace.source }, 'a request failed for a reason of ours')
  // Our own trouble: the sender may try again.
  return problem(known !== undefined && known.status === 503 ? known.code : 'unavailable')
}

function refusal(refused: Refused['refusal'], reason: string): Refused {
  return { ok: false, refusal: refused, reason }
}

const empty = Buffer.alloc(0)

function withBody(bare: Bare, read: ReadBody): Inbound {
  return new Inbound({ ...bare, body: read.ok ? read.bytes : read.beginning })
}

function headersOf({ rawHeaders }: IncomingMessage): [string, string][] {
  const headers: [string, string][] = []
  for (let index = 0; index < rawHeaders.length; index += 2) headers.push([rawHeaders[index]!, rawHeaders[index + 1]!])
  return headers
}
