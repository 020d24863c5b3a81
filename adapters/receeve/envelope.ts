// receeve's body: the signed text, its signature, and a copy of that text as JSON that nobody signed.
import type { InboundRequest } from '../../src/adapter.ts'
import { type Json, type MemberSpan, parseJson, parseWithSpans } from '../../src/json/parse.ts'
import { member } from '../../src/json/read.ts'

export interface Envelope {
  /** The signed text; undefined where there is none, null where it is no text. */
  readonly payloadAsString: string | null | undefined
  /** What the signed text says; undefined where it is no JSON. */
  readonly signed: Json | undefined
  /** The unsigned copy. */
  readonly payload: Json | undefined
  readonly signature: Json | undefined
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

/** The top-level members of a text, in order, and its value. Throws JsonSyntaxError. */
export function topLevel(text: string): { value: Json; members: MemberSpan[] } {
  const members: MemberSpan[] = []
  const value = parseWithSpans(text, 1, each => members.push(each))
  return { value, members }
}

function parseEnvelope(text: string): Envelope | { problem: string } {
  try {
    const { value, members } = topLevel(text)
    const payloadAsString = member(value, 'payloadAsString')
    const signedText = typeof payloadAsString === 'string' ? payloadAsString : undefined
    return {
      payloadAsString: payloadAsString === undefined ? undefined : (signedText ?? null),
      signed: signedText === undefined ? undefined : jsonOf(signedText),
      payload: member(value, 'payload'),
      signature: member(value, 'signature'),
      doubled: ['payloadAsString', 'signature', 'payload'].find(
        name => members.filter(({ path }) => path[0] === name).length > 1,
      ),
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
