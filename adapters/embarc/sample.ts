// Sample commands as Fineract's publishHookEvent writes them.

export const sampleTypes = [
  'CLIENT.CREATE',
  'CLIENT.ACTIVATE',
  'LOAN.CREATE',
  'LOAN.APPROVE',
  'LOAN.DISBURSE',
  'LOAN.REPAYMENT',
] as const

const format = { dateFormat: 'dd MMMM yyyy', locale: 'en' }

/** The body of one hook call about a new client or loan. */
export function sampleBody(type: string, timestamp: string, uuid: () => string): object {
  const [entityName = '', actionName = ''] = type.split('.')
  const [clientId, loanId] = [sampleId(uuid()), sampleId(uuid())]
  const [request, result] = sampleCommand(type, clientId, loanId)
  return {
    createdByName: 'john.doe',
    request: { ...request, ...format },
    clientId,
    createdBy: 12,
    officeId: 3,
    entityName,
    response: { clientId, ...result },
    createdByFullName: 'John Doe',
    actionName,
    timestamp,
  }
}

/** Fineract's ids are integers. */
function sampleId(uuid: string): number {
  return Number.parseInt(uuid.replaceAll('-', '').slice(0, 7), 16)
}

function sampleCommand(type: string, clientId: number, loanId: number): [request: object, response: object] {
  const changed = (id: number, code: string, value: string) => ({
    loanId,
    resourceId: loanId,
    changes: { status: { id, code: `loanStatusType.${code}`, value } },
  })
  switch (type) {
    case 'LOAN.CREATE':
      return [
        { clientId, principal: 250000, submittedOnDate: '13 October 2025' },
        { loanId, resourceId: loanId },
      ]
    case 'LOAN.APPROVE':
      return [{ approvedLoanAmount: 250000, approvedOnDate: '14 October 2025' }, changed(200, 'approved', 'Approved')]
    case 'LOAN.DISBURSE':
      return [
        { transactionAmount: 250000, actualDisbursementDate: '15 October 2025' },
        changed(300, 'active', 'Active'),
      ]
    case 'LOAN.REPAYMENT':
      return [
        { transactionAmount: 2150, transactionDate: '15 November 2025' },
        { loanId, resourceId: loanId + 1 },
      ]
    case 'CLIENT.ACTIVATE':
      return [{ activationDate: '13 October 2025' }, { resourceId: clientId }]
    default:
      return [
        { firstname: 'Alice', lastname: 'Martinez', externalId: `CUST-${clientId}`, officeId: 3, active: false },
        { resourceId: clientId, resourceIdentifier: String(clientId) },
      ]
  }
}
