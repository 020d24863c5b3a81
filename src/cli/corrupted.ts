// A signed request made false: one character of what proves it is another one, and the source's own check says so.
import type { SampleRequest } from '../adapter.ts'
import type { Source } from '../ingest/source.ts'
import { arrived } from '../signed-sample.ts'
import { exit, Failure } from './command.ts'

/** Throws Failure for a source that checks nothing of it. */
export async function corrupted({ check, name }: Source, signed: SampleRequest): Promise<SampleRequest> {
  for (const candidate of candidates(signed)) {
    const verdict = await check?.verify(arrived(candidate, Date.now()))
    if (verdict?.ok === false) return candidate
  }
  throw new Failure(exit.mistaken, `Nothing that ${name} checks can be corrupted in a request.`)
}

function* candidates(signed: SampleRequest): Generator<SampleRequest> {
  const { pathToken, headers, body } = signed
  if (pathToken !== undefined) yield { ...signed, pathToken: altered(pathToken, pathToken.length - 1) }
  for (const [header, value] of Object.entries(headers)) {
    const at = value.search(/[A-Za-z0-9+/_-]{8,}={0,2}$/)
    if (at >= 0) yield { ...signed, headers: { ...headers, [header]: altered(value, at) } }
  }
  // Within a value, so that it stays readable.
  for (const { index } of body.matchAll(/(?<=[:=_"\s-])[A-Za-z0-9+/]{8,}/g))
    yield { ...signed, body: altered(body, index) }
}

function altered(text: string, at: number): string {
  return `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`
}
