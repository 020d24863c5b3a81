// Acknowledging through one process over PostgreSQL: how many a second, how late, and who spends the CPU on it.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { queryOnce } from '../support/postgres.ts'
import { cpuSeconds, cpuSecondsOfServer } from './cpu.ts'
import { answersAtHalf, compareStored, type IngestSetting, ingestInTurn } from './ingest.ts'
import { closedLoop, RequestFile } from './load.ts'
import type { PostgresBench } from './postgres.ts'
import { residentMiB, startPostern } from './processes.ts'
import { note, rate, report } from './report.ts'
import { noteRequests, writeRequests } from './requests.ts'

export async function ingest(bench: PostgresBench): Promise<void> {
  const { folder, quick, rounds, connections, seconds, server, createDatabase } = bench
  const path = join(folder, 'requests')
  // Ten seconds a round, and as much again at half of it and for the CPU: at 10,000 a second.
  const total = (quick ? 200_000 : 480_000) + connections * 30
  noteRequests(total)
  writeRequests(path, 0, total)
  const home = join(folder, 'ingest')
  mkdirSync(home)
  const database = await createDatabase()
  const naive = await Promise.all(Array.from({ length: rounds }, () => createDatabase()))
  const postern = await startPostern(home, { POSTERN_DATABASE: database.url })
  const setting: IngestSetting = {
    postern,
    requests: new RequestFile(path),
    naive: 'naive-postgres',
    naiveDatabase: round => naive[round]!.url,
    bars: { ceiling: 0.35, naive: 5, p99Ms: 60 },
  }
  const { maximum, acknowledged: inTurn } = await ingestInTurn(bench, setting)
  let acknowledged = inTurn + (await answersAtHalf(bench, setting, maximum))

  const before = { postern: cpuSeconds(postern.pid), server: cpuSecondsOfServer(server.folder) }
  const run = await closedLoop(postern.port, setting.requests, { connections, seconds })
  acknowledged += run.sent
  const each = (from: number, to: number) => `${Math.round(((to - from) / run.sent) * 1e6)} µs`
  note(`CPU a request at ${rate(run.perSecond)}: Postern ${each(before.postern, cpuSeconds(postern.pid))}, \
PostgreSQL ${each(before.server, cpuSecondsOfServer(server.folder))}`)
  report(`resident memory after ${acknowledged} events`, `${residentMiB(postern.pid).toFixed(0)} MiB`)
  await postern.stop()

  const [stored] = await queryOnce<{ events: string; ids: string; bytes: string }>(
    database.url,
    'select count(*) as events, count(distinct id) as ids, pg_database_size(current_database()) as bytes from events',
  )
  compareStored(
    acknowledged,
    { events: Number(stored!.events), ids: Number(stored!.ids) },
    connections * (2 * rounds + 1),
  )
  report('database bytes an event', (Number(stored!.bytes) / Number(stored!.events)).toFixed(0))
  await Promise.all([database, ...naive].map(each => each.drop()))
  rmSync(path)
}
