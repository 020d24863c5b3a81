// Fineract's statuses of loans and clients, from the response where it tells, else from the action that leads there.
import type { Phase, Status } from '../../src/event.ts'
import { JsonNumber, type JsonObject } from '../../src/json/parse.ts'
import { idAt, isObject, member, textAt } from '../../src/json/read.ts'
import { snakeCase } from '../../src/names.ts'

const phases: ReadonlyMap<string, Phase> = new Map([
  ['submitted_and_pending_approval', 'applied'],
  ['approved', 'approved'],
  ['active', 'active'],
  ['overpaid', 'active'],
  ['withdrawn_by_client', 'withdrawn'],
  ['withdrawn_by_applicant', 'withdrawn'],
  ['rejected', 'declined'],
  ['closed', 'closed'],
  ['closed_obligations_met', 'closed'],
  ['closed_written_off', 'closed'],
  ['closed_reschedule_outstanding_amount', 'closed'],
  ['closed_rescheduled', 'closed'],
  ['pending', 'applied'],
  ['withdrawn', 'withdrawn'],
])

/** Fineract's `LoanStatus` and `ClientStatus`, for a status that is sent as its number. */
const numbers: Readonly<Record<'LOAN' | 'CLIENT', ReadonlyMap<string, string>>> = {
  LOAN: new Map([
    ['100', 'submitted_and_pending_approval'],
    ['200', 'approved'],
    ['300', 'active'],
    ['303', 'transfer_in_progress'],
    ['304', 'transfer_on_hold'],
    ['400', 'withdrawn_by_client'],
    ['500', 'rejected'],
    ['600', 'closed_obligations_met'],
    ['601', 'closed_written_off'],
    ['602', 'closed_reschedule_outstanding_amount'],
    ['700', 'overpaid'],
  ]),
  CLIENT: new Map([
    ['100', 'pending'],
    ['300', 'active'],
    ['303', 'transfer_in_progress'],
    ['304', 'transfer_on_hold'],
    ['600', 'closed'],
    ['700', 'rejected'],
    ['800', 'withdrawn'],
  ]),
}

/**
 * The status after a command: `response.changes.status` where it is there, else `expected`, which the table gives for
 * the action; then `raw` is the action's name, the only thing that the vendor said.
 */
export function statusAfter(
  response: JsonObject | undefined,
  action: string,
  expected: string | undefined,
  entity: string,
): Status | undefined {
  const said = statusSaid(response, entity)
  if (said !== undefined) return said
  return expected === undefined ? undefined : withPhase(expected, action)
}

function statusSaid(response: JsonObject | undefined, entity: string): Status | undefined {
  const status = member(response, 'changes', 'status')
  if (status instanceof JsonNumber) return numbered(idAt(status), entity)
  const code = isObject(status) ? textAt(status, 'code') : textAt(status)
  const word = isObject(status) ? textAt(status, 'value') : undefined
  const current = wordOf(code) ?? wordOf(word)
  if (current !== undefined) return withPhase(current, word ?? code ?? current)
  return isObject(status) ? numbered(idAt(status, 'id'), entity) : undefined
}

/** `loanStatusType.closed.written.off` is `closed_written_off`; of clients, Fineract's own code says `withdraw`. */
function wordOf(text: string | undefined): string | undefined {
  const word = snakeCase((text ?? '').replace(/^[a-z]+StatusType\./i, ''))
  return word === '' ? undefined : word === 'withdraw' ? 'withdrawn' : word
}

function numbered(id: string | undefined, entity: string): Status | undefined {
  if (id === undefined) return undefined
  const names = entity === 'LOAN' || entity === 'CLIENT' ? numbers[entity] : undefined
  return withPhase(names?.get(id) ?? `code_${id}`, id)
}

function withPhase(current: string, raw: string): Status {
  return { current, phase: phases.get(current) ?? 'other', raw }
}
