// What each command on a client or a loan means. Every LOAN and CLIENT action of Fineract's permission list has its
// row; an action without one becomes `embarc.<entity>.<action>`.
import type { CatalogueType } from '../../src/event.ts'

export interface Action {
  type: CatalogueType
  /** The status it leaves behind, for when the response does not say. */
  status?: string
  /** What `response.resourceId` is; left out where Fineract puts now this, now that there. */
  resource?: 'loan' | 'client' | 'payment'
  /** The member of `request` that holds its amount. */
  amount?: string
}

const loanStatus = (status: string, more: Omit<Action, 'type' | 'status'> = { resource: 'loan' }): Action => ({
  type: 'loan.status_changed',
  status,
  ...more,
})
const clientStatus = (status: string): Action => ({ type: 'client.status_changed', status, resource: 'client' })
const loanUpdated: Action = { type: 'loan.updated', resource: 'loan' }
const clientUpdated: Action = { type: 'client.updated', resource: 'client' }

const loanActions: readonly [string, Action][] = [
  ['CREATE', { type: 'loan.created', resource: 'loan', amount: 'principal' }],
  ['UPDATE', { type: 'loan.updated', resource: 'loan', amount: 'principal' }],
  ['DELETE', { type: 'loan.deleted', resource: 'loan' }],

  ['APPROVE', loanStatus('approved', { resource: 'loan', amount: 'approvedLoanAmount' })],
  ['APPROVALUNDO', loanStatus('submitted_and_pending_approval')],
  ['REJECT', loanStatus('rejected')],
  ['WITHDRAW', loanStatus('withdrawn_by_client')],
  ['DISBURSE', loanStatus('active', { resource: 'loan', amount: 'transactionAmount' })],
  ['DISBURSETOSAVINGS', loanStatus('active', { resource: 'loan', amount: 'transactionAmount' })],
  ['DISBURSALUNDO', loanStatus('approved')],
  // Its resource is the loan, or the transaction that closed it.
  ['CLOSE', loanStatus('closed', {})],
  ['CLOSEASRESCHEDULED', loanStatus('closed_reschedule_outstanding_amount')],
  ['FORECLOSURE', loanStatus('closed_obligations_met', {})],
  ['WRITEOFF', loanStatus('closed_written_off', { resource: 'payment' })],
  ['UNDOWRITEOFF', loanStatus('active', {})],

  ['REPAYMENT', { type: 'payment.received', resource: 'payment', amount: 'transactionAmount' }],
  // Money that comes in after a write-off.
  ['RECOVERYPAYMENT', { type: 'payment.received', resource: 'payment', amount: 'transactionAmount' }],
  ['ADJUST', { type: 'payment.adjusted', resource: 'payment', amount: 'transactionAmount' }],
  // Money that goes out or is waived is no payment received: the loan is what changed.
  ['REFUNDBYCASH', { type: 'loan.updated', resource: 'payment', amount: 'transactionAmount' }],
  ['WAIVEINTERESTPORTION', { type: 'loan.updated', resource: 'payment', amount: 'transactionAmount' }],

  // The loan stays active: only its last tranche is taken back.
  ['DISBURSALLASTUNDO', loanUpdated],
  ['UPDATELOANOFFICER', loanUpdated],
  ['REMOVELOANOFFICER', loanUpdated],
  // One command for many loans: its response names none.
  ['BULKREASSIGN', { type: 'loan.updated' }],
  ['CREATESCHEDULEEXCEPTIONS', loanUpdated],
  ['DELETESCHEDULEEXCEPTIONS', loanUpdated],
  ['RECOVERGUARANTEES', loanUpdated],
]

const clientActions: readonly [string, Action][] = [
  ['CREATE', { type: 'client.created', resource: 'client' }],
  ['UPDATE', clientUpdated],
  ['DELETE', { type: 'client.deleted', resource: 'client' }],

  ['ACTIVATE', clientStatus('active')],
  ['CLOSE', clientStatus('closed')],
  ['REACTIVATE', clientStatus('pending')],
  ['REJECT', clientStatus('rejected')],
  ['UNDOREJECT', clientStatus('pending')],
  ['WITHDRAW', clientStatus('withdrawn')],
  ['UNDOWITHDRAWAL', clientStatus('pending')],
  ['PROPOSETRANSFER', clientStatus('transfer_in_progress')],
  ['ACCEPTTRANSFER', clientStatus('active')],
  ['PROPOSEANDACCEPTTRANSFER', clientStatus('active')],
  ['REJECTTRANSFER', clientStatus('transfer_on_hold')],
  ['WITHDRAWTRANSFER', clientStatus('active')],

  ['ASSIGNSTAFF', clientUpdated],
  ['UNASSIGNSTAFF', clientUpdated],
  ['UPDATESAVINGSACCOUNT', clientUpdated],
  ['UNDOTRANSACTION', { type: 'client.updated', resource: 'payment' }],
]

const actions: ReadonlyMap<string, ReadonlyMap<string, Action>> = new Map([
  ['LOAN', new Map(loanActions)],
  ['CLIENT', new Map(clientActions)],
])

/** All of them, as `LOAN.APPROVE`. */
export const knownActions: readonly string[] = [...actions].flatMap(([entity, rows]) =>
  [...rows.keys()].map(action => `${entity}.${action}`),
)

/** The row of an entity's action, in whatever case it was sent. */
export function actionOf(entity: string, action: string): Action | undefined {
  return actions.get(entity.toUpperCase())?.get(action.toUpperCase())
}
