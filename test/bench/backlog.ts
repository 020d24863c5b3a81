// A large backlog: a million events behind a cursor, and a million held behind one failing lane. It must cost nothing
// until it is reached.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Bench } from './delivering.ts'
import { prefill } from './prefill.ts'
import { residentMiB, startPostern, startSubscriber } from './processes.ts'
import { median, ms, note, report } from './report.ts'

export async function backlog({ folder, quick }: Bench): Promise<void> {
  const count = quick ? 100_000 : 1_000_000
  const home = join(folder, 'backlog')
  mkdirSync(home)
  const path = join(home, 'postern.db')
  note(`storing ${count} events, and as many deliveries held behind one`)
  await prefill(path, count)

  // Behind a cursor: a subscription that begins at the beginning.
  const subscriber = await startSubscriber()
  const started = performance.timeOrigin + performance.now()
  const postern = await startPostern(home, { SUBSCRIBERS: subscriber.url, START: 'beginning' })
  let first: number | undefined
  let resident = 0
  while (first === undefined || (await subscriber.count()) < 5_000) {
    first ??= (await subscriber.times())[0]?.[1]
    resident = Math.max(resident, residentMiB(postern.pid))
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  await postern.stop()
  const wait = first - started
  report(`start to first attempt, ${count} events behind the cursor`, ms(wait), '≤ 3000 ms', wait <= 3_000)
  report('resident memory meanwhile', `${resident.toFixed(0)} MiB`, '≤ 300 MiB', resident <= 300)

  // Held: rows as the feed writes them for a lane whose head is dead.
  await leases(path, count)
  await subscriber.forget()
  const again = performance.timeOrigin + performance.now()
  const second = await startPostern(home, { SUBSCRIBERS: subscriber.url, ORDER: 'subject' })
  let next: number | undefined
  let residentHeld = 0
  while (next === undefined || (await subscriber.count()) < 2_000) {
    next ??= (await subscriber.times())[0]?.[1]
    residentHeld = Math.max(residentHeld, residentMiB(second.pid))
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  await second.stop()
  await subscriber.stop()
  report(`start to first attempt, ${count} held behind one lane`, ms(next - again), '≤ 3000 ms', next - again <= 3_000)
  report('resident memory meanwhile', `${residentHeld.toFixed(0)} MiB`, '≤ 300 MiB', residentHeld <= 300)
}

/** As many events of the log as deliveries that wait in one lane behind one that is dead. */
function hold(path: string, count: number): void {
  const db = new Sqlite(path)
  const { number } = db.prepare(`select number from subscriptions where name = 'http-0'`).get() as { number: number }
  db.prepare('delete from deliveries').run()
  db.prepare('delete from delivery_counts').run()
  db.prepare(
    `insert into deliveries (sequence, subscription, replay, state, due, lane)
     select sequence, ?, 0, case sequence when 1 then 5 else 0 end, 0, 'banclo' || char(10) || 'loan/held'
     from events where sequence <= ?`,
  ).run(number, count)
  db.prepare('update subscriptions set cursor = (select head from log) - 5000').run()
  db.close()
}

/** What a lease of 32 takes beside so many that are held. */
async function leases(path: string, count: number): Promise<void> {
  const times: number[] = []
  for (const held of [10_000, count]) {
    hold(path, held)
    const store = await openSqliteStore(path)
    const [row] = await store.deliveries.subscriptions()
    const each: number[] = []
    for (let round = 0; round < 200; round++) {
      const at = performance.now()
      await store.deliveries.lease(row!.number, 32, Date.now())
      each.push(performance.now() - at)
    }
    times.push(median(each))
    await store.close()
  }
  const [few, many] = times as [number, number]
  report(
    `a lease beside 10,000 and ${count} held`,
    `${few.toFixed(2)} ms, ${many.toFixed(2)} ms (×${(many / few).toFixed(2)})`,
    'flat (≤ ×1.5)',
    many / few <= 1.5,
  )
}
