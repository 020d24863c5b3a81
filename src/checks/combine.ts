// allOf, anyOf, unverified; and the two times at which a check is made: before the body is read, and after.
import type { InboundRequest, Unverified } from '../adapter.ts'
import { type Check, type Reads, refused, type Verdict } from './check.ts'

/** Every one of the checks must pass. */
export function allOf<Vendor extends string>(...checks: Check<Vendor>[]): Check<Vendor> {
  return combined('allOf', true, checks)
}

/** At least one of the checks must pass. */
export function anyOf<Vendor extends string>(...checks: Check<Vendor>[]): Check<Vendor> {
  return combined('anyOf', false, checks)
}

/** Takes what anybody sends, and says why; warned of at every start. Never a part of allOf or anyOf. */
export function unverified(why: string): Unverified {
  if (typeof why !== 'string' || why.trim() === '') throw new TypeError('unverified: say why, in a few words')
  return { kind: 'unverified', why }
}

/**
 * The verdict as far as it can be known before the body is read; undefined where the body must decide.
 * A request is refused here if nothing in its body could save it, and passed if nothing could condemn it.
 */
export async function verifyEarly(check: Check<string>, request: InboundRequest): Promise<Verdict | undefined> {
  if (check.parts === undefined) return check.needsBody ? undefined : check.verify(request)
  let undecided = false
  let failed: Verdict | undefined
  for (const part of check.parts.checks) {
    const verdict = await verifyEarly(part, request)
    if (verdict === undefined) undecided = true
    else if (verdict.ok !== check.parts.every) {
      // allOf ends at the first failure, anyOf at the first success.
      return verdict
    } else if (!verdict.ok) failed = worse(failed, verdict)
    else failed ??= verdict
  }
  return undecided ? undefined : failed
}

function combined<Vendor extends string>(kind: string, every: boolean, checks: Check<Vendor>[]): Check<Vendor> {
  if (checks.length === 0) throw new TypeError(`${kind}: expected at least one check`)
  for (const check of checks) {
    if ((check as { kind?: string } | undefined)?.kind === 'unverified')
      throw new TypeError(`${kind}: unverified() cannot be a part`)
    if (typeof check?.verify !== 'function') throw new TypeError(`${kind}: expected checks, got ${String(check)}`)
  }
  const vendor = checks.find(check => check.forVendor !== undefined)?.forVendor
  const tellers = checks.filter(check => check.credentials !== undefined)
  const tells = every ? tellers.length === checks.length : tellers.length > 0
  const owners = checks.filter(check => check.ownsSegment !== undefined)
  return {
    kind,
    ...(vendor === undefined ? {} : { forVendor: vendor }),
    reads: unionOfReads(checks.map(check => check.reads)),
    needsBody: checks.some(check => check.needsBody),
    weak: every ? checks.every(check => check.weak) : checks.some(check => check.weak),
    secrets: checks.flatMap(check => check.secrets),
    parts: { every, checks },
    ...(tells
      ? { credentials: () => (every ? tellers : tellers.slice(0, 1)).flatMap(each => each.credentials!()) }
      : {}),
    ...(owners.length === 0 ? {} : { ownsSegment: segment => owners.some(check => check.ownsSegment?.(segment)) }),
    async verify(request) {
      let last: Verdict | undefined
      for (const check of checks) {
        const verdict = await check.verify(request)
        if (verdict.ok !== every) return verdict
        last = verdict.ok ? (last ?? verdict) : worse(last, verdict)
      }
      return last ?? refused('unauthenticated', `${kind} of nothing`)
    },
    sign(sample, context) {
      if (every) {
        let signed: typeof sample | undefined = sample
        for (const check of checks) signed = signed === undefined ? undefined : check.sign?.(signed, context)
        return signed
      }
      for (const check of checks) {
        const signed = check.sign?.(sample, context)
        if (signed !== undefined) return signed
      }
      return undefined
    },
  }
}

/**
 * Of two failures of anyOf, the one to answer with: our own trouble first, since a try later may pass; then one with a
 * challenge, which some clients wait for.
 */
function worse(first: Verdict | undefined, second: Verdict): Verdict {
  if (first === undefined || first.ok || second.ok) return second
  const weight = (verdict: typeof first) =>
    verdict.refusal === 'unavailable'
      ? 3
      : verdict.challenge !== undefined
        ? 2
        : verdict.refusal === 'not_found'
          ? 0
          : 1
  const chosen = weight(second) > weight(first) ? second : first
  // A knock without credentials is only that if no part was shown any.
  const missing = first.missing === true && second.missing === true
  const { missing: _, challenge: __, ...rest } = chosen
  const challenge = challenges(first.challenge, second.challenge)
  return {
    ...rest,
    reason: `${first.reason}; ${second.reason}`,
    ...(challenge === undefined ? {} : { challenge }),
    ...(missing ? { missing } : {}),
  }
}

/** Every scheme that would do (RFC 9110, 11.6.1): a client waits for the one it knows. */
function challenges(first: string | undefined, second: string | undefined): string | undefined {
  if (first === undefined || second === undefined || first === second) return first ?? second
  return `${first}, ${second}`
}

function unionOfReads(all: readonly Reads[]): Reads {
  return {
    headers: [...new Set(all.flatMap(reads => reads.headers))],
    pathToken: all.some(reads => reads.pathToken),
    query: [...new Set(all.flatMap(reads => reads.query))],
  }
}
