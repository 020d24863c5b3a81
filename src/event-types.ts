// The names of the catalogue's types, without their schemas: who only asks whether a type is one of them, as the store
// does in each of its threads, loads nothing for that.

/** A test of the compiler's: `catalogue` of src/event.ts has a schema for each of these, and for nothing else. */
export const catalogueTypes = [
  'loan.created',
  'loan.updated',
  'loan.deleted',
  'loan.status_changed',
  'loan.compliance_failed',
  'loan.note_added',
  'loan.funding_completed',
  'loan.sale_status_changed',
  'loan.purchase_completed',
  'bid.accepted',
  'task.completed',
  'message.received',
  'client.created',
  'client.updated',
  'client.deleted',
  'client.status_changed',
  'payment.received',
  'payment.adjusted',
  'payment.status_changed',
  'command.failed',
  'command.unconfirmed',
  'workflow.completed',
  'workflow.status_changed',
  'workflow.updated',
  'workflow.decided',
  'document.changed',
  'disbursement.status_changed',
  'claim.created',
  'claim.updated',
  'claim.resolved',
  'postern.delivery.died',
  'postern.breaker.opened',
  'postern.subscription.paused',
  'postern.rejections.spiked',
  'postern.quarantine.grown',
] as const

export type CatalogueType = (typeof catalogueTypes)[number]

/** The types of our own events: only a pattern that names them matches one. */
export type OwnEventType = Extract<CatalogueType, `postern.${string}`>

const names: ReadonlySet<string> = new Set(catalogueTypes)

export function isCatalogueType(type: string): type is CatalogueType {
  return names.has(type)
}

/** Whether a type is one of our own events', of the catalogue or not. */
export function isOwnEventType(type: string): boolean {
  return type.startsWith('postern.')
}

/** The `dataschema` of a type, or undefined for a type that is in no catalogue. */
export function schemaUrn(type: string): string | undefined {
  return isCatalogueType(type) ? `urn:postern:schema:${type}:1` : undefined
}
