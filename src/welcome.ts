// What a newcomer sees at the first start: for each source its URL, what to enter in the vendor's console, and a
// request to paste; last of all the token, one request that posts and one that reads the event back.
import type { SampleRequest } from './adapter.ts'
import { type Clock, isoTime } from './clock.ts'
import type { Gateway } from './gateway.ts'
import { idOfIdentity } from './ids.ts'
import { Inbound } from './ingest/request.ts'
import type { Source } from './ingest/source.ts'
import { understand } from './ingest/understand.ts'
import { payloadUrl } from './payload-url.ts'
import { eventId } from './store/record.ts'

/** The text to print; `clock` dates the samples. */
export function welcome(gateway: Gateway, clock: Clock): string {
  const lines = [`Postern ${gateway.url}  (${isoTime(clock.now())})`, '']
  for (const source of gateway.sources) {
    const curl = signedSample(source, clock)?.curl(gateway.url)
    lines.push(`${source.name}  ${payloadUrl(source, gateway.publicUrl)}`)
    for (const step of source.adapter.setup(payloadUrl(source, gateway.publicUrl), source.options))
      lines.push(`    ${step}`)
    for (const line of secretLines(source)) lines.push(`    ${line}`)
    if (curl !== undefined) lines.push('', curl)
    lines.push('')
  }
  lines.push(`token  ${gateway.token}`, '', 'Try it: the first line posts a request, the second reads its event back.')
  for (const source of gateway.sources) {
    const sample = signedSample(source, clock)
    if (sample === undefined) continue
    const event = `${gateway.adminUrl}/api/v1/events/${sample.event}`
    lines.push(sample.curl(gateway.url), `curl -sS -H 'Authorization: Bearer ${gateway.token}' '${event}'`, '')
    break
  }
  return lines.join('\n')
}

/** The secrets to enter at the vendor's, by the names that they are set under here. */
function secretLines({ check }: Source): string[] {
  return (check?.secrets ?? []).flatMap(({ secret, kind }) => {
    if (kind === 'rsa-public-key') return []
    // What you set yourself is not shown again.
    return [`${secret.name}: ${secret.minted ? secret.values()[0] : 'as you set it'}`]
  })
}

interface SignedSample {
  /** One line that works when it is pasted. */
  curl(url: string): string
  /** The id that its event will have. */
  event: string
}

/** Undefined where Postern cannot sign for the vendor: it can where it made the secret. */
function signedSample(source: Source, clock: Clock): SignedSample | undefined {
  const { adapter, check, options } = source
  const type = adapter.sampleTypes[0]
  if (type === undefined) return undefined
  const now = clock.now()
  const sample = adapter.sample(type, { now, uuid: () => crypto.randomUUID() }, options)
  const signed = check === undefined ? sample : check.sign?.(sample, { now })
  if (signed === undefined || check?.secrets.some(({ secret }) => !secret.minted)) return undefined
  const request = new Inbound({
    ...signed,
    headers: Object.entries(signed.headers),
    body: Buffer.from(signed.body),
    receivedAt: now,
    address: '127.0.0.1',
  })
  const understood = understand(source, request)
  if ('quarantine' in understood) return undefined
  return { curl: url => curlOf(source, signed, url), event: eventId(idOfIdentity(understood.events[0]!.identity)) }
}

function curlOf({ name }: Source, signed: SampleRequest, url: string): string {
  const segments = [name, signed.pathToken, ...signed.rest.split('/')].filter(part => part !== undefined && part !== '')
  const query = signed.query === '' ? '' : `?${signed.query}`
  const target = `${url}/hooks/${segments.map(part => encodeURIComponent(part!)).join('/')}${query}`
  const headers = Object.entries(signed.headers).map(([header, value]) => `-H ${quoted(`${header}: ${value}`)}`)
  return ['curl', '-sS', '-X', signed.method, quoted(target), ...headers, '--data-binary', quoted(signed.body)].join(
    ' ',
  )
}

/** As one word for a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
