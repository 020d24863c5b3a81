// What users import as `postern/testing`, to test their handlers: made events, and a handler run as a worker runs it,
// but here. Nothing in it opens a database, a port or a thread.
import type { ZodType } from 'zod'
import type { SourceDefinition } from './adapter.ts'
import { isoTime } from './clock.ts'
import type { HandlerContext, LazyHandler } from './config/handler.ts'
import { loaded } from './config/handler-function.ts'
import { lateValues } from './config/resolve-secrets.ts'
import { readSecretsLate } from './config/secret.ts'
import { Context } from './delivery/destinations/handler-context.ts'
import type { CallRequest, Level } from './delivery/destinations/handler-messages.ts'
import { thrownOf } from './delivery/destinations/handler-thrown.ts'
import type { VendorAnswer } from './delivery/vendor-api.ts'
import { vendorUrl } from './delivery/vendor-path.ts'
import { catalogue, type Envelope, type EventOf, isCatalogueType, openData, schemaUrn } from './event.ts'
import { matchesType } from './globs.ts'
import { deriveId, idOfIdentity } from './ids.ts'
import { Inbound } from './ingest/request.ts'
import { sourceOf } from './ingest/source.ts'
import { understand } from './ingest/understand.ts'
import { eventId, sequenceText, toEvent } from './store/record.ts'

readSecretsLate(name => lateValues(name, process.env))

/** When made events were received, unless they say otherwise: the same at every run. */
const receivedAt = Date.UTC(2024, 0, 15, 15, 45)
let made = 0

export type MadeEvent<Type extends string> = Partial<Omit<Envelope, 'type' | 'data'>> & {
  /** What the type's schema demands must be in it; `refs` are none by default. */
  data?: Partial<EventOf<Type>['data']>
}

/**
 * An event of this type: `makeEvent('loan.created', { data: { refs: { loan: 'K0Z1Q' } } })`. It has an id and a place in
 * the log of its own; its subject is the ref that its type begins with, where there is one.
 * Throws a TypeError that names the field where its data does not fit the type's schema.
 */
export function makeEvent<const Type extends string>(type: Type, given: MadeEvent<Type> = {}): EventOf<Type> {
  const { data: givenData = {}, ...envelope } = given
  const data: Record<string, unknown> & { refs: Record<string, string> } = { refs: {}, ...givenData }
  assertFits(type, data)
  const number = ++made
  const kind = type.split('.', 1)[0]!
  const dataschema = schemaUrn(type)
  return {
    specversion: '1.0',
    id: eventId(deriveId('made', String(number))),
    source: '/sources/test',
    type,
    ...(Object.hasOwn(data.refs, kind) ? { subject: `${kind}/${data.refs[kind]}` } : {}),
    time: isoTime(receivedAt),
    datacontenttype: 'application/json',
    ...(dataschema === undefined ? {} : { dataschema }),
    vendor: 'test',
    vendortype: type,
    receivedtime: isoTime(receivedAt),
    sequence: sequenceText(number),
    ...envelope,
    data,
  } as unknown as EventOf<Type>
}

function assertFits(type: string, { original: _, ...data }: Record<string, unknown>): void {
  const schema: ZodType = isCatalogueType(type) ? catalogue[type].strict() : openData
  const [issue] = schema.safeParse(data).error?.issues ?? []
  if (issue === undefined) return
  throw new TypeError(`makeEvent: ${['data', ...issue.path].map(String).join('.')} of ${type}: ${issue.message}`)
}

/**
 * The event that a source makes of its vendor's own sample, through the real adapter:
 * `eventFrom(banclo({ check }), 'loan_request.created', 'loan.created')`. Throws where the vendor has no such sample, and
 * where the event is of another type than `type`, which may be a glob.
 */
export function eventFrom<const Type extends string = '*'>(
  definition: SourceDefinition,
  vendortype?: string,
  type?: Type,
): EventOf<Type> {
  const { adapter } = definition
  const source = sourceOf(adapter.vendor, definition)
  const wanted = vendortype ?? adapter.sampleTypes[0] ?? ''
  if (!adapter.sampleTypes.includes(wanted)) {
    throw new TypeError(
      `eventFrom: ${adapter.vendor} has samples of ${adapter.sampleTypes.join(', ')}, not of ${wanted}`,
    )
  }
  const uuid = () => crypto.randomUUID()
  const { method, rest, query, headers, body } = adapter.sample(wanted, { now: receivedAt, uuid }, source.options)
  const understood = understand(
    source,
    new Inbound({
      method,
      rest,
      query,
      headers: Object.entries(headers),
      body: Buffer.from(body),
      receivedAt,
      address: '127.0.0.1',
    }),
  )
  if ('quarantine' in understood) throw new TypeError(`eventFrom: ${understood.quarantine.reason}`)
  const [record] = understood.events
  const event = toEvent({ ...record!, id: idOfIdentity(record!.identity), sequence: ++made, sameas: null })
  if (type !== undefined && !matchesType([type], event.type)) {
    throw new TypeError(`eventFrom: the event is of the type ${event.type}, not ${type}`)
  }
  return event as unknown as EventOf<Type>
}

export interface RunOptions {
  /** Which attempt it is. Default 1. */
  attempt?: number
  /** Answers `context.vendor.fetch`; without it, calls are refused as those of a source without `api` are. */
  vendor?: (path: string, request: Request) => Response | Promise<Response>
  /** When the signal is aborted. Default 15,000 ms. */
  timeoutMs?: number
}

export interface HandlerRun {
  outcome: 'succeeded' | 'failed'
  /** Why it failed, as it is kept with the attempt. */
  reason: string | null
  /** What the handler threw. */
  error: unknown
  logged: { level: Level; message: string; fields?: Record<string, unknown> }[]
  /** Paths that it called at the vendor's, with their methods: `GET /loans/K0Z1Q`. */
  calls: string[]
}

/**
 * Runs a handler once, as a delivery does, in this thread: one that never gives it back cannot be ended here. It is given
 * the event as JSON makes it, so that what it changes of it stays its own. Never rejects for what the handler does.
 */
export async function runHandler<Event>(
  handler:
    | ((event: Event, context: HandlerContext) => unknown)
    | LazyHandler<(event: Event, context: HandlerContext) => unknown>,
  event: NoInfer<Event>,
  { attempt = 1, vendor, timeoutMs = 15_000 }: RunOptions = {},
): Promise<HandlerRun> {
  const run: HandlerRun = { outcome: 'succeeded', reason: null, error: undefined, logged: [], calls: [] }
  const context = new Context({
    attempt,
    write: (level, message, fields) =>
      run.logged.push({ level, message, ...(fields === null ? {} : { fields: JSON.parse(fields) }) }),
    call: (path, request, signal) => {
      run.calls.push(`${request.method} ${path}`)
      return answered(path, request, signal, vendor)
    },
  })
  const { promise: limit, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    context.abort()
    reject(new Error(`not done within ${timeoutMs} ms`))
  }, timeoutMs)
  try {
    const handle = typeof handler === 'function' ? handler : await loaded(handler)
    const own = JSON.parse(JSON.stringify(event)) as Event
    await Promise.race([(async () => handle(own, context))(), limit])
  } catch (error) {
    const { reason } = thrownOf(error)
    Object.assign(run, {
      outcome: 'failed',
      reason: context.aborted ? `not done within ${timeoutMs} ms` : reason,
      error,
    })
  } finally {
    clearTimeout(timer)
  }
  return run
}

async function answered(
  path: string,
  { method, headers, body }: CallRequest,
  signal: AbortSignal,
  vendor: RunOptions['vendor'],
): Promise<VendorAnswer> {
  if (vendor === undefined) throw new Error('vendor.fetch: give runHandler a `vendor` that answers')
  const url = vendorUrl('https://vendor.example', path)
  const response = await vendor(path, new Request(url, { method, headers, body, signal }))
  return {
    status: response.status,
    statusText: response.statusText,
    headers: [...response.headers],
    body: new Uint8Array(await response.arrayBuffer()),
  }
}
