// Banclo Business Continuity Suite: events of loan requests, synced to offline instances.
// Facts from the vendor's page on webhooks and sync; what it leaves open is said in docs/vendors/banclo.md.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Adapter, Draft, InboundRequest, SourceDefinition, SourceOptions, Unverified } from '../../src/adapter.ts'
import type { Check } from '../../src/checks/check.ts'
import { compact, compactOrNothing } from '../../src/compact.ts'
import type { Amount, EventData, Phase, Refs, Status } from '../../src/event.ts'
import type { Json, JsonObject } from '../../src/json/parse.ts'
import { booleanAt, decimalAt, idAt, integerAt, isObject, objectAt, textAt } from '../../src/json/read.ts'
import { amountOf } from '../../src/money.ts'
import { snakeCase, typeName } from '../../src/names.ts'
import { rfc3339 } from '../../src/time.ts'
import { bodyOf, withoutSecurity } from './body.ts'
import { signature } from './signature.ts'

export interface BancloOptions extends SourceOptions {
  check: Check<'banclo'> | Unverified
}

/** A source that Banclo posts to. */
export const banclo: ((options: BancloOptions) => SourceDefinition) & { signature: typeof signature } = Object.assign(
  ({ check, ...options }: BancloOptions): SourceDefinition => ({ adapter, check, options }),
  { signature },
)

const adapter: Adapter = {
  vendor: 'banclo',
  options: z.object({}),
  normalise(request, options) {
    if (!request.json.ok) return { notUnderstood: `the body is not JSON: ${request.json.problem}` }
    const body = request.json.value
    const vendortype = textAt(body, 'eventType')
    if (!isObject(body) || vendortype === undefined) return { notUnderstood: 'the body has no eventType' }

    const known = textAt(body, 'version') === undefined || /^1(\.|$)/.test(textAt(body, 'version') ?? '')
    const named = known && Object.hasOwn(mappings, vendortype) ? mappings[vendortype] : undefined
    const loan = idAt(body, 'data', 'loanRequestHashid')
    const vendortime = textAt(body, 'timestamp')
    const metadata = objectAt(body, 'data', 'metadata')
    const data: EventData = { ...common(body, metadata, loan), ...(named?.data ?? loanData)(metadata, options) }
    // The type promises a status: a change that names none keeps the vendor's own type.
    const mapping = named?.type === 'loan.status_changed' && data.status === undefined ? undefined : named
    return {
      drafts: [
        {
          type: mapping?.type ?? typeName('banclo', vendortype),
          vendortype,
          vendorid: idAt(body, 'id'),
          vendortime,
          time: rfc3339(vendortime, options.timezone),
          subject: loan === undefined ? undefined : `loan/${loan}`,
          environment: textAt(body, 'source', 'environment') ?? options.environment,
          dedupe: dedupeKey(body, request),
          soft: softKey(body, metadata, vendortype),
          content: contentHash(request),
          data,
        } satisfies Draft,
      ],
    }
  },
  sampleTypes: [
    'loan_request.created',
    'loan_request.status_changed',
    'bid.accepted',
    'task.completed',
    'message.received',
  ],
  sample(type, { now, uuid }) {
    const loan = sampleHashid(uuid())
    const [entityType, metadata] = sampleMetadata(type, new Date(now).toISOString())
    const body = {
      id: `evt_${uuid()}`,
      timestamp: new Date(now).toISOString(),
      eventType: type,
      version: '1.0',
      source: { system: 'banclo-offline', instanceId: 'your-instance-id', environment: 'sandbox' },
      data: {
        loanRequestHashid: loan,
        entityHashid: entityType === 'LoanRequest' ? loan : sampleHashid(uuid()),
        entityType,
        metadata,
      },
    }
    return {
      method: 'POST',
      rest: '',
      query: '',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    }
  },
  setup: url => [
    'In the Business Continuity Suite: Settings → Webhooks → Add Webhook.',
    `Endpoint URL: ${url}`,
    'Type: HTTP. Events: all of them. Status: Active.',
    'Authentication: the shared secret, where the suite asks for one.',
  ],
}

type Metadata = JsonObject | undefined

interface Mapping {
  type: string
  data(metadata: Metadata, options: SourceOptions): Partial<EventData> & { refs?: Refs }
}

const loanData: Mapping['data'] = (metadata, options) => {
  const current = textAt(metadata, 'newStatus') ?? textAt(metadata, 'status')
  return compact({
    status: current === undefined ? undefined : status(current, textAt(metadata, 'previousStatus')),
    amount: amount(metadata, 'principalAmount', options),
  })
}

const mappings: Readonly<Record<string, Mapping>> = {
  'loan_request.created': { type: 'loan.created', data: loanData },
  'loan_request.status_changed': { type: 'loan.status_changed', data: loanData },
  'bid.accepted': {
    type: 'bid.accepted',
    data: (metadata, options) =>
      compact({
        amount: amount(metadata, 'principalAmount', options),
        totalAmount: amount(metadata, 'totalPrincipalAmount', options),
        bank: compactOrNothing({
          name: textAt(metadata, 'bankName'),
          acronym: textAt(metadata, 'bankAcronym'),
        }),
        facilitiesCount: integerAt(metadata, 'facilitiesCount'),
        acceptedAt: textAt(metadata, 'acceptedOn'),
      }),
  },
  'task.completed': {
    type: 'task.completed',
    data: metadata => {
      const previous = textAt(metadata, 'previousStatus')
      return compact({
        name: textAt(metadata, 'taskName'),
        slug: textAt(metadata, 'taskSlug'),
        assignee: compactOrNothing({
          id: idAt(metadata, 'assigneeHashid'),
          name: textAt(metadata, 'assigneeName'),
        }),
        previousStatus: previous === undefined ? undefined : snakeCase(previous),
        dueAt: textAt(metadata, 'dueDate'),
        completedAt: textAt(metadata, 'completedAt'),
        isNewTask: booleanAt(metadata, 'isNewTask'),
      })
    },
  },
  'message.received': {
    type: 'message.received',
    data: metadata => {
      const kind = textAt(metadata, 'authorType')
      return compact({
        actor: compact({
          kind: kind === undefined ? 'unknown' : snakeCase(kind),
          name: textAt(metadata, 'authorName'),
          email: textAt(metadata, 'authorEmail'),
        }),
        attachmentsCount: integerAt(metadata, 'attachmentCount'),
      })
    },
  },
}

/** What the kinds of entity are called as refs. */
const entityRefs: ReadonlyMap<string, string> = new Map([
  ['LoanRequest', 'loan'],
  ['LoanBid', 'bid'],
])

function common(body: Json, metadata: Metadata, loan: string | undefined): EventData {
  const entityType = textAt(body, 'data', 'entityType')
  const entity = idAt(body, 'data', 'entityHashid')
  const kind = entityType === undefined ? undefined : (entityRefs.get(entityType) ?? snakeCase(entityType))
  return compact({
    refs: compact({
      ...(kind === undefined || kind === '' ? {} : { [kind]: entity }),
      loan,
      application: idAt(metadata, 'applicationId'),
      bank: idAt(metadata, 'bankHashid'),
      channel: idAt(metadata, 'channelHashid'),
    }),
    system: textAt(body, 'source', 'system'),
    instance: textAt(body, 'source', 'instanceId'),
    entityType,
    syncVersion: integerAt(metadata, 'syncVersion'),
  })
}

/** Phases of Banclo's loan request statuses; the page names these. */
const phaseOf: Readonly<Record<string, Phase | undefined>> = {
  pre_bid: 'applied',
  pending: 'in_review',
  in_review: 'in_review',
  bid: 'offered',
  approved: 'approved',
  completed: 'closed',
  rejected: 'declined',
  declined: 'declined',
  withdrawn: 'withdrawn',
  cancelled: 'cancelled',
  canceled: 'cancelled',
}

function status(raw: string, previous: string | undefined): Status {
  const current = snakeCase(raw)
  return compact({
    current,
    previous: previous === undefined ? undefined : snakeCase(previous),
    phase: (Object.hasOwn(phaseOf, current) && phaseOf[current]) || 'other',
    raw,
  })
}

function amount(metadata: Metadata, name: string, options: SourceOptions): Amount | undefined {
  return amountOf(decimalAt(metadata, name), textAt(metadata, 'currency') ?? options.currency)
}

/** The page: an event is synced to every offline instance, so an id is unique within its instance only. */
function dedupeKey(body: Json, request: InboundRequest): string[] {
  const [instance, id] = [textAt(body, 'source', 'instanceId'), textAt(body, 'id')]
  return instance === undefined || id === undefined
    ? ['content', contentHash(request) ?? request.sha256]
    : [instance, id]
}

/** Two instances tell of one change under two ids. */
function softKey(body: Json, metadata: Metadata, eventType: string): string[] | undefined {
  const entity = textAt(body, 'data', 'entityHashid')
  const version = textAt(metadata, 'syncVersion') ?? textAt(metadata, 'completedAt') ?? textAt(metadata, 'acceptedOn')
  return entity === undefined || version === undefined ? undefined : [eventType, entity, version]
}

/**
 * The content of an event is its text without `security`: a retry that is signed anew is no conflict. Undefined where
 * there is none to leave out.
 */
function contentHash(request: InboundRequest): string | undefined {
  if (request.text?.includes('"security"') !== true) return undefined
  const body = bodyOf(request)
  if (body === undefined || body.members.find('security').length === 0) return undefined
  const digest = createHash('sha256')
  for (const piece of withoutSecurity(body)) digest.update(piece)
  return digest.digest('hex')
}

function sampleHashid(uuid: string): string {
  return uuid.replaceAll('-', '').slice(0, 6).toUpperCase()
}

function sampleMetadata(type: string, now: string): [entityType: string, metadata: object] {
  const loan = { applicationId: 'APP-2024-001', bankHashid: 'B1A2C3', principalAmount: 250000, currency: 'EUR' }
  switch (type) {
    case 'loan_request.status_changed':
      return ['LoanRequest', { ...loan, previousStatus: 'PRE_BID', newStatus: 'BID', syncVersion: 2 }]
    case 'bid.accepted':
      return [
        'LoanBid',
        {
          bankName: 'Example Bank',
          bankAcronym: 'EXB',
          principalAmount: 240000,
          totalPrincipalAmount: 240000,
          acceptedOn: now,
          facilitiesCount: 1,
        },
      ]
    case 'task.completed':
      return [
        'Task',
        {
          taskName: 'Employment Verification',
          taskSlug: 'employment_verification',
          assigneeHashid: 'U9X4Y7',
          assigneeName: 'John Smith',
          completedAt: now,
          dueDate: now,
          previousStatus: 'IN_PROGRESS',
          isNewTask: false,
        },
      ]
    case 'message.received':
      return [
        'Message',
        {
          channelHashid: 'C6H2V8',
          authorType: 'CLIENT',
          authorName: 'Jane Doe',
          authorEmail: 'jane.doe@example.com',
          hasAttachments: true,
          attachmentCount: 2,
        },
      ]
    default:
      return ['LoanRequest', { ...loan, status: 'PRE_BID', created: true, syncVersion: 1 }]
  }
}
