// Driving a server: closed loop with wrk where it is installed, else with a client of our own; open loop always with
// our own, which measures each answer from the time that its request was meant to be sent.
import { execFile, execFileSync } from 'node:child_process'
import { closeSync, openSync, readSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'

/** A file of requests, read from where the last run ended. */
export class RequestFile {
  readonly path: string
  offset = 0
  constructor(path: string) {
    this.path = path
  }

  take(count: number): Buffer[] {
    const file = openSync(this.path, 'r')
    const requests: Buffer[] = []
    const length = Buffer.alloc(8)
    for (; requests.length < count && readSync(file, length, 0, 8, this.offset) === 8; ) {
      const request = Buffer.alloc(Number(length.toString()))
      readSync(file, request, 0, request.length, this.offset + 8)
      this.offset += 8 + request.length
      requests.push(request)
    }
    closeSync(file)
    return requests
  }

  skip(count: number): void {
    this.take(count)
  }
}

export interface ClosedResult {
  sent: number
  perSecond: number
  failures: number
}

export const hasWrk = (() => {
  try {
    execFileSync('wrk', ['-v'], { stdio: 'ignore' })
    return true
  } catch (error) {
    // wrk prints its version and exits with 1.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT'
  }
})()

/** As fast as `connections` go for `seconds`. */
export async function closedLoop(
  port: number,
  requests: RequestFile,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<ClosedResult> {
  if (!hasWrk) return ownClosedLoop(port, requests, connections, seconds)
  const script = join(import.meta.dirname, 'replay.lua')
  const url = `http://127.0.0.1:${port}/`
  const args = [
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '-s',
    script,
    url,
    '--',
    requests.path,
    String(requests.offset),
  ]
  const output = await new Promise<string>((resolve, reject) =>
    execFile('wrk', args, (error, stdout, stderr) => (error ? reject(new Error(stderr)) : resolve(stdout))),
  )
  const [, sent = '0', micros = '1', status = '0', errors = '0'] = /RESULT (\d+) (\d+) (\d+) (\d+)/.exec(output) ?? []
  // wrk has up to a request a connection more under way than it counts.
  requests.skip(Number(sent) + connections)
  return {
    sent: Number(sent),
    perSecond: Number(sent) / (Number(micros) / 1e6),
    failures: Number(status) + Number(errors),
  }
}

async function ownClosedLoop(
  port: number,
  file: RequestFile,
  connections: number,
  seconds: number,
): Promise<ClosedResult> {
  const requests = file.take(200_000)
  const started = performance.now()
  const end = started + seconds * 1000
  let next = 0
  let failures = 0
  let answered = 0
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const connection = new Connection(port)
      while (performance.now() < end && next < requests.length) {
        if ((await connection.send(requests[next++]!)) !== 200) failures++
        answered++
      }
      connection.close()
    }),
  )
  return { sent: answered, perSecond: answered / ((performance.now() - started) / 1000), failures }
}

export interface Latencies {
  p50: number
  p99: number
  max: number
  failures: number
}

/** `perSecond` requests a second for `seconds`, however slow the answers are; milliseconds from the intended time. */
export async function openLoop(
  port: number,
  requests: readonly Buffer[],
  {
    perSecond,
    connections = 64,
    answered,
  }: { perSecond: number; connections?: number; answered?: (text: string) => void },
): Promise<Latencies> {
  const pool = Array.from({ length: connections }, () => new Connection(port, answered))
  const idle = [...pool]
  const waiting: (() => void)[] = []
  const latencies: number[] = []
  let failures = 0
  const started = performance.now() + 20
  await new Promise<void>(resolve => {
    let sent = 0
    let done = 0
    const fire = (request: Buffer, intended: number) => {
      const run = (connection: Connection) => {
        void connection.send(request).then(status => {
          latencies.push(performance.now() - intended)
          if (status !== 200) failures++
          const next = waiting.shift()
          idle.push(connection)
          next?.()
          if (++done === requests.length) resolve()
        })
      }
      const free = idle.pop()
      if (free !== undefined) run(free)
      else waiting.push(() => run(idle.pop()!))
    }
    const tick = () => {
      const due = Math.min(requests.length, Math.floor(((performance.now() - started) / 1000) * perSecond))
      for (; sent < due; sent++) fire(requests[sent]!, started + (sent / perSecond) * 1000)
      // Not as fast as it can: a client that never rests would take a core from the server.
      if (sent < requests.length) setTimeout(tick, 1)
    }
    tick()
  })
  for (const connection of pool) connection.close()
  return { ...percentiles(latencies), failures }
}

export function percentiles(values: readonly number[]): { p50: number; p99: number; max: number } {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? Number.NaN }
}

/** One keep-alive connection, one request at a time; answers have a Content-Length. */
export class Connection {
  readonly #socket: Socket
  #answered: ((status: number) => void) | undefined
  #received = ''

  constructor(port: number, answered?: (text: string) => void) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (text: string) => {
      this.#received += text
      const end = this.#received.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/content-length: (\d+)/i.exec(this.#received)?.[1] ?? 0)
      if (this.#received.length < end + 4 + length) return
      const status = Number(this.#received.slice(9, 12))
      answered?.(this.#received)
      this.#received = ''
      this.#answered?.(status)
    })
    this.#socket.on('error', () => this.#answered?.(0))
    this.#socket.on('close', () => this.#answered?.(0))
  }

  /** Resolves with the status, 0 where the connection broke. */
  send(request: Buffer): Promise<number> {
    return new Promise(resolve => {
      this.#answered = resolve
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#answered = undefined
    this.#socket.destroy()
  }
}
