// Requests made and signed beforehand, so that a load costs its client little; and the chance that picks among them.
import { createHmac } from 'node:crypto'

export const secret = 'a secret that the fault tests sign with'

export interface SignedRequest {
  /** The event's id at the vendor's: what its event is known by in the inbox. */
  readonly vendorid: string
  readonly body: Buffer
}

/** Each call makes requests that no call before made. */
let made = 0

/** Distinct Banclo requests, each with a correct signature; about so many loans, of which each has a row of events. */
export function signedRequests(count: number, loans = Number.POSITIVE_INFINITY): SignedRequest[] {
  return Array.from({ length: count }, () => nextRequest(loans))
}

export function nextRequest(loans: number, eventType?: string): SignedRequest {
  return signedRequest(++made, loans, eventType)
}

function signedRequest(number: number, loans: number, eventType = 'loan_request.status_changed'): SignedRequest {
  const vendorid = `evt_${String(number).padStart(8, '0')}`
  const loan = `K${(number % loans).toString(36).toUpperCase()}`
  const text = JSON.stringify({
    id: vendorid,
    timestamp: '2026-01-02T03:04:05Z',
    eventType,
    version: '1.0',
    source: { system: 'banclo-offline', instanceId: 'faults', environment: 'sandbox' },
    data: {
      loanRequestHashid: loan,
      entityHashid: loan,
      entityType: 'LoanRequest',
      metadata: {
        applicationId: `APP-${number}`,
        previousStatus: 'PRE_BID',
        newStatus: 'BID',
        principalAmount: number,
      },
    },
  })
  const mac = createHmac('sha256', secret).update(text).digest('hex')
  const security = `"security":{"signature":"sha256=${mac}","timestamp":1767323045}`
  return { vendorid, body: Buffer.from(`${text.slice(0, -1)},${security}}`) }
}

/** Numbers in [0, 1) that the seed determines (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** The seed of this run: FAULTS_SEED to repeat one, else the clock; printed, so that it can be repeated. */
export function seedOfRun(test: string): number {
  const seed = Number(process.env.FAULTS_SEED ?? Date.now() % 1_000_000)
  console.log(`${test}: FAULTS_SEED=${seed}`)
  return seed
}
