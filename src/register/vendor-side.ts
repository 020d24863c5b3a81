// One source's side at its vendor: read, compared, and brought to what the configuration wants. Each change stands for
// itself; afterwards the vendor is read again, since an answer of 200 is not yet a registration.
import type { VendorFetch } from '../delivery/vendor-api.ts'
import type { Source } from '../ingest/source.ts'
import type { Json } from '../json/parse.ts'
import { leadsTo, payloadUrl } from '../payload-url.ts'
import type { ApiRequest, Registration, RegistrationContext, Registrations, Wanted } from '../registration.ts'
import { type Compared, compare, stateText } from './compare.ts'
import type { Conceal } from './conceal.ts'
import { asker, type Failure } from './vendor-calls.ts'

export interface VendorSideParts {
  source: Source
  registrations: Registrations
  publicUrl: string
  call: VendorFetch
  conceal: Conceal
  uuid(): string
  beside: boolean
  signal?: AbortSignal
}

export interface Overview {
  compared: readonly Compared[]
  notes: readonly string[]
}

export type Action = 'create' | 'update' | 'restart' | 'remove' | 'leave'

export interface Step {
  action: Action
  compared: Compared
}

export type Outcome = { step: Step; done: true } | { step: Step; done: false; reason: string }

/** What is wrong before anything is asked of the vendor is `problem`: a setting to put right. */
export type Read =
  | { ok: true; overview: Overview }
  | { ok: false; failure: Failure | { kind: 'problem'; reason: string } }

export interface VendorSide {
  read(): Promise<Read>
  /** Does what is to be done, and reads back. */
  apply(steps: readonly Step[]): Promise<Outcome[]>
}

/** `begun`: an earlier request of the same way was taken. */
interface Failed {
  failure: Failure
  status: number | undefined
  begun: boolean
}

/** Statuses after which another way of saying the same may be understood. A 5xx: stock Fineract fails so on a list. */
const anotherWay = new Set([400, 404, 405, 409, 415, 422, 500, 501])

export function vendorSide(parts: VendorSideParts): VendorSide {
  const { source, registrations, publicUrl, conceal, uuid } = parts
  const context: RegistrationContext = {
    url: payloadUrl(source, publicUrl),
    credentials: source.check === undefined ? [] : source.check.credentials?.(),
    options: source.options,
    uuid,
  }
  const ask = asker({
    source: source.name,
    call: parts.call,
    refusal: registrations.refusal,
    conceal,
    signal: parts.signal,
  })
  let known: readonly Registration[] = []

  const read = async (): Promise<Read> => {
    const problem = (reason: string): Read => ({ ok: false, failure: { kind: 'problem', reason } })
    // First without asking: a setting that must be put right is no reason to call anybody.
    const early = registrations.wanted(context, [])
    if ('problem' in early) return problem(early.problem)
    const answers: (Json | undefined)[] = []
    for (const reading of registrations.readings(context)) {
      const answered = await ask(reading)
      if (!answered.ok && !reading.optional) return { ok: false, failure: answered.failure }
      answers.push(answered.ok ? answered.answer : undefined)
    }
    const found = registrations.read(answers, context)
    if ('problem' in found) return { ok: false, failure: { kind: 'refused', reason: found.problem } }
    known = found
    const { registrations: wanted, notes } = registrations.wanted(context, answers) as Wanted
    const compared = compare({
      wanted,
      known,
      isFor: registrations.isFor,
      leadsHere: url => leadsTo(source, publicUrl, url),
      beside: parts.beside,
    })
    return { ok: true, overview: { compared, notes } }
  }

  const sequence = async (requests: readonly ApiRequest[]): Promise<Failed | undefined> => {
    for (const [index, request] of requests.entries()) {
      const answered = await ask(request)
      if (!answered.ok) return { ...answered, begun: index > 0 }
    }
    return undefined
  }

  const carryOut = async ({ action, compared }: Step): Promise<Failed | undefined> => {
    if (action === 'leave') return undefined
    if (action === 'remove') return await sequence([registrations.remove(compared.known!, context)])
    let failed: Failed | undefined
    for (const way of registrations.put(compared.wanted!, compared.known, known, context)) {
      // After trouble of its own it may have done it all the same.
      if (failed !== undefined && failed.status! >= 500 && (await isSo(compared))) return undefined
      failed = await sequence(way)
      if (failed === undefined) return undefined
      if (failed.begun || failed.status === undefined || !anotherWay.has(failed.status)) break
    }
    return failed
  }

  const isSo = async (before: Compared) => {
    const now = await read()
    const name = before.wanted?.name
    return (
      before.state !== 'ok' &&
      now.ok &&
      now.overview.compared.some(({ state, wanted }) => state === 'ok' && wanted.name === name)
    )
  }

  return {
    read,
    async apply(steps) {
      const outcomes: Outcome[] = []
      let stopped = false
      for (const step of steps) {
        const failed: Failed | undefined = stopped ? undefined : await carryOut(step)
        const reason = stopped ? 'not tried' : failed?.failure.reason
        // No credentials, or nobody there: that holds for all of them.
        stopped ||= failed !== undefined && (failed.failure.kind === 'denied' || failed.status === undefined)
        outcomes.push(reason === undefined ? { step, done: true } : { step, done: false, reason })
      }
      const after = await read()
      return outcomes.map(outcome => confirmed(outcome, after))
    },
  }
}

/** The outcome, by what the vendor has now. */
function confirmed(outcome: Outcome, after: Read): Outcome {
  const { step } = outcome
  if (step.action === 'leave') return outcome
  if (!after.ok) {
    return outcome.done
      ? { step, done: false, reason: `the vendor took it, but could not be read again: ${after.failure.reason}` }
      : outcome
  }
  const now = after.overview.compared
  if (step.action === 'remove') {
    const isThere = now.some(({ known }) => known?.id === step.compared.known!.id)
    return isThere && outcome.done ? { step, done: false, reason: 'the vendor took it, but still has it' } : outcome
  }
  const one = now.find(({ wanted }) => wanted?.name === step.compared.wanted!.name)
  // A call without an answer may have been heard all the same; of what was right before nothing can be seen.
  if (one?.state === 'ok') return step.compared.state === 'ok' ? outcome : { step, done: true }
  // How a vendor shows credentials that it keeps hashed is for it to know.
  if (outcome.done && one?.state === 'differs' && one.differences.join() === 'other credentials') return outcome
  const state = one === undefined ? 'missing' : stateText(one)
  return outcome.done ? { step, done: false, reason: `the vendor took it, but it is ${state} still` } : outcome
}
