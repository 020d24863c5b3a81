// The stream of events, gone on with after every cut: from the last event that was taken, so that none is missed and none
// comes twice. What will not pass by itself is thrown.
import { PosternProblem, PosternUnreachable, strangersAnswer } from './problem.ts'
import { ServerSentEvents } from './server-sent-events.ts'

export interface FollowOptions {
  /** A position, such as an event's `sequence`: what is behind it comes. Default: what comes from now on. */
  after?: string | number
  /** Its abort ends the iteration, without an error. */
  signal?: AbortSignal
  /** After each cut; the waiting is doubled with each try that fails, and a part of it is left to chance. */
  retry?: { firstMs?: number; longestMs?: number }
  /** Without a byte for so long the connection is given up: a gateway says something every 15 s. Default 45,000 ms. */
  silenceMs?: number
  /** Called when the stream is open, each time. */
  onOpen?(): void
  /** Called at each cut: why, and when it is tried again. */
  onCut?(error: Error, waitMs: number): void
}

export const streamType = 'text/event-stream'

/** Opens the stream, whatever answers there; throws PosternProblem or PosternUnreachable. */
export type OpenStream = (position: string | undefined, signal: AbortSignal) => Promise<Response>

/** A gateway that asks to be left alone for longer is asked again all the same. */
const retryAfterMaxMs = 300_000

/** `read` makes an event of its text; default JSON, whose numbers lose the digits that a double has not. */
export async function* follow<Event>(
  open: OpenStream,
  options: FollowOptions = {},
  read: (text: string) => Event = JSON.parse,
): AsyncGenerator<Event, void, void> {
  const { signal, silenceMs = 45_000, onOpen, onCut } = options
  const { firstMs = 500, longestMs = 30_000 } = options.retry ?? {}
  let position = options.after === undefined ? undefined : String(options.after)
  let failures = 0
  while (!signal?.aborted) {
    const connection = new AbortController()
    const abort = () => connection.abort()
    signal?.addEventListener('abort', abort)
    let cut: Error
    try {
      const response = await open(position, connection.signal)
      if (!isStream(response)) throw strangersAnswer(response.status)
      onOpen?.()
      for await (const { data, id } of blocksOf(response, silenceMs)) {
        failures = 0
        if (data !== undefined) yield read(data)
        // Once it has been taken: whoever iterates has come for the next.
        position = id ?? position
      }
      cut = new PosternUnreachable('the gateway ended the stream')
    } catch (error) {
      if (signal?.aborted) return
      if (!isPassing(error)) throw error
      cut = error
    } finally {
      signal?.removeEventListener('abort', abort)
      connection.abort()
    }
    const longest = Math.min(longestMs, firstMs * 2 ** failures++)
    const asked = cut instanceof PosternProblem ? Math.min(cut.retryAfterMs ?? 0, retryAfterMaxMs) : 0
    // Readers that were cut at once should not all come at once.
    const waitMs = asked + longest * (0.5 + Math.random() / 2)
    onCut?.(cut, waitMs)
    await passed(waitMs, signal)
  }
}

/** It may well be JSON: only this is a stream that one can go on with. */
function isStream({ headers, body }: Response): boolean {
  return body !== null && (headers.get('content-type')?.startsWith(streamType) ?? false)
}

function isPassing(error: unknown): error is Error {
  return error instanceof PosternUnreachable || (error instanceof PosternProblem && error.isPassing)
}

/** Throws PosternUnreachable where the connection breaks off, or nothing comes for too long. */
async function* blocksOf(response: Response, silenceMs: number) {
  const reader = response.body!.getReader()
  const decoder = new TextDecoder()
  const stream = new ServerSentEvents()
  try {
    for (;;) {
      const { done, value } = await withinSilence(reader.read(), silenceMs)
      if (done) return
      yield* stream.push(decoder.decode(value, { stream: true }))
    }
  } finally {
    void reader.cancel().catch(() => {})
  }
}

async function withinSilence<Value>(read: Promise<Value>, silenceMs: number): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const silent = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${silenceMs} ms`)), silenceMs)
  })
  try {
    return await Promise.race([read, silent])
  } catch (cause) {
    throw new PosternUnreachable(`the stream broke off: ${(cause as Error).message}`, { cause })
  } finally {
    clearTimeout(timer)
  }
}

function passed(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise(resolve => {
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.addEventListener('abort', end)
    if (signal?.aborted) end()
  })
}
