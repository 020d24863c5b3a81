// Calls to vendors' APIs, for handlers: with the credentials of the source that an event came from, to that API and
// nowhere else. Credentials never leave this thread, and never get into an error.
import PQueue from 'p-queue'
import type { Clock } from '../clock.ts'
import { BodyTooLarge, bodyBytes } from './limited-body.ts'
import type { AuthSpec } from './subscription.ts'
import { clientCredentials, type Fetch, TokenUnavailable } from './tokens.ts'
import { vendorBodyBytesMax, vendorUrl } from './vendor-path.ts'

/** One API with all its secrets resolved: never printed. */
export interface ApiSpec {
  baseUrl: string
  auth: AuthSpec
  /** For one call, all in all. */
  timeoutMs: number
}

/** A source's APIs: plain data, with secrets; never printed. */
export interface VendorApiSpec {
  /** For events of any instance that is not among `instances`. */
  api: ApiSpec | undefined
  instances: Readonly<Record<string, ApiSpec>>
  /** What is not set, where one develops: calls say so. */
  missing?: string | undefined
}

export interface VendorCall {
  /** The event's source. */
  source: string
  /** The event's `data.instance`. */
  instance: string | undefined
  path: string
  method: string
  headers: [name: string, value: string][]
  body: Uint8Array<ArrayBuffer> | null
  signal: AbortSignal
}

export interface VendorAnswer {
  status: number
  statusText: string
  headers: [name: string, value: string][]
  body: Uint8Array<ArrayBuffer>
}

/** Rejects with an error whose text the handler is to see. */
export type VendorFetch = (call: VendorCall) => Promise<VendorAnswer>

export interface VendorApiParts {
  /** By the names that sources have, and had. */
  apis: Readonly<Record<string, VendorApiSpec>>
  /** Follows no redirects by itself, or is told not to. */
  fetch: Fetch
  clock: Clock
}

/** To one API: vendors count calls, and each answer is held in memory. */
const callsAtOnce = 16
/** Ours to say, or about this connection and not that one. */
const notForwarded =
  /^(authorization|proxy-.*|host|connection|content-length|transfer-encoding|keep-alive|te|upgrade)$/i
/** `fetch` has decoded the body. */
const notAnswered = /^(content-encoding|content-length|transfer-encoding|connection|keep-alive)$/i

export function vendorApi({ apis, fetch, clock }: VendorApiParts): VendorFetch {
  const opened = new Map<string, Api>()
  return async call => {
    const { source, instance } = call
    const apisOfSource = Object.hasOwn(apis, source) ? apis[source] : undefined
    if (apisOfSource === undefined) throw new Error(`the source ${source} has no \`api\` in the configuration`)
    const { api, instances, missing } = apisOfSource
    if (missing !== undefined) throw new Error(missing)
    const isNamed = instance !== undefined && Object.hasOwn(instances, instance)
    const spec = isNamed ? instances[instance] : api
    if (spec === undefined) {
      throw new Error(`the source ${source} has no \`api\` for the instance ${JSON.stringify(instance ?? null)}`)
    }
    const key = JSON.stringify([source, isNamed ? instance : null])
    let found = opened.get(key)
    if (found === undefined) {
      found = openApi(spec, { fetch, clock })
      opened.set(key, found)
    }
    return await found(call)
  }
}

type Api = (call: VendorCall) => Promise<VendorAnswer>
/** What to send as Authorization; `refused` says that it was answered with 401, and whether another try may help. */
interface Credentials {
  authorization(signal: AbortSignal): Promise<string>
  refused(authorization: string): boolean
}

function openApi({ baseUrl, auth, timeoutMs }: ApiSpec, { fetch, clock }: { fetch: Fetch; clock: Clock }): Api {
  const credentials = credentialsOf(auth, fetch, clock)
  const queue = new PQueue({ concurrency: callsAtOnce })
  const { host } = new URL(baseUrl)

  const once = async (url: URL, call: VendorCall, authorization: string, signal: AbortSignal) => {
    const headers = call.headers.filter(([name]) => !notForwarded.test(name))
    const response = await fetch(url.href, {
      method: call.method,
      headers: [...headers, ['authorization', authorization]],
      ...(call.body === null ? {} : { body: call.body }),
      redirect: 'manual',
      signal,
    })
    const body = await bodyBytes(response, vendorBodyBytesMax)
    return { response, body }
  }

  const send = async (url: URL, call: VendorCall, signal: AbortSignal): Promise<VendorAnswer> => {
    let authorization = await credentials.authorization(signal)
    let { response, body } = await once(url, call, authorization, signal)
    if (response.status === 401 && credentials.refused(authorization)) {
      authorization = await credentials.authorization(signal)
      ;({ response, body } = await once(url, call, authorization, signal))
    }
    const { status, statusText } = response
    const headers = [...response.headers].filter(([name]) => !notAnswered.test(name))
    return { status, statusText, headers, body: new Uint8Array(body) }
  }

  return async call => {
    const url = vendorUrl(baseUrl, call.path)
    const limit = AbortSignal.timeout(timeoutMs)
    const signal = AbortSignal.any([limit, call.signal])
    try {
      return await queue.add(() => send(url, call, signal), { signal })
    } catch (error) {
      if (call.signal.aborted) throw call.signal.reason
      throw new Error(`${host}: ${limit.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(error)}`)
    }
  }
}

function credentialsOf(auth: AuthSpec, fetch: Fetch, clock: Clock): Credentials {
  switch (auth.kind) {
    case 'basic':
      return fixed(`Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`)
    case 'bearer':
      return fixed(`Bearer ${auth.token}`)
    case 'oauth': {
      const tokens = clientCredentials(auth, { fetch, clock })
      return {
        authorization: async signal => `Bearer ${await tokens.token(signal)}`,
        refused(authorization) {
          tokens.refused(authorization.slice('Bearer '.length))
          return true
        },
      }
    }
  }
}

function fixed(authorization: string): Credentials {
  return { authorization: async () => authorization, refused: () => false }
}

/** Libraries' texts may repeat a header; of them only the codes are told. */
function reasonOf(error: unknown): string {
  if (error instanceof TokenUnavailable || error instanceof BodyTooLarge) return error.message
  const { code, cause } = error as NodeJS.ErrnoException & { cause?: unknown }
  if (typeof code === 'string') return code
  if (cause instanceof Error) return (cause as NodeJS.ErrnoException).code ?? cause.name
  return 'it could not be called'
}
