// Ballerine's system webhooks: an envelope with an id and a name around the whole context of a workflow.
// Facts from workflows-service's code, and for the events that only the page names, from the page.
import { createHash } from 'node:crypto'
import type { Draft, InboundRequest, Normalised, NormaliseOptions } from '../../src/adapter.ts'
import { compact, compactOrNothing } from '../../src/compact.ts'
import type { EventData, Person, Phase, Status } from '../../src/event.ts'
import { membersOf } from '../../src/json/cut.ts'
import type { Json } from '../../src/json/parse.ts'
import { arrayAt, idAt, isObject, textAt } from '../../src/json/read.ts'
import { lowerGuid, snakeCase, typeName } from '../../src/names.ts'
import { rfc3339 } from '../../src/time.ts'

const types: Readonly<Record<string, string>> = {
  'workflow.completed': 'workflow.completed',
  'workflow.state.changed': 'workflow.status_changed',
  'workflow.context.changed': 'workflow.updated',
  'workflow.context.document.updated': 'workflow.updated',
  'workflow.context.document.changed': 'document.changed',
  // The page: "triggered when a case is approved or rejected".
  'workflow.context.document.completed': 'workflow.decided',
}

export function normaliseEnvelope(request: InboundRequest, options: NormaliseOptions): Normalised {
  if (!request.json.ok) return { notUnderstood: `the body is not JSON: ${request.json.problem}` }
  const body = request.json.value
  const vendortype = textAt(body, 'eventName')
  if (!isObject(body) || vendortype === undefined) {
    return { notUnderstood: 'the body has no eventName; the URL of a custom webhook ends in /custom/<name>' }
  }
  const data = dataOf(body)
  const vendorid = idAt(body, 'id')
  const vendortime = textAt(body, 'timestamp')
  const draft: Draft = {
    type: typeOf(vendortype, data),
    vendortype,
    vendorid,
    vendortime,
    time: rfc3339(vendortime, options.timezone),
    subject: data.refs.workflow === undefined ? undefined : `workflow/${data.refs.workflow}`,
    environment: textAt(body, 'environment') ?? options.environment,
    dedupe: vendorid === undefined ? ['content', request.sha256] : [vendorid],
    soft: softKey(request, body, vendortype),
    data,
  }
  return { drafts: [draft] }
}

function typeOf(eventName: string, data: EventData): string {
  const type = Object.hasOwn(types, eventName) ? types[eventName] : undefined
  // A state machine's state may be nested; without one word for it there is no status to speak of.
  const lacksStatus = type === 'workflow.status_changed' && data.status === undefined
  return type === undefined || lacksStatus ? typeName('ballerine', eventName) : type
}

function dataOf(body: Json): EventData {
  const workflow = idAt(body, 'workflowRuntimeId')
  return compact({
    refs: compact({
      workflow: workflow === undefined ? undefined : lowerGuid(workflow),
      definition: idAt(body, 'workflowDefinitionId'),
      entity: idAt(body, 'ballerineEntityId'),
      correlation: idAt(body, 'correlationId'),
    }),
    status: statusOf(body),
    apiVersion: textAt(body, 'apiVersion'),
    decision: textAt(body, 'workflowFinalState'),
    documents: documentsOf(body),
    assignee: assigneeOf(body),
    assignedAt: textAt(body, 'assignedAt'),
    createdAt: textAt(body, 'workflowCreatedAt'),
    resolvedAt: textAt(body, 'workflowResolvedAt'),
  })
}

/** Phases of the states and statuses that Ballerine's own workflow templates use; a customer may name others. */
const phaseOf: Readonly<Record<string, Phase | undefined>> = {
  idle: 'applied',
  pending: 'applied',
  collection_flow: 'applied',
  active: 'in_review',
  review: 'in_review',
  manual_review: 'in_review',
  revision: 'in_review',
  revisions: 'in_review',
  approved: 'approved',
  auto_approved: 'approved',
  rejected: 'declined',
  auto_rejected: 'declined',
  completed: 'closed',
  resolved: 'closed',
  failed: 'failed',
}

function statusOf(body: Json): Status | undefined {
  const raw = textAt(body, 'state') ?? textAt(body, 'workflowStatus') ?? textAt(body, 'workflowFinalState')
  if (raw === undefined) return undefined
  const current = snakeCase(raw)
  const decision = textAt(body, 'workflowFinalState')
  return { current, phase: (decision && phaseAt(snakeCase(decision))) || phaseAt(current) || 'other', raw }
}

function phaseAt(word: string): Phase | undefined {
  return Object.hasOwn(phaseOf, word) ? phaseOf[word] : undefined
}

function documentsOf(body: Json): object[] | undefined {
  const documents = (arrayAt(body, 'data', 'documents') ?? []).map(document =>
    compactOrNothing({
      id: idAt(document, 'id'),
      category: textAt(document, 'category'),
      decision: compactOrNothing({
        status: textAt(document, 'decision', 'status'),
        revisionReason: textAt(document, 'decision', 'revisionReason'),
        rejectionReason: textAt(document, 'decision', 'rejectionReason'),
      }),
    }),
  )
  const known = documents.filter(document => document !== undefined)
  return known.length === 0 ? undefined : known
}

function assigneeOf(body: Json): Person | undefined {
  const names = [textAt(body, 'assignee', 'firstName'), textAt(body, 'assignee', 'lastName')]
  const name = names.filter(each => each !== undefined).join(' ')
  return compactOrNothing({
    id: idAt(body, 'assignee', 'id'),
    name: name === '' ? undefined : name,
    email: textAt(body, 'assignee', 'email'),
  })
}

/**
 * One event reaches us under several ids: subscriptions exist at three levels, and a forced re-emit draws a new id.
 * Without a state or a time of resolution there is none: the same data twice may be a true there and back again.
 */
function softKey(request: InboundRequest, body: Json, eventName: string): string[] | undefined {
  const workflow = idAt(body, 'workflowRuntimeId')
  const [resolved, state] = [textAt(body, 'workflowResolvedAt'), textAt(body, 'state')]
  if (workflow === undefined || (resolved ?? state) === undefined) return undefined
  return [eventName, workflow, resolved ?? '', state ?? '', dataHash(request.text ?? '')]
}

/** Of the data's text without its token, which is redacted in what is stored: a released request has the same hash. */
function dataHash(text: string): string {
  const members = membersOf(text, [['data'], ['data', 'metadata', 'token']])
  const digest = createHash('sha256')
  const data = members.find('data').at(-1)?.value
  if (data !== undefined) {
    let at = data.start
    for (const { value } of members.find('data', 'metadata', 'token')) {
      if (value.start < at) continue
      digest.update(text.slice(at, value.start))
      at = value.end
    }
    digest.update(text.slice(at, data.end))
  }
  return digest.digest('hex')
}
