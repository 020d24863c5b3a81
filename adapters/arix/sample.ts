// Sample hooks as the vendor's pages show them, in the wrapper they are sent in.
import type { SampleContext } from '../../src/adapter.ts'

export const sampleTypes = [
  'LoanStatusUpdated',
  'ComplianceLoanFailed',
  'LoanNoteAdded',
  'RailUpdated',
  'LoanSaleStatusUpdated',
  'BatchPurchaseCompleted',
] as const

export function sampleBody(type: string, partner: string, { now, uuid }: SampleContext): object {
  // .NET writes seven decimals.
  const time = new Date(now).toISOString().replace('Z', '0000+00:00')
  return { MPLId: partner, Ignore: false, content: sampleContent(type, partner, time, uuid) }
}

function sampleContent(type: string, partner: string, time: string, uuid: () => string): object {
  const loan = { LoanId: uuid() }
  switch (type) {
    case 'LoanStatusUpdated':
      return { Id: 0, ...loan, Status: 5, TimeStamp: time, DateInserted: '0001-01-01T00:00:00+00:00' }
    case 'ComplianceLoanFailed':
      return {
        MPLId: partner,
        ...loan,
        CreateDate: time,
        FailedRulesReasons: [
          { RuleName: 'Maximum APR', Rule: 'APR <= 36', Data: 'APR = 41.2', Result: false, FailedComplianceID: 67 },
        ],
      }
    case 'RailUpdated':
      return {
        Id: 0,
        RailId: uuid(),
        ...loan,
        RailType: 8,
        AmountFunded: 8500,
        RailTransactionId: uuid(),
        FundResult: 2,
        Message: 'Funded',
        ProcessedAt: time,
        TransactionGroupId: uuid(),
      }
    default:
      return {
        Subject: 'Your loan has additional comments',
        Message: 'This is a note sent from the manual review UI',
        CreatedBy: 'apollack, CRB',
        CreatedOn: time,
        ...loan,
        LoanNumber: 'SellingTest-11112652056066',
        MplDetails: `${partner} - Testing MPL`,
        Uri: null,
        RuleName: null,
        Data: null,
      }
  }
}
