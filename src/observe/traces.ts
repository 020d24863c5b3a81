// Traces by OpenTelemetry's API alone: whoever registers an SDK sees a request's way to every attempt; without one all
// of this costs next to nothing, and attempts still carry a valid `traceparent`. No span has a secret or a body in it.
import {
  type Context,
  context,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { type Chance, systemChance } from '../clock.ts'
import type { StoredEvent } from '../store/record.ts'

/** Of the SDK, if there is one by now; undefined else, and then nothing else of the API is called. */
function sdkTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider()
  return provider instanceof ProxyTracerProvider ? provider.getDelegateTracer('postern') : provider.getTracer('postern')
}

type Headers = readonly (readonly [name: string, value: string])[]

/** A request as a trace knows it. */
export interface RequestSpan {
  /** Runs what stores the request's events, as a part of it. */
  appending<Value>(append: () => Promise<Value>): Promise<Value>
  /** The part of the trace that its events are, as they are stored; null where it is part of none. */
  readonly traceparent: string | null
  end(attributes: { status: number; verdict: string; event?: string | undefined; request?: string | undefined }): void
}

/** The span of a request of this source: within what is active, else within the trace that the sender names. */
export function requestSpan(source: string, method: string, headers: Headers): RequestSpan {
  const remote = traceparentOf(headers)
  const tracer = sdkTracer()
  if (tracer === undefined) return remote === null ? untraced : { ...untraced, traceparent: remote }
  const active = context.active()
  const outer = trace.getSpanContext(active)
  const parent = outer === undefined && remote !== null ? trace.setSpanContext(active, remoteContext(remote)) : active
  const attributes = { 'postern.source': source, 'http.request.method': method }
  const span = tracer.startSpan(`receive ${source}`, { kind: SpanKind.SERVER, attributes }, parent)
  const own = span.spanContext()
  // Tracing can be suppressed.
  if (!trace.isSpanContextValid(own)) return untraced
  const here = trace.setSpan(parent, span)
  return {
    traceparent: textOf(own),
    appending: append => traced(tracer, 'append', here, append),
    end({ status, verdict, event, request }) {
      span.setAttribute('http.response.status_code', status)
      span.setAttribute('postern.verdict', verdict)
      if (event !== undefined) span.setAttribute('postern.event', event)
      if (request !== undefined) span.setAttribute('postern.request', request)
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
      span.end()
    },
  }
}

const untraced: RequestSpan = { traceparent: null, appending: append => append(), end: () => {} }

async function traced<Value>(tracer: Tracer, name: string, parent: Context, run: () => Promise<Value>): Promise<Value> {
  const span = tracer.startSpan(name, {}, parent)
  try {
    return await run()
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR })
    throw error
  } finally {
    span.end()
  }
}

/** What an attempt's span says. */
export interface AttemptAttributes {
  subscription: string
  /** `dlv_…` */
  delivery: string
  /** From 1. */
  number: number
  /** `rpl_…` on a replay, which is a trace of its own with a link to the event's. */
  replay: string | null
  kind: 'http' | 'handler'
}

/**
 * Makes one attempt, `run`, within its span and resolves with its outcome; `run` is given the `traceparent` to send.
 * Each attempt has a span id of its own, with an SDK or without.
 */
export async function withAttemptSpan<Value extends { result: string; status: number | null }>(
  event: StoredEvent,
  { subscription, delivery, number, replay, kind }: AttemptAttributes,
  run: (traceparent: string) => Promise<Value>,
  chance: Chance = systemChance,
): Promise<Value> {
  const tracer = sdkTracer()
  if (tracer === undefined) return run(traceparentFor(event, chance.bytes(8)))
  const stored = remoteContext(event.traceparent ?? derived(event))
  const span = tracer.startSpan(
    `deliver ${subscription}`,
    {
      kind: kind === 'http' ? SpanKind.CLIENT : SpanKind.CONSUMER,
      attributes: {
        'postern.subscription': subscription,
        'postern.delivery': delivery,
        'postern.attempt': number,
        'postern.event.type': event.type,
        ...(replay === null ? {} : { 'postern.replay': replay }),
      },
      ...(replay === null ? {} : { links: [{ context: stored }] }),
    },
    replay === null ? trace.setSpanContext(ROOT_CONTEXT, stored) : ROOT_CONTEXT,
  )
  const own = span.spanContext()
  if (!trace.isSpanContextValid(own)) return run(traceparentFor(event, chance.bytes(8)))
  try {
    const outcome = await context.with(trace.setSpan(context.active(), span), run, undefined, textOf(own)!)
    span.setAttribute('postern.result', outcome.result)
    if (outcome.status !== null) span.setAttribute('http.response.status_code', outcome.status)
    if (outcome.result !== 'succeeded') span.setStatus({ code: SpanStatusCode.ERROR })
    return outcome
  } finally {
    span.end()
  }
}

/**
 * The `traceparent` of one attempt: the event's trace, under the attempt's own span id (8 bytes). An event that is part
 * of no trace begins one that is named after its id, so that all attempts and all subscriptions share it.
 */
export function traceparentFor(event: Pick<StoredEvent, 'id' | 'traceparent'>, spanId: Buffer): string {
  const { traceId, traceFlags } = remoteContext(event.traceparent ?? derived(event))
  return textOf({ traceId, spanId: hexOf(spanId), traceFlags })!
}

/** The one valid `traceparent` of a request's headers, as it is stored; null for none, and for more than one. */
export function traceparentOf(headers: Headers): string | null {
  let found: string | undefined
  for (const [name, value] of headers) {
    if (name.length !== 11 || name.toLowerCase() !== 'traceparent') continue
    if (found !== undefined) return null
    found = value
  }
  return found === undefined ? null : normalised(found)
}

/** W3C Trace Context, 3.2: version, trace, span, flags; a later version may have more behind them. */
const pattern = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/
const longest = 256
/** Of the flags those that there are: sampled, and a random trace id. */
const knownFlags = 0x03

/** As version 00. Null where it is not valid: it is then ignored, as if there were none. */
function normalised(given: string): string | null {
  const text = given.trim()
  const parts = text.length > longest ? null : pattern.exec(text)
  if (parts === null) return null
  const [, version, traceId, spanId, flags, more] = parts
  if (version === 'ff' || (version === '00' && more !== undefined)) return null
  return textOf({ traceId: traceId!, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16) & knownFlags })
}

/** Of one that `normalised` or `textOf` made. */
function remoteContext(traceparent: string): SpanContext {
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-')
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
}

function textOf(span: SpanContext): string | null {
  if (!trace.isSpanContextValid(span)) return null
  return `00-${span.traceId}-${span.spanId}-${(span.traceFlags & knownFlags).toString(16).padStart(2, '0')}`
}

/**
 * Sampled: a subscriber that goes by its parent would else drop all of its own spans. Random: the id is of a hash.
 */
function derived({ id }: Pick<StoredEvent, 'id'>): string {
  return `00-${hexOf(id)}-${hexOf(id.subarray(8))}-03`
}

/** Ids of zeros alone are invalid. */
function hexOf(bytes: Buffer): string {
  const text = bytes.toString('hex')
  return /[^0]/.test(text) ? text : `${text.slice(0, -1)}1`
}
