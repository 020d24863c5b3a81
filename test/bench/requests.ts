// Requests for the benchmark: distinct, correctly signed, made beforehand, so that the client costs little.
// A file holds them one after another, each behind its length as eight digits.
import { createHmac, hash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { hasWrk } from './load.ts'
import { note } from './report.ts'

export const secret = 'benchmark-secret'
export const signatureHeader = 'x-signature'

/** One Banclo status change of about 500 bytes, or of `bodyBytes` by a long remark. */
export function body(index: number, bodyBytes?: number): string {
  const unique = hash('sha256', `event ${index}`, 'hex')
  const loan = unique.slice(0, 8).toUpperCase()
  const event = {
    id: `evt_${unique.slice(0, 8)}-${unique.slice(8, 12)}-4${unique.slice(13, 16)}-8${unique.slice(17, 20)}-${unique.slice(20, 32)}`,
    timestamp: '2024-01-15T15:45:00Z',
    eventType: 'loan_request.status_changed',
    version: '1.0',
    source: { system: 'banclo-offline', instanceId: 'your-instance-id', environment: 'production' },
    data: {
      loanRequestHashid: loan,
      entityHashid: loan,
      entityType: 'LoanRequest',
      metadata: {
        applicationId: `APP-${index}`,
        previousStatus: 'PRE_BID',
        newStatus: 'BID',
        bankHashid: 'B1A2C3',
        principalAmount: 250000,
        currency: 'EUR',
        syncVersion: 2,
        remark: '',
      },
    },
  }
  const short = JSON.stringify(event)
  if (bodyBytes === undefined) return short
  event.data.metadata.remark = 'x'.repeat(Math.max(0, bodyBytes - short.length))
  return JSON.stringify(event)
}

/** The whole HTTP request as it goes over the wire. */
export function rawRequest(index: number, bodyBytes?: number): Buffer {
  const content = body(index, bodyBytes)
  const signature = createHmac('sha256', secret).update(content).digest('hex')
  return Buffer.from(
    `POST /hooks/banclo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n` +
      `X-Signature: sha256=${signature}\r\nContent-Length: ${Buffer.byteLength(content)}\r\n\r\n${content}`,
  )
}

/** Before so many are made: it takes seconds. */
export function noteRequests(count: number): void {
  note(`signing ${count} requests of ${body(1).length} bytes; ${hasWrk ? 'wrk' : 'own client'} sends them`)
}

/** Writes `count` requests from number `first` on to `path`. */
export function writeRequests(path: string, first: number, count: number): void {
  const file = openSync(path, 'w')
  let pieces: Buffer[] = []
  for (let index = first; index < first + count; index++) {
    const request = rawRequest(index)
    pieces.push(Buffer.from(String(request.length).padStart(8, '0')), request)
    if (pieces.length >= 4096 || index === first + count - 1) {
      writeSync(file, Buffer.concat(pieces))
      pieces = []
    }
  }
  closeSync(file)
}
