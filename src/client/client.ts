// `postern/client`: the inbox API from any program, in Node from 20 on and in browsers. Every route is typed by the API's
// own document, a problem is thrown, and the stream goes on after every cut.
import createFetch, { defaultPathSerializer, type FetchResponse, type MaybeOptionalInit } from 'openapi-fetch'
import type { Event, paths } from './api-types.ts'
import { type FollowOptions, follow, streamType } from './follow.ts'
import { PosternProblem, PosternUnreachable, problemOf, strangersAnswer } from './problem.ts'

export type * from './api-types.ts'
export type { FollowOptions } from './follow.ts'
export { PosternProblem, PosternUnreachable, type ProblemDetail } from './problem.ts'

export interface ClientOptions {
  /** The gateway, `https://gateway.internal`; where it has an address of its own for the API, that. */
  url: string
  /** Or a function, asked before each call. */
  token: string | (() => string | Promise<string>)
  /** Until the answer is there; of one that streams, until it begins. Beside what `wait` asks for. Default 30,000 ms. */
  timeoutMs?: number
  /** Default the global one. */
  fetch?: typeof fetch
}

type HttpMethod = 'get' | 'put' | 'post' | 'delete'
type PathsWith<Method extends HttpMethod> = {
  [Path in keyof paths]: Method extends keyof paths[Path] ? Path : never
}[keyof paths]

/** To be left out where nothing in it has to be said. */
type InitParam<Init> = Record<never, never> extends Init ? [init?: Init] : [init: Init]

/** What is in the answer; `parseAs` (`'arrayBuffer'`, `'stream'` …) says how it is read where it is no JSON. */
interface Answered<Operation extends Record<string | number, unknown>, Init> {
  data: NonNullable<FetchResponse<Operation, Init, `${string}/${string}`>['data']>
  response: Response
}

/** Throws PosternProblem or PosternUnreachable; TypeError for a path parameter that is empty, `.` or `..`. */
type Call<Method extends HttpMethod> = <
  Path extends PathsWith<Method>,
  Init extends MaybeOptionalInit<paths[Path], Method & keyof paths[Path]>,
>(
  path: Path,
  ...init: InitParam<Init>
) => Promise<Answered<paths[Path][Method & keyof paths[Path]] & Record<string | number, unknown>, Init>>

/** Which events: as the list's parameters, without where to begin. */
export type EventFilter = Omit<NonNullable<paths['/events/stream']['get']['parameters']['query']>, 'after'>

export interface Client {
  GET: Call<'get'>
  PUT: Call<'put'>
  POST: Call<'post'>
  DELETE: Call<'delete'>
  /**
   * Events as they are committed, for as long as it is iterated. After a cut, a restart or a 503 it goes on by itself,
   * without a miss or a double. Throws PosternProblem for what does not pass: `unauthenticated`, `forbidden`,
   * `bad_request`; `position_gone` with the `oldest` position there is.
   */
  events(filter?: EventFilter, options?: FollowOptions): AsyncGenerator<Event, void, void>
}

const timeoutMsDefault = 30_000
/** What a gateway answers with: as it comes, or whole. */
const streamTypes = [streamType, 'application/x-ndjson']
const wholeTypes = /^application\/(json|[\w.-]+\+json|octet-stream)$/

export function createClient({ url, token, timeoutMs = timeoutMsDefault, fetch: given }: ClientOptions): Client {
  const root = `${url.replace(/\/+$/, '')}/api/v1`
  // Looked up at each call: whoever replaces the global one later is heard.
  const doFetch: typeof fetch = (input, init) => (given ?? fetch)(input, init)
  const authorization = async () => `Bearer ${typeof token === 'string' ? token : await token()}`

  const ask = async (request: Request): Promise<Response> => {
    const wait = Number(new URL(request.url).searchParams.get('wait') ?? 0) * 1000
    const limit = timeLimit(timeoutMs + wait, request.signal)
    try {
      request.headers.set('authorization', await authorization())
      // A redirect might carry the token elsewhere.
      const response = await doFetch(new Request(request, { redirect: 'manual', signal: limit.signal }))
      if (!response.ok && response.status !== 304) throw await problemOf(response)
      // Without a body there is nothing that could be somebody else's.
      if (response.status === 304 || response.status === 204) return response
      const type = response.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
      if (streamTypes.includes(type)) return response
      if (!wholeTypes.test(type)) throw strangersAnswer(response.status)
      // Within the time limit, so that what breaks off is told as that.
      return new Response(await response.arrayBuffer(), response)
    } catch (error) {
      if (request.signal.aborted) throw request.signal.reason
      if (error instanceof PosternProblem) throw error
      throw unreachable(error, limit.isOver() ? `no answer within ${timeoutMs + wait} ms` : undefined)
    } finally {
      limit.end()
    }
  }
  const { GET, PUT, POST, DELETE } = createFetch<paths>({ baseUrl: root, fetch: ask, pathSerializer: pathOf })
  return {
    // The same, but for what is thrown here.
    ...({ GET, PUT, POST, DELETE } as unknown as Pick<Client, 'GET' | 'PUT' | 'POST' | 'DELETE'>),
    events: (filter = {}, options = {}) =>
      follow<Event>(async (after, signal) => {
        const query = after === undefined ? filter : { ...filter, after }
        const headers = { accept: streamType }
        const init = { params: { query }, headers, cache: 'no-store', signal, parseAs: 'stream' } as const
        return (await GET('/events/stream', init)).response
      }, options),
  }
}

/** A URL takes `.` and `..` for steps, however they are written: they would ask another route than was meant. */
function pathOf(path: string, parameters: Record<string, unknown>): string {
  for (const [name, value] of Object.entries(parameters)) {
    if (/^\.{0,2}$/.test(String(value ?? '')))
      throw new TypeError(`the path's parameter ${name} is '${value ?? ''}': expected a name or an id`)
  }
  return defaultPathSerializer(path, parameters)
}

/** A signal that follows another, and ends by itself. */
function timeLimit(ms: number, outer: AbortSignal) {
  const controller = new AbortController()
  let isOver = false
  const abort = () => controller.abort(outer.reason)
  const timer = setTimeout(() => {
    isOver = true
    controller.abort()
  }, ms)
  outer.addEventListener('abort', abort)
  if (outer.aborted) abort()
  return {
    signal: controller.signal,
    isOver: () => isOver,
    /** The outer signal goes on to be heard: what streams is ended by it. */
    end: () => clearTimeout(timer),
  }
}

function unreachable(cause: unknown, why?: string): PosternUnreachable {
  const { message, cause: inner } = cause as Error & { cause?: { code?: string; message?: string } }
  return new PosternUnreachable(why ?? `no gateway answers: ${inner?.code ?? inner?.message ?? message}`, { cause })
}
