// Vendors that send one request after another, each to a node of its own, and come again until they have a 200: with
// the same request, at the next node where they may. What was acknowledged once is not sent again, or is a duplicate.
import { Agent, request } from 'node:http'
import { expect } from 'vitest'
import { nextRequest, type SignedRequest } from './requests.ts'

export interface VendorsOptions {
  /** Each starts at the node of its number, modulo the nodes. */
  senders: number
  /** Where the nodes are at the moment; undefined for one that is not there. */
  urls(): readonly (string | undefined)[]
  random: () => number
  /** Whether who is not answered 200 goes to the next node; else it stays with its own. Default true. */
  wanders?: boolean
  loans?: number
  /** Of what they send; undefined for the one that all send. */
  eventType?: string | undefined
  /** Between two requests of one. */
  everyMs?: number
}

export interface Tried {
  readonly sender: number
  readonly vendorid: string
  readonly url: string
  /** What it was answered; undefined where it was not. */
  status?: number
  retryAfter?: string | undefined
  error?: string
}

/** The share of what was acknowledged that is sent once more. */
const doubled = 0.05
const againAfterMs = 100
/** As patient as most vendors are. */
const patienceMs = 10_000

export class Vendors {
  readonly tried: Tried[] = []
  /** By the vendor's ids, in the order of their acknowledgements: the events, and whose they were. */
  readonly acknowledged = new Map<string, { event: string; sender: number }>()
  readonly #options: Required<VendorsOptions>
  readonly #ended: Promise<unknown>
  #stopped = false
  #halted = false

  constructor(options: VendorsOptions) {
    this.#options = { wanders: true, loans: 12, everyMs: 60, eventType: undefined, ...options }
    this.#ended = Promise.all(Array.from({ length: options.senders }, (_, sender) => this.#send(sender)))
  }

  /** How many were answered otherwise, or not at all. */
  get failures(): Tried[] {
    return this.tried.filter(({ status, error }) => error !== undefined || (status !== undefined && status !== 200))
  }

  /** Nothing new: what has begun is sent until it is acknowledged. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#ended
  }

  /** Nothing more, not even once again. */
  async halt(): Promise<void> {
    this.#halted = true
    await this.stop()
  }

  /** How often each status was answered, and each error met: `200 × 812, ECONNRESET × 3`. */
  summary(): string {
    const counts = new Map<string, number>()
    for (const { status, error } of this.tried) {
      const key = String(status ?? error ?? 'nothing')
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    return [...counts].map(([key, count]) => `${key} × ${count}`).join(', ')
  }

  async #send(sender: number): Promise<void> {
    const { loans, eventType, random, everyMs } = this.#options
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    let last: SignedRequest | undefined
    while (!this.#stopped) {
      const next = last !== undefined && random() < doubled ? last : nextRequest(loans, eventType)
      await this.#untilTaken(sender, next, agent)
      last = next
      await pause(everyMs)
    }
    agent.destroy()
  }

  async #untilTaken(sender: number, each: SignedRequest, agent: Agent): Promise<void> {
    const { urls, wanders } = this.#options
    for (let turn = sender; !this.#halted; turn += wanders ? 1 : 0) {
      const all = urls()
      const url = all[turn % all.length]
      if (url !== undefined && (await this.#try({ sender, vendorid: each.vendorid, url }, each.body, agent))) return
      await pause(againAfterMs)
    }
  }

  /** Whether it was answered 200. */
  #try(tried: Tried, body: Buffer, agent: Agent): Promise<boolean> {
    this.tried.push(tried)
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    return new Promise(resolve => {
      const fail = (error: NodeJS.ErrnoException) => {
        tried.error ??= error.code ?? error.message
        resolve(false)
      }
      const outgoing = request(`${tried.url}/hooks/banclo`, { method: 'POST', agent, headers }, incoming => {
        let text = ''
        incoming.setEncoding('utf8').on('data', chunk => {
          text += chunk
        })
        incoming.on('error', fail).on('end', () => {
          clearTimeout(patience)
          tried.status = incoming.statusCode!
          tried.retryAfter = incoming.headers['retry-after']
          if (tried.status === 200) this.#acknowledge(tried, text)
          resolve(tried.status === 200)
        })
      })
      const patience = setTimeout(() => outgoing.destroy(new Error('no answer')), patienceMs)
      outgoing.on('error', error => {
        clearTimeout(patience)
        fail(error)
      })
      outgoing.end(body)
    })
  }

  #acknowledge({ vendorid, sender }: Tried, answer: string): void {
    const { id: event } = JSON.parse(answer) as { id?: string }
    if (event === undefined) throw new Error(`expected an event, got ${answer}`)
    const known = this.acknowledged.get(vendorid)
    expect(known?.event ?? event, 'one event for a request and its duplicates').toBe(event)
    if (known === undefined) this.acknowledged.set(vendorid, { event, sender })
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}
