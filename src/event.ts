// The canonical event: a CloudEvent 1.0 with the data of one fact, the same whichever vendor told it.
// Types and schemas alone: consumers import this as `postern/events`, so it loads nothing native and nothing of Node.
import { z } from 'zod'
import type { CatalogueType, OwnEventType } from './event-types.ts'

export {
  type CatalogueType,
  catalogueTypes,
  isCatalogueType,
  isOwnEventType,
  type OwnEventType,
  schemaUrn,
} from './event-types.ts'

/** Decimal text in major units; no float ever touches it. */
const decimal = z.string().regex(/^-?\d+(\.\d+)?$/)
const amount = z.object({ value: decimal, currency: z.string().optional() })

export const phases = [
  'applied',
  'in_review',
  'offered',
  'approved',
  'funding',
  'active',
  'closed',
  'declined',
  'withdrawn',
  'cancelled',
  'failed',
  'reversed',
  'other',
] as const

/** `current` and `previous` are the vendor's words in snake_case, `raw` its value as text, `phase` ours. */
const status = z.object({
  current: z.string(),
  previous: z.string().optional(),
  phase: z.enum(phases),
  raw: z.string(),
})
const person = z.object({ id: z.string().optional(), name: z.string().optional(), email: z.string().optional() })
const actor = person.extend({ kind: z.string() })
const outcome = z.enum(['succeeded', 'failed', 'unknown'])

/** What any event's data may have. `flags` names what an operator should know, such as `headers_disagree`. */
const common = {
  refs: z.record(z.string(), z.string()),
  status: status.optional(),
  amount: amount.optional(),
  actor: actor.optional(),
  outcome: outcome.optional(),
  flags: z.array(z.string()).optional(),
}

/** What single vendors add to several of their types. */
const vendorFields = {
  system: z.string().optional(),
  instance: z.string().optional(),
  entityType: z.string().optional(),
  syncVersion: z.number().int().optional(),
  entity: z.string().optional(),
  action: z.string().optional(),
  tenant: z.string().optional(),
  apiVersion: z.string().optional(),
  /** Arix's `Ignore`: shown, and no reason to drop. */
  ignore: z.boolean().optional(),
}

const base = z.object({ ...common, ...vendorFields })
const withStatus = base.extend({ status })
const client = base.extend({ name: z.string().optional() })
const note = base.extend({
  title: z.string().optional(),
  text: z.string().optional(),
  link: z.string().optional(),
  ruleName: z.string().optional(),
})
const command = base.extend({
  outcome,
  entity: z.string(),
  action: z.string(),
  error: z
    .object({ code: z.string().optional(), status: z.string().optional(), message: z.string().optional() })
    .optional(),
})
const document = z.object({
  id: z.string().optional(),
  category: z.string().optional(),
  decision: z
    .object({
      status: z.string().optional(),
      revisionReason: z.string().optional(),
      rejectionReason: z.string().optional(),
    })
    .optional(),
})
const workflow = base.extend({
  decision: z.string().optional(),
  documents: z.array(document).optional(),
  assignee: person.optional(),
  assignedAt: z.string().optional(),
  createdAt: z.string().optional(),
  resolvedAt: z.string().optional(),
})
const claim = base.extend({ dueDate: z.string().optional() })
/** What Postern tells about itself. `count`: how often it happened since the last event of the same cause. */
const own = base.extend({ count: z.number().int() })
/** What the last attempt met: the answer's HTTP status, and why it did not succeed. */
const lastAttempt = { httpStatus: z.number().int().optional(), reason: z.string().optional() }

/** Every catalogue type and the schema of its `data`, version 1. Within a version only optional fields are added. */
export const catalogue = {
  'loan.created': base,
  'loan.updated': base,
  'loan.deleted': base,
  'loan.status_changed': withStatus,
  'loan.compliance_failed': base.extend({
    rules: z.array(
      z.object({
        name: z.string().optional(),
        rule: z.string().optional(),
        data: z.string().optional(),
        result: z.boolean().optional(),
        id: z.string().optional(),
      }),
    ),
  }),
  'loan.note_added': note,
  'loan.funding_completed': base.extend({ outcome }),
  'loan.sale_status_changed': note,
  'loan.purchase_completed': note,
  'bid.accepted': base.extend({
    totalAmount: amount.optional(),
    bank: z.object({ name: z.string().optional(), acronym: z.string().optional() }).optional(),
    facilitiesCount: z.number().int().optional(),
    acceptedAt: z.string().optional(),
  }),
  'task.completed': base.extend({
    name: z.string().optional(),
    slug: z.string().optional(),
    assignee: person.optional(),
    previousStatus: z.string().optional(),
    dueAt: z.string().optional(),
    completedAt: z.string().optional(),
    isNewTask: z.boolean().optional(),
  }),
  'message.received': base.extend({ attachmentsCount: z.number().int().optional() }),
  'client.created': client,
  'client.updated': client,
  'client.deleted': client,
  'client.status_changed': client.extend({ status }),
  'payment.received': base,
  'payment.adjusted': base,
  'payment.status_changed': withStatus.extend({ claims: z.array(z.string()).optional() }),
  'command.failed': command,
  'command.unconfirmed': command,
  'workflow.completed': workflow,
  'workflow.status_changed': workflow.extend({ status }),
  'workflow.updated': workflow,
  'workflow.decided': workflow,
  'document.changed': workflow,
  'disbursement.status_changed': withStatus.extend({
    rail: z.object({ type: z.string(), name: z.string().optional() }).optional(),
    text: z.string().optional(),
    processedAt: z.string().optional(),
  }),
  'claim.created': claim,
  'claim.updated': claim,
  'claim.resolved': claim,
  'postern.delivery.died': own.extend({ ...lastAttempt, attempts: z.number().int(), eventType: z.string() }),
  'postern.breaker.opened': own.extend({
    ...lastAttempt,
    failures: z.number().int(),
    /** When the first probe is made. */
    until: z.string().optional(),
  }),
  'postern.subscription.paused': own.extend({ ...lastAttempt, by: z.enum(['person', 'gone']) }),
  'postern.rejections.spiked': own.extend({
    cause: z.enum(['check_failed', 'body_too_large']),
    httpStatus: z.number().int(),
  }),
  'postern.quarantine.grown': own.extend({ reason: z.string() }),
} as const satisfies Record<CatalogueType, z.ZodType>

/** The data of an event whose type is in no catalogue: what is common, and the vendor's own content as it came. */
export const openData = base.loose()

export type Amount = z.infer<typeof amount>
export type Status = z.infer<typeof status>
export type Phase = (typeof phases)[number]
export type Actor = z.infer<typeof actor>
export type Person = z.infer<typeof person>
export type Outcome = z.infer<typeof outcome>
export type Refs = Record<string, string>

/** What every event's data has, whichever its type. */
export interface EventData {
  refs: Refs
  [field: string]: unknown
}

/** The envelope: CloudEvents attributes, and Postern's extensions. */
export interface Envelope<Type extends string = string, Data = EventData> {
  specversion: '1.0'
  /** Derived from the source and the vendor's dedupe key: `evt_` and 26 characters. */
  id: string
  /** `/sources/<name>`. */
  source: string
  type: Type
  /** The business object whose life the event tells, as `kind/id`. */
  subject?: string
  /** The vendor's time as RFC 3339, all its digits kept; the receipt's where the vendor gives none. */
  time: string
  datacontenttype: 'application/json'
  /** `urn:postern:schema:<type>:1`, for catalogue types. */
  dataschema?: string
  vendor: string
  /** The vendor's own name for the type. */
  vendortype: string
  vendorid?: string
  /** The vendor's time as it was sent. */
  vendortime?: string
  environment?: string
  receivedtime: string
  /** The position in the log: 16 digits, so that texts sort as numbers do. */
  sequence: string
  /** The id of an earlier event that seems to tell the same fact. */
  sameas?: string
  data: Data
}

type DataOf<Type extends string> = Type extends CatalogueType
  ? z.infer<(typeof catalogue)[Type]> & { original?: unknown }
  : EventData
/** The catalogue types that a glob matches. */
type Matched<Pattern extends string> = Exclude<
  Extract<CatalogueType, TypeText<Pattern>>,
  Pattern extends `postern.${string}` ? never : OwnEventType
>
/** A glob as a type: `custom.*` is `custom.${string}`. */
type TypeText<Pattern extends string> = Pattern extends `${infer Head}*${infer Tail}`
  ? `${Head}${string}${TypeText<Tail>}`
  : Pattern
type Each<Type extends string> = Type extends string ? Envelope<Type, DataOf<Type>> : never

/**
 * The event of a type or a glob of types: `EventOf<'loan.*'>` is the union of all loan events,
 * and a type that is in no catalogue has open data.
 */
export type EventOf<Pattern extends string = '*'> = Pattern extends string
  ? [Matched<Pattern>] extends [never]
    ? Envelope<TypeText<Pattern>>
    : Each<Matched<Pattern>>
  : never

/** The JSON Schema (2020-12) of a catalogue type's data; unknown fields are allowed, as later ones will be added. */
export function jsonSchema(type: CatalogueType): object {
  return { $id: `urn:postern:schema:${type}:1`, title: type, ...z.toJSONSchema(catalogue[type], { io: 'input' }) }
}
