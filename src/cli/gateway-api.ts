// How commands talk to a running gateway: by the client that programs use, with the token of the environment, never of the
// command line. Answers stay the texts that they are: a number of a vendor's may have more digits than JavaScript's.
import type { Command } from 'commander'
import { createClient, PosternProblem, PosternUnreachable } from '../client/client.ts'
import { type FollowOptions, follow, type OpenStream } from '../client/follow.ts'
import { read as readVariable } from '../config/resolve-secrets.ts'
import { isLoopback } from '../local-url.ts'
import { type ExitCode, exit, Failure } from './command.ts'
import { type Items, itemsOf } from './items.ts'
import { keptSecrets, keptSecretsPath } from './kept-secrets.ts'

/** A parameter that has no value is left out. */
export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

export interface Answer {
  text: string
  json<Value>(): Value
  /** Of a list. Throws Failure for what is none. */
  list(): Items
}

export interface GatewayApi {
  get(path: string, query?: Query): Promise<Answer>
  post(path: string, body?: unknown): Promise<Answer>
  remove(path: string): Promise<Answer>
  /** The body's exact bytes. */
  bytes(path: string): Promise<Buffer>
  /** The body as it comes; what breaks off later is thrown by it. */
  lines(path: string, query: Query): Promise<ReadableStream<Uint8Array>>
  /** The items of a list, each as the text that it is; `count` of them at the most, infinite for a list without pages. */
  items(path: string, query: Query, count: number): AsyncGenerator<string>
  /**
   * Events as they are committed, each as its text, for as long as it is iterated: see `follow` of the client. `isKnown`:
   * the gateway has answered before, so that it is waited for from the first.
   */
  events(query: Query, options: FollowOptions, isKnown: boolean): AsyncGenerator<string, void, void>
}

/** Adds the option that says which gateway. */
export function reaching(command: Command): Command {
  return command.option('--url <url>', 'the gateway; default POSTERN_URL, else the one of this machine')
}

/** For an answer that does work of some length: a recheck, a page of many originals. */
const answerMs = 120_000
const pageMax = 500

/** The client without its types: paths and parameters are put together here, and answers are kept as their text. */
type Untyped = Record<
  'GET' | 'POST' | 'DELETE',
  (path: string, init: object) => Promise<{ data: unknown; response: Response }>
>

/** The gateway that is meant. Throws Failure where its URL is none, or where there is no token. */
export function gatewayOf(given: string | undefined, env: NodeJS.ProcessEnv = process.env): GatewayApi {
  const named = given ?? env.POSTERN_URL?.trim() ?? ''
  const base = baseUrl(named, env)
  // Who named none may have started it at another port.
  const hint = named === '' ? '; --url or POSTERN_URL says where one is' : ''
  const { token, from } = tokenFor(base, env)
  const client = createClient({ url: base.href, token, timeoutMs: answerMs })
  const asked = { url: base, hint, from }
  const untyped = client as unknown as Untyped
  const ask = async (method: keyof Untyped, path: string, init: object) => {
    assertLeadsThere(path)
    try {
      return await untyped[method](path, init)
    } catch (error) {
      throw failureOf(error, asked, path)
    }
  }
  const answered = async (method: keyof Untyped, path: string, init: object = {}): Promise<Answer> => {
    const text = String((await ask(method, path, { ...init, parseAs: 'text' })).data)
    const read = <Value>(reader: (text: string) => Value): Value => {
      try {
        return reader(text)
      } catch (error) {
        throw noneAt(base, "not an answer of Postern's", hint, error)
      }
    }
    return { text, json: <Value>() => read(JSON.parse) as Value, list: () => read(itemsOf) }
  }
  const get: GatewayApi['get'] = (path, query = {}) => answered('GET', path, { params: { query } })
  return {
    get,
    post: (path, body = {}) => answered('POST', path, { body }),
    remove: path => answered('DELETE', path),
    bytes: async path => Buffer.from((await ask('GET', path, { parseAs: 'arrayBuffer' })).data as ArrayBuffer),
    lines: async (path, query) =>
      (await ask('GET', path, { params: { query }, parseAs: 'stream' })).data as ReadableStream<Uint8Array>,
    async *items(path, query, count) {
      let left = count
      let cursor: string | undefined
      while (left > 0) {
        // Some lists are always whole, and take no limit.
        const limit = Number.isFinite(left) ? Math.min(left, pageMax) : undefined
        const { items, next } = (await get(path, { ...query, limit, cursor })).list()
        for (const item of items.slice(0, left)) yield item
        left -= items.length
        if (next === null) return
        cursor = next
      }
    },
    async *events(query, options, isKnown) {
      let hasBegun = isKnown
      const open: OpenStream = async (after, signal) => {
        try {
          const init = { params: { query: { ...query, after } }, parseAs: 'stream', signal }
          const { response } = await untyped.GET('/events/stream', init)
          hasBegun = true
          return response
        } catch (error) {
          // Who was never there may be another one than was meant: that is not waited for.
          throw hasBegun || signal.aborted ? error : failureOf(error, asked)
        }
      }
      try {
        yield* follow(open, options, text => text)
      } catch (error) {
        throw failureOf(error, asked)
      }
    },
  }
}

/** A URL takes `.` and `..` for steps: they would lead to another route. */
function assertLeadsThere(path: string): void {
  const astray = path
    .slice(1)
    .split('/')
    .find(part => /^\.{0,2}$/.test(part))
  if (astray !== undefined) throw new Failure(exit.mistaken, `Expected a name or an id, not '${astray}'.`)
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

interface GivenToken {
  token: string
  /** The variable or the file that it is of. */
  from: string
}

/** What is told of a call beside what came of it. */
interface AskedOf {
  url: URL
  hint: string
  from: string
}

/** What a path's first part is a list of. */
const nouns: Partial<Record<string, string>> = {
  events: 'event',
  deliveries: 'delivery',
  subscriptions: 'subscription',
  quarantine: 'request in quarantine',
  replays: 'replay',
  tokens: 'token',
}

/** That of development is for this machine alone. */
function tokenFor({ hostname }: URL, env: NodeJS.ProcessEnv): GivenToken {
  const given = variable('POSTERN_TOKEN', env) ?? variable('POSTERN_ADMIN_TOKEN', env)
  const kept = isLoopback(hostname) ? keptSecretsPath(env) : undefined
  const token = given?.token ?? (kept === undefined ? undefined : keptSecrets(env)?.POSTERN_ADMIN_TOKEN)
  const from = given?.from ?? kept ?? ''
  if (typeof token !== 'string') {
    const looked = kept === undefined ? '' : ` There is none of a start in development in ${kept} either.`
    throw new Failure(
      exit.notAllowed,
      `There is no token: set POSTERN_TOKEN, or POSTERN_TOKEN_FILE to the file with it.${looked}`,
    )
  }
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new Failure(exit.notAllowed, `${from}: expected a token, without spaces or what is no ASCII.`)
  }
  return { token, from }
}

function variable(name: string, env: NodeJS.ProcessEnv): GivenToken | undefined {
  try {
    const token = readVariable(name, env)
    return token === undefined ? undefined : { token, from: env[name] ? name : `${name}_FILE` }
  } catch (error) {
    throw new Failure(exit.mistaken, `${name}_FILE cannot be read: ${(error as Error).message}`)
  }
}

/** As it is told; what is no word of the gateway's stays as it is. */
function failureOf(error: unknown, { url, hint, from }: AskedOf, path?: string): unknown {
  if (error instanceof PosternUnreachable)
    return noneAt(url, error.message.replace(/^no gateway answers: /, ''), hint, error)
  if (!(error instanceof PosternProblem)) return error
  const { status, code, message, errors } = error
  // Who asks for a password may be a proxy before a gateway.
  if (code === 'unknown' && exitOf(status) !== exit.notAllowed) return noneAt(url, message, hint, error)
  if (code === 'unauthenticated') {
    return new Failure(exitOf(status), `${status}: the token of ${from} is wrong, revoked or expired`, { cause: error })
  }
  const [, list = '', id] = path?.split('/') ?? []
  if (code === 'not_found' && nouns[list] !== undefined && id !== undefined) {
    return new Failure(exitOf(status), `There is no ${nouns[list]} ${decodeURIComponent(id)}.`, { cause: error })
  }
  const more = errors
    .filter(({ detail }) => !message.includes(detail))
    .map(({ parameter, pointer, detail }) => `\n  ${parameter ?? pointer ?? ''}: ${detail}`)
  // Of several ids, or by a URL that leads astray, one would look for the wrong thing.
  const what = code === 'not_found' && path !== undefined ? `: ${url.pathname.replace(/\/$/, '')}/api/v1${path}` : ''
  const text = `${message.startsWith(String(status)) ? '' : `${status}: `}${message}${what}${more.join('')}`
  return new Failure(exitOf(status), text, { cause: error })
}

function noneAt({ origin }: URL, why: string, hint: string, cause: unknown): Failure {
  return new Failure(exit.unreachable, `No gateway answers at ${origin}: ${why}${hint}`, { cause })
}

function exitOf(status: number): ExitCode {
  if (status === 401 || status === 403) return exit.notAllowed
  if (status === 404) return exit.notFound
  return status >= 500 ? exit.unreachable : exit.mistaken
}
