// How commands talk to a running gateway: over its API, with the token of the environment, never of the command line.
import type { Command } from 'commander'
import { read as readVariable } from '../config/resolve-secrets.ts'
import { type ExitCode, exit, Failure } from './command.ts'
import { itemsOf } from './items.ts'
import { keptSecrets } from './kept-secrets.ts'

/** A parameter that has no value is left out. */
export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

export interface Answer {
  text: string
  json<Value>(): Value
}

export interface GatewayApi {
  readonly url: string
  get(path: string, query?: Query): Promise<Answer>
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  remove(path: string): Promise<Answer>
  /** The body's exact bytes. */
  bytes(path: string): Promise<Buffer>
  /** The items of a list, each as the text that it is; `count` of them at the most, infinite for a list without pages. */
  items(path: string, query: Query, count: number): AsyncGenerator<string>
  /** The open answer, whatever its status. Throws Failure where nobody answers. */
  open(path: string, query: Query, init?: { headers?: Record<string, string>; signal?: AbortSignal }): Promise<Response>
  /** What went wrong, as it is told. */
  failure(response: Response): Promise<Failure>
}

/** Adds the option that says which gateway. */
export function reaching(command: Command): Command {
  return command.option('--url <url>', 'the gateway; default POSTERN_URL, else the one of this machine')
}

const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/
/** For an answer that does work of some length: a recheck, a page of many originals. */
const answerMs = 120_000
const pageMax = 500

/** The gateway that is meant. Throws Failure where its URL is none, or where there is no token. */
export function gatewayOf(given: string | undefined, env: NodeJS.ProcessEnv = process.env): GatewayApi {
  const base = baseUrl(given ?? env.POSTERN_URL?.trim() ?? '', env)
  const authorization = `Bearer ${tokenFor(base, env)}`
  const root = `${base.href.replace(/\/$/, '')}/api/v1`

  const open: GatewayApi['open'] = (path, query, { headers = {}, signal } = {}) =>
    ask(`${root}${path}${searchOf(query)}`, { headers: { authorization, ...headers }, ...(signal ? { signal } : {}) })
  const ask = async (url: string, init: RequestInit): Promise<Response> => {
    try {
      // A redirect might carry the token elsewhere.
      return await fetch(url, { redirect: 'manual', ...init })
    } catch (error) {
      if (init.signal?.aborted && (init.signal.reason as Error | undefined)?.name !== 'TimeoutError') throw error
      throw new Failure(exit.unreachable, `No gateway answers at ${base.origin}: ${reasonOf(error)}`, { cause: error })
    }
  }
  const whole = async (response: Response): Promise<Answer> => {
    if (!response.ok) throw await failureOf(response)
    const text = await response.text().catch((error: unknown) => {
      throw new Failure(exit.unreachable, `The answer broke off: ${reasonOf(error)}`, { cause: error })
    })
    return { text, json: <Value>() => JSON.parse(text) as Value }
  }
  const get: GatewayApi['get'] = async (path, query = {}) =>
    whole(await open(path, query, { signal: AbortSignal.timeout(answerMs) }))
  const change = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    whole(
      await ask(`${root}${path}`, {
        method,
        headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        signal: AbortSignal.timeout(answerMs),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    )
  return {
    url: base.href.replace(/\/$/, ''),
    open,
    get,
    failure: failureOf,
    post: (path, body, headers = {}) => change('POST', path, body ?? {}, headers),
    remove: path => change('DELETE', path),
    async bytes(path) {
      const response = await open(path, {}, { signal: AbortSignal.timeout(answerMs) })
      if (!response.ok) throw await failureOf(response)
      return Buffer.from(await response.arrayBuffer())
    },
    async *items(path, query, count) {
      let left = count
      let cursor: string | undefined
      while (left > 0) {
        // Some lists are always whole, and take no limit.
        const limit = Number.isFinite(left) ? Math.min(left, pageMax) : undefined
        const { text } = await get(path, { ...query, limit, cursor })
        const { items, next } = itemsOf(text)
        for (const item of items.slice(0, left)) yield item
        left -= items.length
        if (next === null) return
        cursor = next
      }
    },
  }
}

function baseUrl(given: string, env: NodeJS.ProcessEnv): URL {
  const port = env.POSTERN_ADMIN_PORT || env.PORT || '8080'
  try {
    const url = new URL(given === '' ? `http://127.0.0.1:${port}` : given)
    // Of a URL that is repeated somewhere nothing may be a secret.
    const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === ''
    if (/^https?:$/.test(url.protocol) && isPlain) return url
  } catch {
    // Told below.
  }
  throw new Failure(exit.mistaken, '--url (or POSTERN_URL): expected http://… or https://…, without a user or a query')
}

/** That of development is for this machine alone. */
function tokenFor({ hostname }: URL, env: NodeJS.ProcessEnv): string {
  const token = variable('POSTERN_TOKEN', env) ?? variable('POSTERN_ADMIN_TOKEN', env)
  const made = token ?? (loopback.test(hostname) ? keptSecrets(env)?.POSTERN_ADMIN_TOKEN : undefined)
  if (typeof made !== 'string') {
    throw new Failure(
      exit.notAllowed,
      'There is no token: set POSTERN_TOKEN, or POSTERN_TOKEN_FILE to the file with it.',
    )
  }
  if (!/^[\x21-\x7e]+$/.test(made)) {
    throw new Failure(exit.notAllowed, 'POSTERN_TOKEN: expected a token, without spaces or what is no ASCII.')
  }
  return made
}

function variable(name: string, env: NodeJS.ProcessEnv): string | undefined {
  try {
    return readVariable(name, env)
  } catch (error) {
    throw new Failure(exit.mistaken, `${name}_FILE cannot be read: ${(error as Error).message}`)
  }
}

export function searchOf(query: Query): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue
    for (const each of Array.isArray(value) ? value : [value]) search.append(name, String(each))
  }
  return search.size === 0 ? '' : `?${search}`
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: Error & { code?: string } }
  return cause?.code ?? (cause?.message || message)
}

interface Problem {
  detail?: string
  errors?: readonly { parameter?: string; pointer?: string; detail?: string }[]
}

async function failureOf(response: Response): Promise<Failure> {
  const { status } = response
  const problem = (await response.json().catch(() => ({}))) as Problem
  const detail = problem.detail ?? (status < 400 ? 'it is no API of Postern that answers there' : response.statusText)
  const more = (problem.errors ?? [])
    .map(({ parameter, pointer, detail }) => `\n  ${parameter ?? pointer ?? ''}: ${detail}`)
    .filter(line => !detail.includes(line.trim()))
  return new Failure(exitOf(status), `${status}: ${detail}${more.join('')}`)
}

function exitOf(status: number): ExitCode {
  if (status === 401 || status === 403) return exit.notAllowed
  if (status === 404) return exit.notFound
  return status >= 500 ? exit.unreachable : exit.mistaken
}
