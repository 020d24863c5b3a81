// receeve (now InDebted Receive): events of claims in collection, and of the payments made on them.
// Facts from the vendor's pages; what they leave open is said in docs/vendors/receeve.md.
import { hash } from 'node:crypto'
import { z } from 'zod'
import type { Adapter, Draft, InboundRequest, SourceDefinition, SourceOptions, Unverified } from '../../src/adapter.ts'
import type { Check } from '../../src/checks/check.ts'
import { compact } from '../../src/compact.ts'
import { type Actor, type Amount, type EventData, isCatalogueType, type Phase, type Status } from '../../src/event.ts'
import type { Json } from '../../src/json/parse.ts'
import { decimalAt, idAt, isObject, objectAt, textAt } from '../../src/json/read.ts'
import { amountOf, fromMinorUnits } from '../../src/money.ts'
import { snakeCase, typeName } from '../../src/names.ts'
import { rfc3339 } from '../../src/time.ts'
import { envelopeOf } from './envelope.ts'
import { claimsOf, refsOf } from './refs.ts'
import { sample, sampleTypes } from './sample.ts'
import { signature } from './signature.ts'

export interface ReceeveOptions extends SourceOptions {
  check: Check<'receeve'> | Unverified
}

/** A source that receeve posts to. */
export const receeve: ((options: ReceeveOptions) => SourceDefinition) & { signature: typeof signature } = Object.assign(
  ({ check, ...options }: ReceeveOptions): SourceDefinition => ({ adapter, check, options }),
  { signature },
)

const adapter: Adapter = {
  vendor: 'receeve',
  options: z.object({}),
  normalise(request, options) {
    const found = payloadOf(request)
    if ('problem' in found) return { notUnderstood: found.problem }
    const { payload, content } = found
    const details = objectAt(payload, 'details')
    const vendortype = textAt(details, 'messageType')
    if (vendortype === undefined) return { notUnderstood: 'the payload has no details.messageType' }

    const refs = refsOf(details)
    const vendorid = idAt(payload, 'messageId')
    const vendortime = textAt(payload, 'timestamp')
    const { type, understood } = typeOf(vendortype)
    const draft: Draft = {
      type,
      vendortype,
      vendorid,
      vendortime,
      time: rfc3339(vendortime, options.timezone),
      subject: refs.claim ? `claim/${refs.claim}` : refs.account ? `account/${refs.account}` : undefined,
      environment: options.environment,
      dedupe: vendorid === undefined ? ['content', content] : [vendorid, vendortype],
      content,
      data: compact({
        refs,
        actor: actorOf(payload),
        // Another version may count in other units.
        ...(understood ? detailsOf(type, vendortype, details, options) : {}),
      }),
    }
    return { drafts: [draft] }
  },
  sampleTypes,
  sample,
  setup: url => [
    'In the Backoffice, in the settings for webhooks: a subscription for each event that you want.',
    `URL: ${url}`,
    'Ask the vendor for the public key of your environment, and set it as the publicKey of this source.',
  ],
}

/** What the event says: of the signed text where there is one, and only without it of the copy beside it. */
function payloadOf(request: InboundRequest): { payload: Json; content: string } | { problem: string } {
  const envelope = envelopeOf(request)
  if ('problem' in envelope) return { problem: `the body is not JSON: ${envelope.problem}` }
  const { payloadAsString: text, signed, payload } = envelope
  if (text === undefined) {
    return isObject(payload)
      ? { payload, content: request.sha256 }
      : { problem: 'the body has neither payloadAsString nor payload' }
  }
  if (text === null) return { problem: 'payloadAsString is no text' }
  return isObject(signed)
    ? { payload: signed, content: hash('sha256', text, 'hex') }
    : { problem: 'payloadAsString is no JSON object' }
}

const claimTypes: Readonly<Record<string, string>> = {
  'event.claim.created': 'claim.created',
  'event.claim.updated': 'claim.updated',
  'event.claim.resolved': 'claim.resolved',
}
const paymentPattern = /^event\.(?:claimDebtPayment|multiClaimDebtPayment)\.[^.]+$/

/** `.v1` is the version we know; another one is another type. */
function typeOf(messageType: string): { type: string; understood: boolean } {
  const name = messageType.replace(/\.v1$/, '')
  const understood = !/\.v\d+$/.test(name)
  if (understood && Object.hasOwn(claimTypes, name)) return { type: claimTypes[name]!, understood }
  if (understood && paymentPattern.test(name) && snakeCase(actionOf(name)) !== '') {
    return { type: 'payment.status_changed', understood }
  }
  // The vendor's prose spells instalmentPlan, its lists of events instalmentsPlan too.
  const bare = name.replace(/^(?:event|webhook)\./, '').replace(/^instalmentsPlan(?=\.|$)/, 'instalmentPlan')
  return { type: typeName('receeve', bare), understood }
}

function actionOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

function detailsOf(
  type: string,
  messageType: string,
  details: Json | undefined,
  options: SourceOptions,
): Partial<EventData> {
  const amount = cents(details, 'amount', options)
  const dueDate = textAt(details, 'dueDate')
  if (type === 'payment.status_changed') {
    return { status: paymentStatus(actionOf(messageType.replace(/\.v1$/, ''))), amount, claims: claimsOf(details) }
  }
  if (isCatalogueType(type)) return { amount, dueDate }
  const [totalFees, totalAmount] = [cents(details, 'totalFees', options), cents(details, 'totalAmount', options)]
  return { amount, dueDate, totalFees, totalAmount }
}

/** Phases of a payment by the last word of its event's name. */
const phaseOf: Readonly<Record<string, Phase | undefined>> = {
  processing: 'in_review',
  settled: 'closed',
  declined: 'declined',
  canceled: 'cancelled',
  cancelled: 'cancelled',
  failed: 'failed',
  refunded: 'reversed',
  reversed: 'reversed',
  // A dispute is open until another event ends it.
  disputed: 'other',
}

function paymentStatus(raw: string): Status {
  const current = snakeCase(raw)
  return { current, phase: (Object.hasOwn(phaseOf, current) && phaseOf[current]) || 'other', raw }
}

/** Amounts are in cents. */
function cents(details: Json | undefined, name: string, options: SourceOptions): Amount | undefined {
  const minor = decimalAt(details, name)
  const currency = (textAt(details, 'currency') ?? options.currency)?.toUpperCase()
  return minor === undefined ? undefined : amountOf(fromMinorUnits(minor, currency), currency)
}

/** `user` is there only where somebody did it: `ClientAPI`, a debtor on the landing page, an agent. */
function actorOf(payload: Json): Actor | undefined {
  const user = objectAt(payload, 'user')
  if (user === undefined) return undefined
  const originator = snakeCase(textAt(user, 'originator') ?? '')
  return compact({ kind: originator === '' ? 'user' : originator, id: idAt(user, 'id') })
}
