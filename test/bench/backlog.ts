// A large backlog: a million events behind a cursor, and a million held behind one failing lane. It must cost nothing
// until it is reached.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Bench } from './bench.ts'
import { prefill } from './prefill.ts'
import { residentMiB, startPostern, startSubscriber } from './processes.ts'
import { median, ms, note, report } from './report.ts'

/** Events behind those that are held. */
const ahead = 5_000
/** Of them so many are delivered before the run has seen enough. */
const attempts = 4_000
const leaseSize = 32

export async function backlog({ folder, quick }: Bench): Promise<void> {
  const count = quick ? 100_000 : 1_000_000
  const home = join(folder, 'backlog')
  mkdirSync(home)
  const path = join(home, 'postern.db')
  note(`storing ${count} events, and as many deliveries held behind one`)
  await prefill(path, count + ahead)

  // Behind a cursor: a subscription that begins at the beginning.
  await firstAttempt(home, `${count} events behind the cursor`, { START: 'beginning' })
  // Held: rows as the feed writes them for a lane whose head is dead.
  await leases(path, count)
  hold(path, count)
  await firstAttempt(home, `${count} held behind one lane`, { ORDER: 'subject' })
}

/** From the start of the process to its first attempt, and what it holds in memory over those that follow. */
async function firstAttempt(home: string, what: string, env: Readonly<Record<string, string>>): Promise<void> {
  const subscriber = await startSubscriber()
  const started = performance.timeOrigin + performance.now()
  const postern = await startPostern(home, { SUBSCRIBERS: subscriber.url, ...env })
  let resident = 0
  while ((await subscriber.count()) < attempts) {
    resident = Math.max(resident, residentMiB(postern.pid))
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  const [[, first]] = (await subscriber.times()) as [[id: string, at: number]]
  await postern.stop()
  await subscriber.stop()
  report(`start to first attempt, ${what}`, ms(first - started), '≤ 3000 ms', first - started <= 3_000)
  report('resident memory meanwhile', `${resident.toFixed(0)} MiB`, '≤ 300 MiB', resident <= 300)
}

/**
 * As many deliveries as events of the log wait in one lane behind one that is dead. What comes behind them is due in no
 * lane where `due` says so, else behind the cursor and for other lanes.
 */
function hold(path: string, count: number, due = false): void {
  const db = new Sqlite(path)
  const { number } = db.prepare(`select number from subscriptions where name = 'http-0'`).get() as { number: number }
  db.prepare('delete from deliveries').run()
  db.prepare('delete from delivery_counts').run()
  db.prepare(
    `insert into deliveries (sequence, subscription, replay, state, due, lane)
     select sequence, @number, 0, case when sequence > @count then 1 when sequence = 1 then 5 else 0 end, 0,
       case when sequence > @count then null else 'banclo' || char(10) || 'loan/held' end
     from events where sequence <= @last`,
  ).run({ number, count, last: due ? count + ahead : count })
  db.prepare('update subscriptions set cursor = ?').run(count)
  db.close()
}

/** What a lease takes beside so many that are held. */
async function leases(path: string, count: number): Promise<void> {
  const times: number[] = []
  for (const held of [10_000, count]) {
    hold(path, held, true)
    const store = await openSqliteStore(path)
    const [row] = await store.deliveries.subscriptions()
    const each: number[] = []
    for (let round = 0; round < Math.floor(ahead / leaseSize); round++) {
      const at = performance.now()
      const { leased } = await store.deliveries.lease(row!.number, leaseSize, Date.now())
      each.push(performance.now() - at)
      if (leased.length !== leaseSize) throw new Error(`${leased.length} of ${leaseSize} were leased`)
    }
    times.push(median(each))
    await store.close()
  }
  const [few, many] = times as [number, number]
  report(
    `a lease of ${leaseSize} beside 10,000 and ${count} held`,
    `${few.toFixed(2)} ms, ${many.toFixed(2)} ms (×${(many / few).toFixed(2)})`,
    'flat (≤ ×1.5)',
    many / few <= 1.5,
  )
}
