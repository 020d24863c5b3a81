// Copying a whole inbox from SQLite to PostgreSQL: table after table in batches, each batch with its progress in one
// transaction, so that it can end at any moment and go on; then every row is read back from both sides and compared.

import { createHash } from 'node:crypto'
import pg from 'pg'
import { Comparison, type Difference } from './compare.ts'
import { rangesOf } from './ranges.ts'
import { type ColumnType, RowWriter } from './row-bytes.ts'
import { type Key, Refused, Source } from './source.ts'
import { type CopiedTable, copiedTables } from './tables.ts'
import { Target, type TargetState } from './target.ts'

export interface CopyOptions {
  /** The SQLite file. */
  path: string
  /** `postgres://…` */
  url: string
  /** What an unfinished copy has brought is thrown away. */
  anew: boolean
  dryRun: boolean
  signal: AbortSignal
  watcher: CopyWatcher
  /** Bytes of rows that one transaction writes, some more. */
  batchBytes?: number
}

export interface CopyWatcher {
  /** What will be done. `rows` are the source's, of refs an estimate; `done` those that an earlier run has copied. */
  planned(plan: { epoch: string; head: number; target: TargetState; tables: TablePlan[] }): void
  copying(table: string, rows: number): void
  copied(table: string, rows: number): void
  checking(table: string, rows: number): void
  /** `sha256`: of all its rows as the target has them. */
  checked(table: string, rows: number, sha256: string, differences: number): void
  /** The connection was lost, and is made again. */
  again(reason: string): void
}

export interface TablePlan {
  name: string
  rows: number
  done: number
}

export type CopyOutcome =
  | { ended: 'copied' | 'already' | 'planned' }
  /** Nothing was written; somebody must put something right first. */
  | { ended: 'refused'; reason: string }
  /** What was copied stands; the same again goes on behind it. */
  | { ended: 'unfinished'; reason: string }
  | { ended: 'different'; differences: Difference[]; count: number }

const batchBytesDefault = 8 * 1024 * 1024
const chunkBytes = 256 * 1024
/** How long a server may be away without a batch in between. */
const awayMs = 60_000
const pauseMs = 1_000

export async function copyInbox(options: CopyOptions): Promise<CopyOutcome> {
  let source: Source | undefined
  try {
    source = await Source.open(options.path, options.dryRun)
    return await new Copy(source, options).run()
  } catch (error) {
    if (error instanceof Refused) return { ended: 'refused', reason: error.message }
    throw error
  } finally {
    source?.close()
  }
}

class Copy {
  readonly #source: Source
  readonly #options: CopyOptions
  readonly #checked = new Set<string>()
  #begun = false
  #movedAt = 0

  constructor(source: Source, options: CopyOptions) {
    this.#source = source
    this.#options = options
  }

  /** A connection that is lost is made again, as long as something comes of it. */
  async run(): Promise<CopyOutcome> {
    for (;;) {
      let target: Target | undefined
      try {
        target = await Target.connect(this.#options.url)
        return await this.#over(target)
      } catch (error) {
        if (error instanceof Refused) throw error
        const reason = (error as Error).message
        const { signal, watcher } = this.#options
        if (signal.aborted) return { ended: 'unfinished', reason: 'it was stopped' }
        if (!this.#begun) return { ended: 'refused', reason: `the target cannot be worked with: ${reason}` }
        // The server says that it ends a connection before its end is heard of.
        const isAway = target === undefined || target.lost || isFatal(error)
        if (!isAway || performance.now() - this.#movedAt > awayMs) return { ended: 'unfinished', reason }
        watcher.again(reason)
        await new Promise(resolve => setTimeout(resolve, pauseMs))
      } finally {
        await target?.close()
      }
    }
  }

  async #over(target: Target): Promise<CopyOutcome> {
    const { dryRun, anew, watcher } = this.#options
    const { log } = this.#source
    if (!dryRun) await target.bringUpToDate()
    const state = await target.state()
    const fingerprint = this.#source.fingerprint()
    if (state.is === 'inbox') return already(state, log)
    const goesOn = state.is === 'begun' && !(anew && !this.#begun)
    if (goesOn && (state.epoch !== log.epoch || state.fingerprint !== fingerprint))
      throw changed(state.epoch, log.epoch)
    const now = goesOn ? state.now : Date.now()
    const tables: TablePlan[] = []
    for (const table of copiedTables) {
      const done = goesOn ? (await target.progress(table.name)).rows : 0
      tables.push({ name: table.name, rows: this.#source.count(table), done })
    }
    if (!this.#begun) watcher.planned({ ...log, target: state, tables })
    if (dryRun) return { ended: 'planned' }
    if (!goesOn) await target.begin({ ...log, fingerprint, now }, state.is === 'begun')
    this.#moved()
    await target.makeRanges(rangesOf(this.#source))
    for (const table of copiedTables) await this.#copy(target, table, now)
    await target.analyze()
    const differences = []
    let count = 0
    for (const table of copiedTables) {
      if (this.#checked.has(table.name)) continue
      const comparison = await this.#compare(target, table, now)
      differences.push(...comparison.named)
      count += comparison.differences
      if (comparison.differences === 0) this.#checked.add(table.name)
    }
    if (count > 0) return { ended: 'different', differences, count }
    await target.finish(log, this.#source.lastNumbers())
    return { ended: 'copied' }
  }

  async #copy(target: Target, table: CopiedTable, now: number): Promise<void> {
    const { watcher, signal, batchBytes = batchBytesDefault } = this.#options
    const { name } = table
    const columns = this.#source.columns(table)
    const types = await target.types(name, columns)
    let progress = await target.progress(name)
    const rows = this.#source.rows(table, progress.after, now)[Symbol.iterator]()
    try {
      for (let next = rows.next(); !next.done; ) {
        signal.throwIfAborted()
        const writer = new RowWriter(types, chunkBytes)
        let last: readonly unknown[] = next.value
        let count = 0
        function* chunks() {
          let bytes = 0
          for (; !next.done && bytes + writer.length < batchBytes; next = rows.next()) {
            last = next.value
            add(writer, last, table)
            count++
            if (writer.length < chunkBytes) continue
            bytes += writer.length
            yield writer.take()
          }
          yield writer.take()
        }
        const reached = () => ({ after: last.slice(0, table.key.length) as unknown as Key, rows: count })
        progress = await target.write(name, columns, progress, chunks(), reached)
        watcher.copying(name, progress.rows)
        this.#moved()
      }
    } finally {
      rows.return?.()
    }
    watcher.copied(name, progress.rows)
  }

  async #compare(target: Target, table: CopiedTable, now: number): Promise<Comparison> {
    const { watcher, signal } = this.#options
    const columns = this.#source.columns(table)
    const types = await target.types(table.name, columns)
    const rows = this.#source.rows(table, null, now)[Symbol.iterator]()
    try {
      const comparison = new Comparison(table.name, columns, table.key.length, taker(rows, types, table))
      const hash = createHash('sha256')
      let seen = 0
      for await (const some of target.read(table.name, columns, table.key, chunk => hash.update(chunk))) {
        signal.throwIfAborted()
        comparison.see(some)
        seen += some.length
        watcher.checking(table.name, seen)
        this.#moved()
      }
      comparison.end()
      watcher.checked(table.name, seen, hash.digest('hex'), comparison.differences)
      return comparison
    } finally {
      rows.return?.()
    }
  }

  #moved(): void {
    this.#begun = true
    this.#movedAt = performance.now()
  }
}

/** The source's rows one after the other, as bytes that last until the next. */
function taker(rows: Iterator<unknown[]>, types: readonly ColumnType[], table: CopiedTable): () => Buffer | undefined {
  const writer = new RowWriter(types, chunkBytes)
  return () => {
    const { done, value } = rows.next()
    if (done) return undefined
    add(writer, value, table)
    return writer.peek()
  }
}

function add(writer: RowWriter, row: readonly unknown[], { name, key }: CopiedTable): void {
  try {
    writer.add(row)
  } catch (error) {
    const place = row.slice(0, key.length).map(part => (Buffer.isBuffer(part) ? part.toString('hex') : part))
    throw new Error(`${name} ${place.join('/')} cannot be copied: ${(error as Error).message}`, { cause: error })
  }
}

function already(state: TargetState & { is: 'inbox' }, log: { epoch: string; head: number }): CopyOutcome {
  if (state.epoch !== log.epoch) {
    throw new Refused('the target holds another inbox already: copy to an empty database')
  }
  if (state.head === log.head) return { ended: 'already' }
  throw new Refused(
    state.head > log.head
      ? `the target holds this inbox already, and gateways have gone on there (${state.head} events, here ${log.head})`
      : `the target holds this inbox as it was at event ${state.head}, and the source has gone on to ${log.head}: copy to an empty database`,
  )
}

function changed(theirs: string, ours: string): Refused {
  return new Refused(
    theirs === ours
      ? 'the source has changed since this copy was begun: begin anew with --restart'
      : "the target holds another inbox's unfinished copy: finish that one, or begin anew with --restart",
  )
}

function isFatal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.severity === 'FATAL'
}
