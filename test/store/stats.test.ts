// Figures over a log of many blocks: what is kept of earlier counts never makes a later one wrong.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Queries } from '../../src/store/queries.ts'
import { kyselyOver } from '../../src/store/sqlite/dialect.ts'
import { readingParts } from '../../src/store/sqlite/reading.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { Stats } from '../../src/store/stats.ts'

const minute = 60_000
const start = Date.UTC(2026, 0, 1)
const count = 60_000

let folder: string
let db: Sqlite.Database
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-stats-'))
  const path = join(folder, 'postern.db')
  await (await openSqliteStore(path)).close()
  db = new Sqlite(path)
  // 20 events a minute, over two days and a little; one in seven is of the other source.
  db.exec(`
    insert into kinds select value, case value when 1 then 'a' else 'b' end, 'v', 't', 't', null, 'n'
      from json_each('[1,2]');
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})
      insert into events (sequence, id, kind, received, data)
      select i, x'00', case when i % 7 = 0 then 2 else 1 end, ${start} + i / 20 * ${minute}, '{}' from n;
    insert into minutes select received / ${minute}, min(sequence), max(sequence) from events group by 1;
    update log set head = ${count}`)
})
afterAll(() => {
  db.close()
  rmSync(folder, { recursive: true, force: true })
})

test('each count is what counting all of it says, whatever was counted before', async () => {
  let looked = 0
  const kysely = kyselyOver(async (sql, parameters) => {
    if (sql.includes('count(*)')) looked++
    return { rows: db.prepare(sql).all(...parameters) as never[] }
  })
  const stats = new Stats(kysely, new Queries(kysely, readingParts))
  const counted = db.prepare(
    `select kind, count(*) filter (where received >= @hour) as hour, count(*) as day from events
     where received >= @day group by kind order by kind`,
  )
  const statements: number[] = []
  for (const minutes of [3_000, 2_999, 3_000, 3_100, 4_000, 1_000, 3_000]) {
    const now = start + minutes * minute
    looked = 0
    const told = await stats.sources(now)
    statements.push(looked)
    const rows = counted.all({ hour: now - 60 * minute, day: now - 24 * 60 * minute }) as {
      hour: number
      day: number
    }[]
    const expected = [0, 1].map(index => [rows[index]?.hour ?? 0, rows[index]?.day ?? 0])
    expect(told.map(({ lastHour, lastDay }) => [lastHour, lastDay])).toEqual(expected)
  }
  // The whole blocks were counted the first time.
  expect(statements[2]).toBeLessThan(statements[0]!)
})

test('it goes by indexes alone', async () => {
  const plans: string[] = []
  const kysely = kyselyOver(async (sql, parameters) => {
    const plan = db.prepare(`explain query plan ${sql}`).all(...parameters) as { detail: string }[]
    plans.push(...plan.map(({ detail }) => detail))
    return { rows: db.prepare(sql).all(...parameters) as never[] }
  })
  await new Stats(kysely, new Queries(kysely, readingParts)).sources(start + 3_000 * minute)
  const tables = /SCAN (events|quarantine|rejections|conflicts)(?! USING COVERING INDEX)/
  expect(plans.filter(each => tables.test(each))).toEqual([])
  expect(plans.some(each => each.includes('USING COVERING INDEX events_by_kind'))).toBe(true)
})
