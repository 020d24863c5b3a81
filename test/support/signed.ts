// Requests that are genuine, signed here by hand: a test that signs with the code it tests proves little.
import { createHmac } from 'node:crypto'
import { fixture, keys } from '../contract/fixture.ts'

export const githubSecret = 'github-shared-secret'

/** Any bytes as Ballerine signs them. */
export function ballerineHeaders(body: string | Uint8Array): Record<string, string> {
  const secret = keys.ballerine.hmacSecret as string
  return {
    'Content-Type': 'application/json',
    'X-Authorization': secret,
    'X-HMAC-Signature': createHmac('sha256', secret).update(body).digest('hex'),
  }
}

/** An envelope of Ballerine's with an id of its own; `more` are members put before its `data`. */
export function ballerineBody(id: string, more = '"note":"-"'): string {
  return `{"id":"${id}","eventName":"workflow.completed","apiVersion":"1","timestamp":"2026-01-01T00:00:00.000Z","workflowRuntimeId":"run-${id}",${more},"data":{}}`
}

export function githubHeaders(body: string | Uint8Array, delivery: string): Record<string, string> {
  return {
    'X-GitHub-Event': 'issues',
    'X-GitHub-Delivery': delivery,
    'X-Hub-Signature-256': `sha256=${createHmac('sha256', githubSecret).update(body).digest('hex')}`,
  }
}

/** A JSON object as Banclo signs it: the signature over the text without it (strategy A). */
export function bancloBody(text: string, secret: string = keys.banclo.hmacSecret, timestamp = 1_705_315_800): string {
  const signature = createHmac('sha256', secret).update(text).digest('hex')
  return text.replace(/\}$/, `,"security":{"signature":"sha256=${signature}","timestamp":${timestamp}}}`)
}

/** Banclo's event of a fixture without its signature, under an id of its own. */
export function bancloEvent(id: string, change: (body: Record<string, unknown>) => void = () => {}): string {
  const body = JSON.parse(fixture('banclo', 'loan_request.status_changed').body) as Record<string, unknown>
  body.id = id
  change(body)
  return JSON.stringify(body)
}

export function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}
