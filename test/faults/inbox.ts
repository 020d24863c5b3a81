// What is in the inbox, read from the database and through the API, and whether it is what was acknowledged.
import Sqlite from 'better-sqlite3'
import { expect } from 'vitest'
import { eventId } from '../../src/store/record.ts'
import { get } from './gateway.ts'

export interface Inbox {
  /** The sequence of each event by its id at the vendor's. */
  readonly sequences: ReadonlyMap<string, number>
  /** Vendor's ids that more than one event has. */
  readonly doubles: readonly string[]
}

/** Reads the database beside whoever has it open. Fails where its parts disagree with each other. */
export function inboxOf(database: string): Inbox {
  const db = new Sqlite(database, { readonly: true, fileMustExist: true })
  try {
    const check = db.pragma('integrity_check', { simple: true })
    const rows = db.prepare('select sequence, vendorid from events order by sequence').all() as {
      sequence: number
      vendorid: string
    }[]
    const one = (sql: string) => db.prepare(sql).pluck().get()
    expect({
      check,
      head: one('select head from log'),
      identities: one(
        'select count(*) from events join identities on identities.id = events.id and identities.sequence = events.sequence',
      ),
      allIdentities: one('select count(*) from identities'),
      requests: one('select count(*) from events join requests using (sequence)'),
      conflicts: one('select count(*) from conflicts'),
    }).toEqual({
      check: 'ok',
      head: rows.at(-1)?.sequence ?? 0,
      identities: rows.length,
      allIdentities: rows.length,
      requests: rows.length,
      conflicts: 0,
    })
    const sequences = new Map(rows.map(({ vendorid, sequence }) => [vendorid, sequence]))
    const doubles = rows.flatMap(row => (sequences.get(row.vendorid) === row.sequence ? [] : [row.vendorid]))
    return { sequences, doubles }
  } finally {
    db.close()
  }
}

/** The sequence of each of the vendors' events by its id, `evt_…`. */
export function eventsOf(database: string): Map<string, number> {
  const db = new Sqlite(database, { readonly: true, fileMustExist: true })
  try {
    const rows = db.prepare('select id, sequence from events where vendorid is not null order by sequence').all() as {
      id: Buffer
      sequence: number
    }[]
    return new Map(rows.map(({ id, sequence }) => [eventId(id), sequence]))
  } finally {
    db.close()
  }
}

/** The inbox through the API: every page, from the oldest event on. */
export async function inboxThroughApi(url: string): Promise<Inbox> {
  const sequences = new Map<string, number>()
  const doubles: string[] = []
  for (let after = '0000000000000000'; ; ) {
    const response = await get(`${url}/api/v1/events?after=${after}&limit=500`)
    expect(response.status).toBe(200)
    const page = (await response.json()) as { items: { vendorid: string; sequence: string }[]; position: string }
    for (const { vendorid, sequence } of page.items) {
      expect(sequence > after).toBe(true)
      if (sequences.has(vendorid)) doubles.push(vendorid)
      sequences.set(vendorid, Number(sequence))
    }
    if (page.items.length === 0) return { sequences, doubles }
    after = page.position
  }
}

/** Vendor's ids that were acknowledged and are not there. */
export function lost(acknowledged: Iterable<string>, { sequences }: Inbox): string[] {
  return [...acknowledged].filter(vendorid => !sequences.has(vendorid))
}

/** What was acknowledged is there, each once; and what was there at `earlier` has kept its place. */
export function expectKept(acknowledged: Iterable<string>, inbox: Inbox, earlier?: Inbox): void {
  expect(inbox.doubles, 'events that are there twice').toEqual([])
  expect(lost(acknowledged, inbox), 'acknowledged and not there').toEqual([])
  expect(new Set(inbox.sequences.values()).size, 'sequences used once').toBe(inbox.sequences.size)
  if (earlier === undefined) return
  const moved = [...earlier.sequences].filter(([vendorid, sequence]) => inbox.sequences.get(vendorid) !== sequence)
  expect(moved, 'events that have lost their place').toEqual([])
}
