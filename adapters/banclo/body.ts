// Banclo's body as bytes: where its members lie, and the text with some of them cut out.
// The signature lies inside the body that it signs, so both the check and the content's hash work on cuts.
import type { InboundRequest } from '../../src/adapter.ts'
import { type Members, membersOf, removal } from '../../src/json/cut.ts'
import type { Span } from '../../src/json/parse.ts'

export interface Body {
  readonly bytes: Buffer
  /** The bytes as Latin-1: one character a byte, so that offsets in it are offsets in the bytes. */
  readonly latin1: string
  readonly members: Members
}

const paths = [['security'], ['security', 'signature'], ['security', 'timestamp'], ['data']]
const mark = Buffer.from([0xef, 0xbb, 0xbf])
const parsed = new WeakMap<InboundRequest, Body | undefined>()

/** The body's parts, or undefined where it is no JSON. Made once a request. */
export function bodyOf(request: InboundRequest): Body | undefined {
  if (!parsed.has(request)) parsed.set(request, parseBody(request.body))
  return parsed.get(request)
}

export function parseBody(whole: Buffer): Body | undefined {
  // A byte order mark is no part of the text.
  const bytes = whole.subarray(0, 3).equals(mark) ? whole.subarray(3) : whole
  const latin1 = bytes.toString('latin1')
  try {
    return { bytes, latin1, members: membersOf(latin1, paths) }
  } catch {
    return undefined
  }
}

/** The bytes without the `security` member: Banclo's event without what a retry signs anew. */
export function withoutSecurity(body: Body): Buffer[] {
  return without(
    body,
    body.members.find('security').map(member => removal(body.latin1, member)),
  )
}

/** The bytes before, between and after the spans. */
export function without({ bytes }: Body, spans: readonly Span[]): Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  for (const { start, end } of spans) {
    pieces.push(bytes.subarray(at, start))
    at = end
  }
  pieces.push(bytes.subarray(at))
  return pieces
}
