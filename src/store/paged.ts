// Pages of lists that go newest first by a number that never comes twice.
import type { Page } from './store.ts'

/** `rows` are one more than `limit` where there is a next page. */
export function paged<Row extends { number: number }, Item>(
  rows: readonly Row[],
  limit: number,
  item: (row: Row) => Item,
): Page<Item> {
  const kept = rows.slice(0, limit)
  return { items: kept.map(item), next: rows.length > limit ? String(kept.at(-1)?.number) : null }
}
