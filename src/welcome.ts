// What a newcomer sees at the first start: for each source its URL, what to enter in the vendor's console, and a
// request to paste; last of all the token, one request that posts and one that reads the event back.
import type { Clock } from './clock.ts'
import { isoTime } from './clock.ts'
import type { Gateway } from './gateway.ts'
import type { Source } from './ingest/source.ts'

/** The text to print; `clock` dates the samples. */
export function welcome(gateway: Gateway, clock: Clock): string {
  const lines = [`Postern ${gateway.url}  (${isoTime(clock.now())})`, '']
  let first: string | undefined
  for (const source of gateway.sources) {
    const curl = sampleCurl(source, gateway.url, clock)
    first ??= curl
    lines.push(`${source.name}  ${payloadUrl(source, gateway.publicUrl)}`)
    for (const step of source.adapter.setup(payloadUrl(source, gateway.publicUrl), source.options))
      lines.push(`    ${step}`)
    for (const line of secretLines(source)) lines.push(`    ${line}`)
    if (curl !== undefined) lines.push('', curl)
    lines.push('')
  }
  lines.push(`token  ${gateway.token}`, '')
  if (first !== undefined) lines.push(first)
  lines.push(`curl -sS -H 'Authorization: Bearer ${gateway.token}' '${gateway.adminUrl}/api/v1/events?limit=1'`, '')
  return lines.join('\n')
}

/** The URL to paste into the vendor's console, its path token included. */
function payloadUrl(source: Source, publicUrl: string): string {
  const signed = source.check?.sign?.({ method: 'POST', rest: '', query: '', headers: {}, body: '{}' }, { now: 0 })
  const token = signed?.pathToken === undefined ? '' : `/${encodeURIComponent(signed.pathToken)}`
  return `${publicUrl.replace(/\/$/, '')}/hooks/${source.name}${token}`
}

/** The secrets to enter at the vendor's, by the names that they are set under here. */
function secretLines({ check }: Source): string[] {
  return (check?.secrets ?? []).flatMap(({ secret, kind }) => {
    const [value] = secret.values()
    if (value === undefined || kind === 'rsa-public-key') return []
    return [`${secret.name}: ${value}`]
  })
}

/** One line that works when it is pasted; undefined where Postern cannot sign for the vendor. */
export function sampleCurl(source: Source, url: string, clock: Clock): string | undefined {
  const { adapter, check, options, name } = source
  const type = adapter.sampleTypes[0]
  if (type === undefined) return undefined
  const now = clock.now()
  const sample = adapter.sample(type, { now, uuid: () => crypto.randomUUID() }, options)
  const signed = check === undefined ? sample : check.sign?.(sample, { now })
  if (signed === undefined) return undefined
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
