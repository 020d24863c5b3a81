// A request as checks and adapters see it: bytes in, and its text, JSON and hash made when they are first asked for.
import { isUtf8 } from 'node:buffer'
import { hash } from 'node:crypto'
import type { InboundRequest } from '../adapter.ts'
import { parseJson } from '../json/parse.ts'

export interface RequestParts {
  method: string
  rest: string
  pathToken?: string | undefined
  query: string
  /** Name and value in the order they came. */
  headers: readonly (readonly [name: string, value: string])[]
  body: Buffer
  receivedAt: number
  address: string
  /** Of the body before redaction, where `body` is a redacted one from the store. */
  sha256?: string | undefined
}

export class Inbound implements InboundRequest {
  readonly method: string
  readonly rest: string
  readonly pathToken: string | undefined
  readonly query: string
  readonly body: Buffer
  readonly receivedAt: number
  readonly address: string
  readonly headers: RequestParts['headers']
  #sha256: string | undefined
  #text: { value: string | undefined } | undefined
  #json: InboundRequest['json'] | undefined

  constructor(parts: RequestParts) {
    this.method = parts.method
    this.rest = parts.rest
    this.pathToken = parts.pathToken
    this.query = parts.query
    this.headers = parts.headers
    this.body = parts.body
    this.receivedAt = parts.receivedAt
    this.address = parts.address
    this.#sha256 = parts.sha256
  }

  header(name: string): string | undefined {
    for (const [each, value] of this.headers)
      if (each.length === name.length && each.toLowerCase() === name) return value
    return undefined
  }

  get sha256(): string {
    this.#sha256 ??= hash('sha256', this.body, 'hex')
    return this.#sha256
  }

  get text(): string | undefined {
    this.#text ??= { value: isUtf8(this.body) ? this.body.toString('utf8').replace(/^\ufeff/, '') : undefined }
    return this.#text.value
  }

  get json(): InboundRequest['json'] {
    this.#json ??= parsed(this.text)
    return this.#json
  }
}

function parsed(text: string | undefined): InboundRequest['json'] {
  if (text === undefined) return { ok: false, problem: 'it is not UTF-8' }
  try {
    return { ok: true, value: parseJson(text) }
  } catch (error) {
    return { ok: false, problem: (error as Error).message }
  }
}
