// The search index of an inbox in SQLite: FTS5 in a file of its own beside the database, with this one writer. It holds
// no texts, only which words stand where, and is made anew from the log whenever it is lost: so it need not be flushed
// as the log is, and need not be in a backup.
import Sqlite from 'better-sqlite3'
import { IndexDamaged, type IndexState, indexFormat, rangeSize, type SearchIndex } from '../search/indexer.ts'
import { opened } from './open.ts'
import { removeSearchFile, searchPath, wordsTable } from './search-file.ts'

const checkpointPages = 2_000

/** `log`: a connection that reads the inbox. */
export function sqliteSearchIndex(path: string, log: Sqlite.Database): SearchIndex & { remake(): void; close(): void } {
  let db = open(path)

  const ranges = () => db.prepare('select range from ranges order by range').pluck().all() as number[]
  const state = () => {
    if (db.pragma('user_version', { simple: true }) !== indexFormat) return null
    return (db.prepare('select epoch, through from state').get() as IndexState | undefined) ?? null
  }
  const inTransaction = async (change: () => void) =>
    guarded(() => {
      db.exec('begin immediate')
      try {
        change()
        db.exec('commit')
      } catch (error) {
        if (db.inTransaction) db.exec('rollback')
        throw error
      }
    })
  const drop = (range: number) => {
    db.exec(`drop table if exists ${wordsTable(range)}`)
    db.prepare('delete from ranges where range = ?').run(range)
  }

  return {
    state: async () => guarded(state),
    begin: begun =>
      inTransaction(() => {
        if (db.pragma('user_version', { simple: true }) === indexFormat) for (const range of ranges()) drop(range)
        db.exec(`
          drop table if exists state; drop table if exists ranges;
          create table state (one integer primary key, epoch text not null, through integer not null);
          create table ranges (range integer primary key);
          pragma user_version = ${indexFormat}`)
        db.prepare('insert into state values (1, ?, ?)').run(begun.epoch, begun.through)
      }),
    add: ({ after, through, range, entries }) =>
      inTransaction(() => {
        if (state()?.through !== after) return
        if (entries.length > 0) {
          const table = wordsTable(range)
          if (db.prepare('insert or ignore into ranges values (?)').run(range).changes > 0) db.exec(create(table))
          const insert = db.prepare(`insert into ${table} (rowid, words) values (?, ?)`)
          for (const { sequence, words } of entries) insert.run(sequence, words)
        }
        db.prepare('update state set through = ?').run(through)
      }),
    ranges: async () => guarded(ranges),
    drop: range => inTransaction(() => drop(range)),
    async sweep(range) {
      const table = wordsTable(range)
      const there = log
        .prepare(`select sequence from events indexed by events_by_kind
                  where kind in (select id from kinds) and sequence between ? and ?`)
        .pluck()
      const kept = new Set(there.all(range * rangeSize, (range + 1) * rangeSize - 1))
      await inTransaction(() => {
        const indexed = db.prepare(`select id from ${table}_docsize`).pluck().all() as number[]
        const gone = indexed.filter(sequence => !kept.has(sequence))
        if (gone.length === indexed.length) return drop(range)
        const remove = db.prepare(`delete from ${table} where rowid = ?`)
        for (const sequence of gone) remove.run(sequence)
      })
    },
    remake() {
      db.close()
      removeSearchFile(path)
      db = open(path)
    },
    close: () => db.close(),
  }
}

/** No text is kept, and no length of one is needed; every character of a word of ours is one of a word of FTS5's. */
function create(table: string): string {
  return `create virtual table ${table} using fts5(words, content = '', contentless_delete = 1, tokenize = "ascii tokenchars '='")`
}

function open(path: string): Sqlite.Database {
  const file = searchPath(path)
  try {
    return openIndex(file)
  } catch (error) {
    if (!isDamage(error)) throw error
    removeSearchFile(path)
    return openIndex(file)
  }
}

function openIndex(file: string): Sqlite.Database {
  return opened(new Sqlite(file), db => {
    db.pragma('journal_mode = WAL')
    // A power cut may cost the latest entries, with the cursor that says so.
    db.pragma('synchronous = NORMAL')
    db.pragma('cache_size = -4096')
    db.pragma(`wal_autocheckpoint = ${checkpointPages}`)
    db.pragma('journal_size_limit = 16777216')
    return db
  })
}

function guarded<Value>(run: () => Value): Value {
  try {
    return run()
  } catch (error) {
    if (isDamage(error)) throw new IndexDamaged((error as Error).message, { cause: error })
    throw error
  }
}

/** Also tables that are not as they were made: SQLITE_ERROR, and rows that are there already. */
function isDamage(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && /^SQLITE_(CORRUPT|NOTADB|ERROR|CONSTRAINT|MISMATCH)/.test(error.code)
}
