// What a newcomer sees at the first start: for each source its URL, what to enter in the vendor's console, and a
// request to paste; last of all the token, one request that posts and one that reads the event back.
import { type Clock, isoTime } from './clock.ts'
import type { Gateway } from './gateway.ts'
import type { Source } from './ingest/source.ts'
import { payloadUrl } from './payload-url.ts'
import { curl, curlOf, eventIdOf, signedSample } from './signed-sample.ts'

/** The text to print; `clock` dates the samples. */
export function welcome(gateway: Gateway, clock: Clock): string {
  const lines = [`Postern ${gateway.url}  (${isoTime(clock.now())})`, '']
  for (const source of gateway.sources) {
    const sample = samplePrinted(source, clock)?.curl(gateway.url)
    lines.push(`${source.name}  ${payloadUrl(source, gateway.publicUrl)}`)
    for (const step of source.adapter.setup(payloadUrl(source, gateway.publicUrl), source.options))
      lines.push(`    ${step}`)
    for (const line of secretLines(source)) lines.push(`    ${line}`)
    if (sample !== undefined) lines.push('', sample)
    lines.push('')
  }
  lines.push(`token  ${gateway.token}`, '', 'Try it: the first line posts a request, the second reads its event back.')
  for (const source of gateway.sources) {
    const sample = samplePrinted(source, clock)
    if (sample === undefined) continue
    const event = `${gateway.adminUrl}/api/v1/events/${sample.event}`
    lines.push(sample.curl(gateway.url), `${curl.join(' ')} -H 'Authorization: Bearer ${gateway.token}' '${event}'`, '')
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

/** Undefined where Postern may not sign for the vendor: it does where it made the secret. */
function samplePrinted(source: Source, clock: Clock): SignedSample | undefined {
  const { adapter, check } = source
  const type = adapter.sampleTypes[0]
  if (type === undefined || check?.secrets.some(({ secret }) => !secret.minted)) return undefined
  const now = clock.now()
  const signed = signedSample(source, type, now)
  const event = signed && eventIdOf(source, signed, now)
  return event === undefined ? undefined : { curl: url => curlOf(source, signed!, url), event }
}
