// `npm run bench`: what Postern costs, against a ceiling and a naive way that are measured in the same run, in turn. On
// SQLite, or with `--postgres` on PostgreSQL; `--quick` for a short look, `--only=<part>` for one part. Machines are
// noisy: the figures to compare are ratios, and medians of several rounds. Traffic stays on loopback.
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { backlog } from './backlog.ts'
import type { Bench } from './bench.ts'
import { delivering } from './delivering.ts'
import { flushTime } from './flush.ts'
import { inbox } from './inbox.ts'
import { answersAtHalf, compareStored, type IngestSetting, ingestInTurn } from './ingest.ts'
import { closedLoop, openLoop, percentiles, RequestFile } from './load.ts'
import { postgresParts } from './postgres.ts'
import { prefill } from './prefill.ts'
import { residentMiB, startPostern, token } from './processes.ts'
import { median, ms, note, print, rate, report } from './report.ts'
import { body, noteRequests, rawRequest, writeRequests } from './requests.ts'
import { search } from './search.ts'

const quick = process.argv.includes('--quick')
const rounds = 3
const events = quick ? 60_000 : 500_000
const scanned = quick ? 100_000 : 1_000_000
const connections = 64

const base = join(import.meta.dirname, '..', '..', 'data')
mkdirSync(base, { recursive: true })
const folder = mkdtempSync(join(base, 'bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const only = process.argv.find(argument => argument.startsWith('--only='))?.slice('--only='.length)
const bench: Bench = { folder, quick, rounds, connections, seconds: quick ? 3 : 8 }
const parts: Record<string, () => Promise<void>> = process.argv.includes('--postgres')
  ? postgresParts(bench)
  : {
      throughput,
      delivering: () => delivering(bench),
      backlog: () => backlog(bench),
      sizes,
      reading,
      search: () => search(bench),
      inbox: () => inbox(bench),
    }
for (const [name, part] of Object.entries(parts)) if (only === undefined || only === name) await part()
print()

/** Ceiling, naive and Postern in turn; then Postern's latencies, its memory, and what the store says happened. */
async function throughput(): Promise<void> {
  const total = events + connections * 30 + (quick ? 20_000 : 60_000)
  noteRequests(total)
  const path = join(folder, 'requests')
  writeRequests(path, 0, total)
  const distinct = new RequestFile(path)
  const home = join(folder, 'inbox')
  mkdirSync(home)
  const postern = await startPostern(home)
  const setting: IngestSetting = {
    postern,
    requests: distinct,
    naive: 'naive',
    naiveDatabase: round => join(folder, `naive-${round}.db`),
    bars: { ceiling: 0.5, naive: 5, p99Ms: 15 },
  }
  const { maximum, acknowledged: inTurn } = await ingestInTurn(bench, setting)
  let acknowledged = inTurn + (await answersAtHalf(bench, setting, maximum))

  const lone = distinct.take(quick ? 500 : 2_000)
  const flush = flushTime(join(folder, 'flush'))
  const alone = await openLoopAlone(postern.port, lone)
  acknowledged += lone.length
  report('one connection: p50', `${ms(alone)} (flush ${ms(flush)})`, '≤ flush + 1 ms', alone <= flush + 1)

  while (acknowledged < events) {
    const run = await closedLoop(postern.port, distinct, { connections, seconds: quick ? 3 : 10 })
    if (run.sent < 100) break
    acknowledged += run.sent
  }
  const resident = residentMiB(postern.pid)
  report(`resident memory after ${acknowledged} events`, `${resident.toFixed(0)} MiB`, '≤ 250 MiB', resident <= 250)
  await postern.stop()
  const db = new Sqlite(join(home, 'postern.db'), { readonly: true })
  const stored = db.prepare('select count(*) as events, count(distinct id) as ids from events').get() as {
    events: number
    ids: number
  }
  db.close()
  compareStored(acknowledged, stored, connections * (rounds + 20))
  rmSync(path)
}

/** Bytes of database for each byte of request, after a checkpoint. */
async function sizes(): Promise<void> {
  for (const [bytes, bar] of [
    [500, 2.6],
    [8_192, 1.3],
  ] as const) {
    const home = join(folder, `size-${bytes}`)
    mkdirSync(home)
    const count = quick ? 5_000 : 50_000
    const postern = await startPostern(home)
    const requests = Array.from({ length: count }, (_, index) => rawRequest(index, bytes))
    const sizeOfBodies =
      Array.from({ length: 100 }, (_, index) => body(index, bytes).length).reduce((a, b) => a + b) / 100
    await openLoop(postern.port, requests, { perSecond: 1e9 })
    await postern.stop()
    const ratio = statSync(join(home, 'postern.db')).size / (count * sizeOfBodies)
    report(`database bytes a byte, bodies of ${sizeOfBodies.toFixed(0)}`, ratio.toFixed(2), `≤ ${bar}`, ratio <= bar)
  }
}

/** Acknowledging while a filter that no index carries walks the whole log, over and over. */
async function reading(): Promise<void> {
  const home = join(folder, 'reading')
  mkdirSync(home)
  note(`storing ${scanned} events to be read`)
  await prefill(join(home, 'postern.db'), scanned)
  const postern = await startPostern(home)
  const make = (first: number, count: number) => Array.from({ length: count }, (_, index) => rawRequest(first + index))
  let next = scanned
  const warm = make(next, 20_000)
  next += warm.length
  const maximum = await pace(() => openLoop(postern.port, warm, { perSecond: 1e9 }), warm.length)
  const perSecond = maximum / 4
  const alone: number[] = []
  const beside: number[] = []
  let wal = 0
  for (let round = 0; round < rounds; round++) {
    const batch = () => {
      const requests = make(next, Math.floor(perSecond * (quick ? 2 : 5)))
      next += requests.length
      return requests
    }
    alone.push((await openLoop(postern.port, batch(), { perSecond })).p99)
    let reads = 0
    let stop = false
    const reader = (async () => {
      while (!stop) {
        const url = `http://127.0.0.1:${postern.port}/api/v1/events?ref=bank:B1A2C3&ref=partner:nobody&limit=500`
        const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
        if (!answer.ok) throw new Error(`a read was answered ${answer.status}`)
        await answer.text()
        reads++
      }
    })()
    const watch = setInterval(() => {
      wal = Math.max(wal, statSync(join(home, 'postern.db-wal')).size)
    }, 100)
    beside.push((await openLoop(postern.port, batch(), { perSecond })).p99)
    stop = true
    await reader
    clearInterval(watch)
    note(`round ${round + 1}: p99 ${ms(alone[round]!)} alone, ${ms(beside[round]!)} beside ${reads} scans`)
  }
  const change = median(beside.map((each, round) => each / alone[round]!))
  report(
    `p99 at ${rate(perSecond)} while ${scanned} events are scanned`,
    `${ms(median(alone))} → ${ms(median(beside))} (×${change.toFixed(2)})`,
    '≤ ×1.2',
    change <= 1.2,
  )
  report('WAL at its largest meanwhile', `${(wal / 2 ** 20).toFixed(0)} MiB`, '≤ 64 MiB', wal <= 64 * 2 ** 20)
  await postern.stop()
}

async function pace(run: () => Promise<unknown>, count: number): Promise<number> {
  const started = performance.now()
  await run()
  return count / ((performance.now() - started) / 1000)
}

async function openLoopAlone(port: number, requests: readonly Buffer[]): Promise<number> {
  const times: number[] = []
  const { Connection } = await import('./load.ts')
  const connection = new Connection(port)
  for (const request of requests) {
    const started = performance.now()
    await connection.send(request)
    times.push(performance.now() - started)
  }
  connection.close()
  return percentiles(times).p50
}
