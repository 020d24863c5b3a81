// receeve's body: the signed text, its signature, and a copy of that text as JSON that nobody signed.
import type { InboundRequest } from '../../src/adapter.ts'
import { type Members, membersOf } from '../../src/json/cut.ts'
import { type Json, parseJson } from '../../src/json/parse.ts'

export interface Envelope {
  /** The signed text; undefined where there is none, null where it is no text. */
  readonly payloadAsString: string | null | undefined
  /** What the signed text says; undefined where it is no JSON. */
  readonly signed: Json | undefined
  /** The unsigned copy. */
  readonly payload: Json | undefined
  readonly signature: string | undefined
  /** Which of the three is there twice: a reader that takes the first would see another than one that takes the last. */
  readonly doubled: string | undefined
}

const parsed = new WeakMap<InboundRequest, Envelope | { problem: string }>()

/** The body's parts, or why it is no JSON. Made once a request. */
export function envelopeOf(request: InboundRequest): Envelope | { problem: string } {
  let envelope = parsed.get(request)
  if (envelope === undefined) {
    envelope = request.text === undefined ? { problem: 'it is not UTF-8' } : parseEnvelope(request.text)
    parsed.set(request, envelope)
  }
  return envelope
}

const names = ['payload', 'payloadAsString', 'signature'] as const

/** The three members of a text, in order. Throws JsonSyntaxError. */
export function membersOfEnvelope(text: string): Members {
  return membersOf(
    text,
    names.map(name => [name]),
  )
}

/** Before the signature is checked it is a stranger's: of all the rest nothing is kept, and nothing is made of it. */
function parseEnvelope(text: string): Envelope | { problem: string } {
  try {
    const members = membersOfEnvelope(text)
    const scalar = (name: string) => {
      const span = members.find(name).at(-1)?.value
      if (span === undefined) return undefined
      return text[span.start] === '"' ? (JSON.parse(text.slice(span.start, span.end)) as string) : null
    }
    const payloadAsString = scalar('payloadAsString')
    let signed: { value: Json | undefined } | undefined
    let payload: { value: Json | undefined } | undefined
    return {
      payloadAsString,
      get signed() {
        signed ??= { value: typeof payloadAsString === 'string' ? jsonOf(payloadAsString) : undefined }
        return signed.value
      },
      get payload() {
        const span = members.find('payload').at(-1)?.value
        payload ??= { value: span === undefined ? undefined : jsonOf(text.slice(span.start, span.end)) }
        return payload.value
      },
      signature: scalar('signature') ?? undefined,
      doubled: names.find(name => members.find(name).length > 1),
    }
  } catch (error) {
    return { problem: (error as Error).message }
  }
}

function jsonOf(text: string): Json | undefined {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}
