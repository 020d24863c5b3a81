// A realistic request of a source's vendor, signed as the source's check wants it: for the lines that a start prints,
// and for `postern send`.
import type { SampleRequest } from './adapter.ts'
import { idOfIdentity } from './ids.ts'
import { Inbound } from './ingest/request.ts'
import type { Source } from './ingest/source.ts'
import { understand } from './ingest/understand.ts'
import { eventId } from './store/record.ts'

/** Undefined where Postern cannot sign for the vendor: with a public key, or for an identity provider. */
export function signedSample(
  { adapter, check, options }: Source,
  type: string,
  now: number,
): SampleRequest | undefined {
  const sample = adapter.sample(type, { now, uuid: () => crypto.randomUUID() }, options)
  return check === undefined ? sample : check.sign?.(sample, { now })
}

/** The id of the event that it becomes; undefined where it would wait in quarantine. */
export function eventIdOf(source: Source, signed: SampleRequest, now: number): string | undefined {
  const understood = understand(source, arrived(signed, now))
  return 'quarantine' in understood ? undefined : eventId(idOfIdentity(understood.events[0]!.identity))
}

/** As it arrives. */
export function arrived(signed: SampleRequest, now: number): Inbound {
  return new Inbound({
    ...signed,
    headers: Object.entries(signed.headers),
    body: Buffer.from(signed.body),
    receivedAt: now,
    address: '127.0.0.1',
  })
}

/** The path and query that it is sent to. */
export function targetOf({ name }: Source, { pathToken, rest, query }: SampleRequest): string {
  const segments = [name, pathToken, ...rest.split('/')].filter(part => part !== undefined && part !== '')
  return `/hooks/${segments.map(part => encodeURIComponent(part!)).join('/')}${query === '' ? '' : `?${query}`}`
}

/** Of every printed line. */
export const curl = ['curl', '-sS', '-w', "'\\n'"] as const

/** One line that works when it is pasted. The answer ends with a line, as a prompt comes next. */
export function curlOf(source: Source, signed: SampleRequest, url: string): string {
  const headers = Object.entries(signed.headers).map(([header, value]) => `-H ${quoted(`${header}: ${value}`)}`)
  const target = quoted(`${url.replace(/\/$/, '')}${targetOf(source, signed)}`)
  return [...curl, '-X', signed.method, target, ...headers, '--data-binary', quoted(signed.body)].join(' ')
}

/** As one word for a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
