// Arix, Cross River's lending platform (COS Lending hooks). A body does not name its event: the URL does, or a header.
// Facts from the vendor's pages on hook notifications; what they leave open is said in docs/vendors/arix.md.
import { z } from 'zod'
import type { Adapter, SourceDefinition, SourceOptions, Unverified } from '../../src/adapter.ts'
import type { Check } from '../../src/checks/check.ts'
import { compact } from '../../src/compact.ts'
import { Secret } from '../../src/config/secret.ts'
import type { Refs } from '../../src/event.ts'
import { typeName } from '../../src/names.ts'
import { rfc3339 } from '../../src/time.ts'
import { eventNamed, nameOfShape } from './events.ts'
import { type ArixRegistration, registrations } from './registrations.ts'
import { sampleBody, sampleTypes } from './sample.ts'
import { readWrapper, type Wrapper } from './wrapper.ts'

export interface ArixOptions extends SourceOptions {
  check: Check<'arix'> | Unverified
  /** The MPLId, three letters. Another partner's events wait in quarantine. */
  partner: string
  /** The header, set in the registration's `options.headers`, that names the event where the URL does not. */
  eventHeader?: string | undefined
  /** For `postern register`: which events, and what only OIDC needs. */
  registration?: ArixRegistration | undefined
}

type Options = Omit<ArixOptions, 'check'>

/**
 * Addresses that Cross River documents for reaching it. That hooks come from them is unconfirmed: for `ipAllowlist`,
 * beside a check that proves something.
 */
const addresses = {
  sandbox: ['66.206.202.39', '66.206.202.12'],
  production: ['66.206.202.62', '66.206.202.15'],
} as const

/** A source that Arix posts to; `arix.addresses` are Cross River's, for `ipAllowlist`. */
export const arix: ((options: ArixOptions) => SourceDefinition) & { addresses: typeof addresses } = Object.assign(
  ({ check, ...options }: ArixOptions): SourceDefinition => ({ adapter, check, options }),
  { addresses },
)

/** What events call the time they tell of. */
const timeFields = ['TimeStamp', 'Time', 'CreatedOn', 'CreateDate', 'ProcessedAt'] as const

const adapter: Adapter<Options> = {
  vendor: 'arix',
  options: z.object({
    partner: z.string().min(1),
    eventHeader: z.string().min(1).optional(),
    registration: z
      .strictObject({
        events: z.array(z.string().regex(/^\w+$/, 'expected the name of an event')).min(1).optional(),
        clientSecret: z.union([z.string().min(1), z.instanceof(Secret)]).optional(),
      })
      .optional(),
  }),
  normalise(request, options) {
    const wrapper = readWrapper(request)
    if ('notUnderstood' in wrapper) return wrapper
    const { content, partner } = wrapper
    const stranger = [partner, content.text('MPLId')].find(each => !sameName(each ?? options.partner, options.partner))
    if (stranger !== undefined) {
      return { notUnderstood: `the event is for partner ${stranger}, the source's is ${options.partner}` }
    }
    const header = options.eventHeader === undefined ? undefined : request.header(options.eventHeader.toLowerCase())
    const name = lastSegment(request.rest) || header?.trim() || wrapper.eventName || nameOfShape(content)
    if (!name) return { notUnderstood: 'neither the URL nor a header names the event, and its shape fits several' }

    const event = eventNamed(name)
    // A type promises its data: content that lacks it keeps the vendor's own type.
    const special = event?.data(content, options)
    const refs = refsOf(wrapper)
    const vendortime = content.time(...timeFields)
    return {
      drafts: [
        {
          type: event === undefined || special === undefined ? typeName('arix', event?.canonical ?? name) : event.type,
          vendortype: event?.name ?? name,
          vendortime,
          time: rfc3339(vendortime, options.timezone),
          subject: refs.loan === undefined ? undefined : `loan/${refs.loan}`,
          environment: options.environment,
          dedupe: dedupeKey(
            event?.canonical ?? name,
            event?.key?.(wrapper),
            () => wrapper.textHash() ?? request.sha256,
          ),
          data: compact({ refs, ...special, ignore: wrapper.ignore }),
        },
      ],
    }
  },
  sampleTypes,
  sample: (type, context, { partner }) => ({
    method: 'POST',
    rest: type,
    query: '',
    headers: { 'Content-Type': 'application/json; charset=utf-8' },
    body: JSON.stringify(sampleBody(type, partner, context)),
  }),
  setup: (url, { partner, eventHeader }) => [
    'One registration an event, each with its own URL: POST /hooks/v2/registrations, or the Hooks page of COS Lending.',
    `hookCorrelationId: ${partner}. hookType: Web. httpMethod: POST.`,
    ...sampleTypes.map(name => `hookName ${name}: uri ${url.replace(/\/*$/, '')}/${name}`),
    ...(eventHeader === undefined
      ? []
      : [`or one URL for all, with headers {"${eventHeader}": ["<the event's name>"]}`]),
    'authenticationOptions: Basic with user name and password, or OIDC; to be sent again on every edit.',
  ],
  registrations,
}

function refsOf({ content, partner }: Wrapper): Refs {
  return compact({
    loan: content.id('LoanId'),
    loanNumber: content.text('LoanNumber'),
    payment: content.id('RailId'),
    transaction: content.id('RailTransactionId'),
    transactionGroup: content.id('TransactionGroupId'),
    partner,
  })
}

/** A part that is not there gives way to the content's hash, so that two events never become one for lack of it. */
function dedupeKey(name: string, parts: (string | undefined)[] | undefined, contentHash: () => string): string[] {
  return parts === undefined ? [name, contentHash()] : parts.map(part => part ?? contentHash())
}

function lastSegment(rest: string): string {
  return rest.split('/').findLast(segment => segment !== '') ?? ''
}

function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}
