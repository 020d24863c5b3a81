// A load on the entrance over connections that are kept alive, and what became of each request: answered, or not.
import { Agent, request } from 'node:http'
import { until } from '../support/until.ts'
import type { SignedRequest } from './requests.ts'

export interface LoadOptions {
  url: string
  /** Sent in turn; the load ends when there are no more. */
  requests: readonly SignedRequest[]
  connections?: number
  /** The share of requests that are one sent earlier, and what picks it. */
  duplicates?: number
  random?: () => number
  /** Called before each request is made: where it resolves later, the connection waits. */
  paused?: () => Promise<void> | undefined
}

export interface Sent {
  readonly vendorid: string
  /** When its last byte was handed to the kernel, as `performance.now()`; undefined where it never was. */
  sentAt?: number
  /** The status it was answered with; undefined where it was not. */
  status?: number
  answeredAt?: number
  /** The event's id as answered. */
  event?: string
  retryAfter?: string | undefined
  /** The error's code where there was no answer. */
  error?: string
}

export class Load {
  /** Every request that was begun, in order. */
  readonly sent: Sent[] = []
  /** The vendor's ids that were answered 200. */
  readonly acknowledged = new Set<string>()
  /** Resolves when the last connection has its last answer or has failed. */
  readonly ended: Promise<void>
  readonly #options: Required<Omit<LoadOptions, 'paused'>> & Pick<LoadOptions, 'paused'>
  #next = 0
  #stopped = false

  constructor({ connections = 32, duplicates = 0, random = Math.random, ...options }: LoadOptions) {
    this.#options = { connections, duplicates, random, ...options }
    this.ended = Promise.all(Array.from({ length: connections }, () => this.#connection())).then(() => {})
  }

  /** Resolves once so many are acknowledged. */
  acknowledgedSome(count: number): Promise<void> {
    return until(`${count} are acknowledged`, () => this.acknowledged.size >= count)
  }

  /** No new requests; what has begun goes on. */
  stop(): Promise<void> {
    this.#stopped = true
    return this.ended
  }

  count(status: number): number {
    return this.sent.filter(sent => sent.status === status).length
  }

  /** How often each status was answered, and each error met: `200 × 812, ECONNRESET × 3`. */
  summary(): string {
    const counts = new Map<string, number>()
    for (const { status, error } of this.sent) {
      const key = String(status ?? error ?? 'nothing')
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    return [...counts].map(([key, count]) => `${key} × ${count}`).join(', ')
  }

  async #connection(): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    while (!this.#stopped) {
      await this.#options.paused?.()
      const next = this.#pick()
      if (next === undefined) break
      // Without an answer the connection is given up: a real client would wait before it came again.
      if ((await this.#send(next, agent)).status === undefined) break
    }
    agent.destroy()
  }

  #pick(): SignedRequest | undefined {
    const { requests, duplicates, random } = this.#options
    const again = this.#next > 0 && random() < duplicates
    return requests[again ? Math.floor(random() * this.#next) : this.#next++]
  }

  #send({ vendorid, body }: SignedRequest, agent: Agent): Promise<Sent> {
    const sent: Sent = { vendorid }
    this.sent.push(sent)
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    return new Promise(resolve => {
      const outgoing = request(`${this.#options.url}/hooks/banclo`, { method: 'POST', agent, headers }, incoming => {
        let text = ''
        incoming.setEncoding('utf8').on('data', chunk => {
          text += chunk
        })
        incoming.on('error', fail).on('end', () => {
          sent.status = incoming.statusCode!
          sent.answeredAt = performance.now()
          sent.retryAfter = incoming.headers['retry-after']
          if (sent.status === 200) {
            sent.event = (JSON.parse(text) as { id: string }).id
            this.acknowledged.add(vendorid)
          }
          resolve(sent)
        })
      })
      const fail = (error: NodeJS.ErrnoException) => {
        sent.error ??= error.code ?? error.message
        resolve(sent)
      }
      outgoing.on('error', fail).on('finish', () => {
        sent.sentAt = performance.now()
      })
      outgoing.end(body)
    })
  }
}
