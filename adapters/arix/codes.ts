// Arix's numeric codes and the phases they stand for. A number that is in no table is `code_<n>`.
import type { Phase, Status } from '../../src/event.ts'
import { snakeCase } from '../../src/names.ts'
import type { Fields } from './fields.ts'

export type Codes = ReadonlyMap<string, { current: string; phase: Phase }>

const codes = (rows: readonly [number, string, Phase][]): Codes =>
  new Map(rows.map(([code, name, phase]) => [String(code), { current: snakeCase(name), phase }]))

export const loanStatuses = codes([
  [1, 'Received', 'applied'],
  [2, 'DocsComplete', 'in_review'],
  [3, 'PassedCompliance', 'in_review'],
  [4, 'Approved', 'approved'],
  [5, 'InFunding', 'funding'],
  [6, 'Funded', 'active'],
  // From here to Settled the bank books and sells the loan; the borrower's loan lives on.
  [7, 'AccountingEntriesComplete', 'active'],
  [8, 'ReadyToSell', 'active'],
  [9, 'Sold', 'active'],
  [10, 'Settled', 'active'],
  [11, 'AwaitingFunding', 'funding'],
  [80, 'InReverse', 'reversed'],
  [90, 'AccountingEntriesReversed', 'reversed'],
  [100, 'Cancelled', 'cancelled'],
  [101, 'ComplianceFailed', 'failed'],
  [102, 'Rejected', 'declined'],
  [103, 'Returned', 'reversed'],
  // Loans go from here back to InFunding.
  [104, 'NotFullyFunded', 'funding'],
])

/** RailResultType. 3 to 5 are failures whose names are not public; what 5 means is not sure. */
export const railResults: Codes = new Map([
  ...codes([
    [0, 'NotAttempted', 'funding'],
    [1, 'Requested', 'funding'],
    [2, 'Success', 'active'],
  ]),
  ['3', { current: 'code_3', phase: 'failed' }],
  ['4', { current: 'code_4', phase: 'failed' }],
])

export const fundingResults = codes([
  [0, 'Success', 'active'],
  [1, 'PartialFailure', 'funding'],
  [2, 'FundingFailed', 'failed'],
])

/** The status that a field's code stands for, or that it names. */
export function statusAt(content: Fields, field: string, table: Codes): Status | undefined {
  const [code, raw] = [content.id(field), content.text(field)]
  if (code === undefined || raw === undefined) return undefined
  const known = table.get(code)
  if (known !== undefined) return { ...known, raw }
  if (/^-?\d/.test(code)) return { current: `code_${code}`, phase: 'other', raw }
  const current = snakeCase(code)
  const phase = [...table.values()].find(each => each.current === current)?.phase ?? 'other'
  return current === '' ? undefined : { current, phase, raw }
}
