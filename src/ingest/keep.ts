// What of a request is kept, and what of a rejected one is sealed so that a recheck can make it whole again.
import type { KeptRequest } from '../store/store.ts'
import { redact, restore } from './redact.ts'
import { Inbound } from './request.ts'
import { scrubbed } from './scrub.ts'
import type { SealedBox } from './sealed-box.ts'
import type { Source } from './source.ts'

/** The request as it is kept: scrubbed and redacted. */
export function kept(source: Source, request: Inbound): KeptRequest {
  return keptWith(source, request, redact(request.body, source.redact))
}

/** The same for a rejection, with what the check will need again sealed beside it. */
export function keptSealed(source: Source, request: Inbound, box: SealedBox): { kept: KeptRequest; sealed: Buffer } {
  const redaction = redact(request.body, source.redact)
  const whole = keptWith(source, request, redaction)
  // Wherever in such a URL the right token was put by mistake, a reader must not find it.
  const hidden = (text: string) => (text === '' ? '' : scrubbed)
  const keptRequest = source.hasPathToken ? { ...whole, rest: hidden(whole.rest), query: hidden(whole.query) } : whole
  const sealed = box.seal({
    rest: request.rest,
    pathToken: request.pathToken ?? null,
    query: request.query,
    headers: request.headers.flatMap(([, value], index) =>
      keptRequest.headers[index]?.[1] === value ? [] : [[index, value] satisfies [number, string]],
    ),
    body: redaction.originals.map(({ start, bytes }): [number, string] => [start, bytes.toString('base64')]),
  } satisfies Sealed)
  return { kept: keptRequest, sealed }
}

/** The request as an adapter sees it: what is redacted must not come back through an event's data. */
export function seen(request: Inbound, { body, redacted }: KeptRequest): Inbound {
  if (redacted.length === 0) return request
  const { method, rest, pathToken, query, headers, receivedAt, address, sha256 } = request
  return new Inbound({ method, rest, pathToken, query, headers, receivedAt, address, body, sha256 })
}

interface Sealed {
  rest: string
  pathToken: string | null
  query: string
  headers: [index: number, value: string][]
  body: [start: number, base64: string][]
}

/** A kept request as adapters see it: for a release, which needs no check. */
export function fromKept(request: KeptRequest): Inbound {
  const { sha256, ...rest } = request
  return new Inbound({ ...rest, pathToken: undefined, receivedAt: request.received, sha256: sha256?.toString('hex') })
}

/** A rejected request as it came; undefined where it was sealed under another key. */
export function unsealed(
  source: Source,
  request: KeptRequest,
  sealed: Buffer | null,
  box: SealedBox,
): Inbound | undefined {
  const secrets = sealed === null ? undefined : (box.open(sealed) as Sealed | undefined)
  if (secrets === undefined) return undefined
  // Beside another proof a wrong token was left to the adapter; now that it is right, it is the token.
  const { pathToken, rest } = secrets
  const isToken =
    pathToken !== null && rest.split('/', 1)[0] === pathToken && source.check?.ownsSegment?.(pathToken) === true
  const values = new Map(secrets.headers)
  const { sha256: _, ...parts } = request
  return new Inbound({
    ...parts,
    rest: isToken ? rest.slice(pathToken.length + 1) : rest,
    query: secrets.query,
    pathToken: pathToken ?? undefined,
    headers: request.headers.map(([name, value], index) => [name, values.get(index) ?? value]),
    body: restore(
      request.body,
      secrets.body.map(([start, base64]) => ({ start, bytes: Buffer.from(base64, 'base64') })),
    ),
    receivedAt: request.received,
  })
}

function keptWith(source: Source, request: Inbound, redaction: ReturnType<typeof redact>): KeptRequest {
  const { method, rest, query, address, receivedAt } = request
  return {
    received: receivedAt,
    method,
    rest,
    query: source.scrub.query(query),
    headers: source.scrub.headers(request.headers),
    address,
    body: redaction.body,
    sha256: redaction.paths.length === 0 ? null : Buffer.from(request.sha256, 'hex'),
    redacted: redaction.paths,
  }
}
