// Whose content is shown of events: the vendor's own bytes are read by those alone whose token has the scope `raw`.
import { wantsOriginal } from '../store/event-json.ts'
import type { StoredEvent } from '../store/record.ts'
import { allows, assertAllowed, type Principal } from './access.ts'
import type { AuditAction } from './audit-actions.ts'

/** `open`: of events whose type is in no catalogue, which have little else. */
export type Originals = 'all' | 'open' | 'none'

/** Throws AppError `forbidden` where they are asked for by a token without the scope. */
export function originalsFor(principal: Principal, include: readonly string[] | undefined): Originals {
  if (include?.includes('original') !== true) return allows(principal, 'raw') ? 'open' : 'none'
  assertAllowed(principal, 'raw')
  return 'all'
}

export function carriesOriginal(event: Pick<StoredEvent, 'type'>, originals: Originals): boolean {
  return originals === 'all' || (originals === 'open' && wantsOriginal(event as StoredEvent, undefined))
}

/** What the audit log calls the reading of originals; whoever may not is refused, and reads nothing. */
export function originalsAudit(
  { include }: { include?: readonly string[] | undefined },
  principal: Principal,
): AuditAction | undefined {
  return include?.includes('original') === true && allows(principal, 'raw') ? 'event.original' : undefined
}
