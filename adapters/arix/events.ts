// Arix's events: what each becomes, and what makes two of its deliveries the same.
import { hash } from 'node:crypto'
import type { SourceOptions } from '../../src/adapter.ts'
import { compact } from '../../src/compact.ts'
import type { CatalogueType, EventData, Outcome } from '../../src/event.ts'
import { isObject } from '../../src/json/read.ts'
import { amountOf } from '../../src/money.ts'
import { fundingResults, loanStatuses, railResults, statusAt } from './codes.ts'
import { type Fields, fieldsOf } from './fields.ts'
import type { Wrapper } from './wrapper.ts'

export interface ArixEvent {
  type: CatalogueType
  /** The type's own data, or undefined where the content lacks what the type promises. */
  data(content: Fields, options: SourceOptions): Omit<EventData, 'refs'> | undefined
  /** The parts of the dedupe key; where none are given, the event's name and the content's hash. `Id` is always 0. */
  key?(wrapper: Wrapper): (string | undefined)[]
}

const loanStatusUpdated: ArixEvent = {
  type: 'loan.status_changed',
  data(content) {
    const status = statusAt(content, 'Status', loanStatuses)
    return status && { status }
  },
  // Without the time, a loan that goes from 104 to 5 and back would lose its second 104.
  key: ({ partner, content }) => [partner, content.id('LoanId'), content.id('Status'), content.time('TimeStamp')],
}

const complianceLoanFailed: ArixEvent = {
  type: 'loan.compliance_failed',
  data: content => ({ rules: rulesOf(content) }),
  key: ({ content, textHash }) => [content.id('LoanId'), content.time('CreateDate'), textHash('FailedRulesReasons')],
}

const note = (type: CatalogueType): ArixEvent => ({
  type,
  data(content) {
    const author = content.text('CreatedBy')
    return compact({
      title: content.text('Subject'),
      text: content.text('Message'),
      actor: author === undefined ? undefined : { kind: 'user', name: author },
      // Shown as text: nothing of ours ever fetches it.
      link: content.text('Uri'),
      ruleName: content.text('RuleName'),
    })
  },
})

const loanNoteAdded: ArixEvent = {
  ...note('loan.note_added'),
  key({ content }) {
    const message = content.text('Message')
    return [content.id('LoanId'), content.time('CreatedOn'), message && hash('sha256', message, 'hex')]
  },
}

const railUpdated: ArixEvent = {
  type: 'disbursement.status_changed',
  data(content, options) {
    const status = statusAt(content, 'FundResult', railResults)
    const rail = content.id('RailType')
    return (
      status &&
      compact({
        status,
        amount: amountOf(content.decimal('AmountFunded'), options.currency),
        // The numbers' names are not public.
        rail: rail === undefined ? undefined : { type: rail },
        text: content.text('Message'),
        processedAt: content.time('ProcessedAt'),
      })
    )
  },
  key: ({ content, textHash }) => [
    content.id('RailId'),
    content.id('FundResult'),
    content.id('TransactionGroupId'),
    content.time('ProcessedAt'),
    content.id('RailTransactionId'),
    textHash(),
  ],
}

const fundingAttemptComplete: ArixEvent = {
  type: 'loan.funding_completed',
  data(content, options) {
    const status = statusAt(content, 'FundingResult', fundingResults)
    return compact({
      outcome: fundingOutcomes.get(status?.current ?? '') ?? 'unknown',
      status,
      amount: amountOf(content.decimal('AmountFunded'), options.currency),
    })
  },
}

const fundingOutcomes: ReadonlyMap<string, Outcome> = new Map([
  ['success', 'succeeded'],
  ['partial_failure', 'failed'],
  ['funding_failed', 'failed'],
])

/** Names as the vendor writes them; of two spellings of one event the first is the one that keys are made of. */
const spellings: readonly (readonly [names: readonly [string, ...string[]], event: ArixEvent])[] = [
  [['LoanStatusUpdated', 'LoanStatusUpdate'], loanStatusUpdated],
  [['ComplianceLoanFailed'], complianceLoanFailed],
  [['LoanNoteAdded'], loanNoteAdded],
  [['RailUpdated'], railUpdated],
  [['LoanSaleStatusUpdated'], note('loan.sale_status_changed')],
  [['BatchPurchaseCompleted', 'BatchPurchaseComplete'], note('loan.purchase_completed')],
  [['FundingAttemptComplete'], fundingAttemptComplete],
]

export interface NamedEvent extends ArixEvent {
  /** This spelling, as the vendor capitalises it. */
  name: string
  /** The spelling that dedupe keys are made of. */
  canonical: string
}

const byName: ReadonlyMap<string, NamedEvent> = new Map(
  spellings.flatMap(([names, event]) =>
    names.map(name => [name.toLowerCase(), { ...event, name, canonical: names[0] }] as const),
  ),
)

/** The event of a name, in any case: whoever registers the URL types it. */
export function eventNamed(name: string): NamedEvent | undefined {
  return byName.get(name.toLowerCase())
}

/**
 * The name of the event whose shape this is beyond doubt. Notes, sales and batches look alike: of them it says nothing.
 */
export function nameOfShape(content: Fields): string | undefined {
  const has = (...names: string[]) => names.every(name => content.key(name) !== undefined)
  if (has('FailedRulesReasons')) return 'ComplianceLoanFailed'
  if (has('RailId', 'FundResult')) return 'RailUpdated'
  if (has('FundingResult', 'TransactionGroupId')) return 'FundingAttemptComplete'
  if (has('LoanId', 'Status', 'TimeStamp') && !has('Message') && !has('Subject')) return 'LoanStatusUpdated'
  return undefined
}

function rulesOf(content: Fields): object[] {
  const list = content.value('FailedRulesReasons')
  return (Array.isArray(list) ? list : []).filter(isObject).map(each => {
    const rule = fieldsOf(each)
    return compact({
      name: rule.text('RuleName'),
      rule: rule.text('Rule'),
      data: rule.text('Data'),
      result: rule.boolean('Result'),
      id: rule.id('FailedComplianceId'),
    })
  })
}
