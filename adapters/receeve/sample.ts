// Realistic requests of receeve's, unsigned: the check adds the signed text and its signature.
import type { SampleContext, SampleRequest } from '../../src/adapter.ts'

export const sampleTypes = [
  'event.claim.created.v1',
  'event.claim.updated.v1',
  'event.claim.resolved.v1',
  'event.claimDebtPayment.settled.v1',
  'event.multiClaimDebtPayment.processing.v1',
  'event.promiseToPay.created.v1',
  'event.accountAmountTotalFees.updated.v1',
  'webhook.accountMeta.changed.v1',
]

export function sample(type: string, { now, uuid }: SampleContext): SampleRequest {
  const details = { messageType: type, ...detailsOf(type) }
  const payload = {
    details,
    messageId: uuid(),
    timestamp: new Date(now).toISOString(),
    user: { id: uuid(), poolId: 'eu-central-1_example', originator: 'ClientAPI' },
  }
  return {
    method: 'POST',
    rest: '',
    query: '',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ payload }),
  }
}

function detailsOf(type: string): object {
  const account = { accountReference: 'ACC-2024-001' }
  const claim = { ...account, claimRef: 'CLM-2024-001', receeveClaimRef: 'CLM-2024-001' }
  const money = { amount: 501, currency: 'EUR' }
  if (type.startsWith('event.multiClaimDebtPayment.'))
    return { ...account, claimRefs: ['CLM-2024-001', 'CLM-2024-002'], ...money }
  if (type.startsWith('event.accountAmountTotalFees.'))
    return { ...account, amount: 1000, totalFees: 10000, totalAmount: 11000 }
  if (type.startsWith('webhook.account')) return account
  if (type.startsWith('event.claim.resolved')) return claim
  return { ...claim, ...money, ...(type.startsWith('event.claim.') ? { dueDate: '2026-10-07' } : {}) }
}
