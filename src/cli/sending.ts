// Many requests to one gateway: paced or as fast as they are answered, some of them twice, each answer counted with the
// time that it took from when it was meant to be sent.
import { setTimeout as after } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import { Pool } from 'undici'
import type { SampleRequest } from '../adapter.ts'
import type { Source } from '../ingest/source.ts'
import { targetOf } from '../signed-sample.ts'

export interface Sending {
  count: number
  /** A second; undefined: as fast as they are answered. */
  rate?: number
  /** Percent. */
  duplicates: number
  connections: number
  make(): Promise<SampleRequest>
}

export interface Answers {
  status: number
  /** What the gateway says of it: `accepted`, `duplicate`, `quarantined`, or a problem's title. */
  verdict: string
  count: number
  p50Ms: number
  p99Ms: number
  maxMs: number
}

export interface Sent {
  answers: Answers[]
  failures: { reason: string; count: number }[]
  seconds: number
  first: { status: number; text: string } | undefined
}

/** Ones that may be sent again. */
const rememberedMax = 1_000
const answerMs = 30_000

export async function sendAll(url: string, source: Source, options: Sending): Promise<Sent> {
  const { count, rate, duplicates, connections, make } = options
  const { origin, pathname } = new URL(url)
  const base = pathname.replace(/\/$/, '')
  const inFlightMax = rate === undefined ? connections : 16 * connections
  const pool = new Pool(origin, { connections: inFlightMax, headersTimeout: answerMs, bodyTimeout: answerMs })
  const times = new Map<string, number[]>()
  const failures = new Map<string, number>()
  const remembered: SampleRequest[] = []
  let first: Sent['first']
  let ended = 0
  let repeatable = 0
  let owed = 0
  let left = Math.floor((count * duplicates) / 100)
  const bar = progress(count)

  const sendOne = async (request: SampleRequest, meantAt: number, isNew: boolean) => {
    try {
      const { method, headers, body } = request
      const answer = await pool.request({
        path: `${base}${targetOf(source, request)}`,
        method: method as 'POST',
        headers,
        body,
      })
      const text = await answer.body.text()
      first ??= { status: answer.statusCode, text }
      const key = `${answer.statusCode} ${verdictOf(text)}`
      const known = times.get(key)
      const elapsed = performance.now() - meantAt
      if (known === undefined) times.set(key, [elapsed])
      else known.push(elapsed)
      if (isNew && duplicates > 0 && answer.statusCode < 300) remembered[repeatable++ % rememberedMax] = request
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const reason = code ?? message
      failures.set(reason, (failures.get(reason) ?? 0) + 1)
    }
    bar?.update(++ended)
  }

  const began = performance.now()
  const inFlight = new Set<Promise<void>>()
  const stopping = new AbortController()
  process.once('SIGINT', () => stopping.abort())
  for (let index = 0; index < count && !stopping.signal.aborted; index++) {
    const meantAt = rate === undefined ? performance.now() : began + (index * 1000) / rate
    const early = meantAt - performance.now()
    if (early > 1) await after(early, undefined, { signal: stopping.signal }).catch(() => {})
    while (inFlight.size >= inFlightMax) await Promise.race(inFlight)
    owed += duplicates
    // Where they are sent faster than answered, those that are owed come at the end, once there is one to send again.
    const isLast = left > 0 && left >= count - index
    while (isLast && remembered.length === 0 && inFlight.size > 0) await Promise.race(inFlight)
    const again = owed >= 100 || isLast ? remembered[Math.floor(Math.random() * remembered.length)] : undefined
    if (again !== undefined) {
      owed -= 100
      left--
    }
    const running = sendOne(
      again ?? (await make()),
      rate === undefined ? performance.now() : meantAt,
      again === undefined,
    )
    inFlight.add(running)
    void running.finally(() => inFlight.delete(running))
  }
  await Promise.all(inFlight)
  bar?.stop()
  await pool.close()
  return {
    answers: [...times]
      .map(([key, each]) => summed(key, each))
      .sort((a, b) => a.status - b.status || b.count - a.count),
    failures: [...failures].map(([reason, times]) => ({ reason, count: times })),
    seconds: Math.round(performance.now() - began) / 1000,
    first,
  }
}

function progress(count: number): SingleBar | undefined {
  if (!process.stderr.isTTY || count === 1) return undefined
  const format = 'sending [{bar}] {percentage}%  {value}/{total}  {eta_formatted}'
  const bar = new SingleBar({ format, hideCursor: true, etaBuffer: 200 })
  bar.start(count, 0)
  return bar
}

function verdictOf(text: string): string {
  try {
    const { status, title } = JSON.parse(text) as { status?: unknown; title?: unknown }
    return typeof status === 'string' ? status : typeof title === 'string' ? title : ''
  } catch {
    return ''
  }
}

function summed(key: string, times: number[]): Answers {
  const space = key.indexOf(' ')
  const sorted = Float64Array.from(times).sort()
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]! * 10) / 10
  return {
    status: Number(key.slice(0, space)),
    verdict: key.slice(space + 1),
    count: times.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
  }
}
