// A log on PostgreSQL that is cut into ranges of a size that a test can fill.
import type { TestDatabase } from './postgres.ts'
import { queryOnce } from './postgres.ts'

const tables = ['requests', 'refs', 'attempts', 'events']

/** In place of the ranges that an empty log has: so many of that width, from 1 on. */
export async function cutSmall({ url }: TestDatabase, width: number, count: number): Promise<void> {
  for (const table of tables) {
    for (const { first } of await rangesIn(url, table)) {
      await queryOnce(url, `drop table ${table}_p${first}`)
    }
    for (let first = 1; first <= width * count; first += width) {
      await queryOnce(url, 'select postern_make_range($1, $2, $3, 1000)', [table, first, first + width])
    }
  }
}

/** The first sequence of each of its ranges, with how many rows are in it. */
export async function rangesIn(url: string, table: string): Promise<{ first: number; rows: number }[]> {
  const names = await queryOnce<{ name: string }>(
    url,
    `select relname as name from pg_inherits join pg_class on oid = inhrelid
     where inhparent = $1::regclass and relname ~ '_p[0-9]+$'`,
    [table],
  )
  const ranges = []
  for (const { name } of names) {
    const [row] = await queryOnce<{ rows: number }>(url, `select count(*)::int as rows from ${name}`)
    ranges.push({ first: Number(name.split('_p')[1]), rows: row!.rows })
  }
  return ranges.sort((a, b) => a.first - b.first)
}

export async function rowsIn(url: string, table: string): Promise<number> {
  const [row] = await queryOnce<{ rows: number }>(url, `select count(*)::int as rows from ${table}`)
  return row!.rows
}
