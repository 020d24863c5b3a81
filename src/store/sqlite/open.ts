// Opening the database file, and the settings that the guarantees rest on.
import Sqlite from 'better-sqlite3'

/**
 * How long a writer waits for another process's lock, in milliseconds. A request may wait for two batches, and must be
 * answered before any vendor gives up.
 */
const busyTimeoutMs = 2_500
const cacheKiB = 20 * 1024

export function openWriter(path: string): Sqlite.Database {
  return opened(new Sqlite(path, { timeout: busyTimeoutMs }), db => {
    db.pragma('journal_mode = WAL')
    // better-sqlite3 takes NORMAL in WAL mode, which loses commits in a power cut.
    db.pragma('synchronous = FULL')
    db.pragma(`cache_size = -${cacheKiB}`)
    // The checkpointer does this, and knows when.
    db.pragma('wal_autocheckpoint = 0')
    db.pragma('journal_size_limit = 33554432')
    db.pragma('foreign_keys = off')
    return db
  })
}

export function openReader(path: string): Sqlite.Database {
  return opened(new Sqlite(path, { readonly: true, fileMustExist: true, timeout: busyTimeoutMs }), db => {
    db.pragma('cache_size = -8192')
    // From its first read on it holds the file: a writer that fails is then never the last to close it.
    db.pragma('schema_version')
    return db
  })
}

/** What is made of a connection, which is closed where that fails. */
export function opened<Made>(db: Sqlite.Database, make: (db: Sqlite.Database) => Made): Made {
  try {
    return make(db)
  } catch (error) {
    db.close()
    throw error
  }
}
