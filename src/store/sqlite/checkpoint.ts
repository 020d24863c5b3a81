// Moves what the WAL holds into the database file, before the WAL grows large, and never in front of an answer.
import type { Database } from 'better-sqlite3'

/** With nothing to do, from some 3 MB on: moving that little is no stall for who comes next. */
const framesWhenIdle = 800
/** Under load, some 16 MB: a page that is changed often is then moved once. */
const framesWhenBusy = 4_000
/** About 40 MB: readers have kept the WAL from starting anew, so now it waits for the current ones. */
const framesTooMany = 10_000
const pageBytes = 4_096
/** For readers, with everybody who waits for the next commit: most are done by then, and a backup is not for minutes. */
const waitForReadersMs = 50

export class Checkpointer {
  readonly #db: Database
  #frames = 0
  /** What a command writes beside its bytes, learnt from what was found in the WAL. */
  #framesPerCommand = 8
  #commands = 0
  #isHeld = false

  constructor(db: Database) {
    this.#db = db
  }

  /** One more command, with so many bytes of its own. */
  count(bytes: number): void {
    this.#commands++
    this.#frames += this.#framesPerCommand + Math.ceil(bytes / pageBytes)
  }

  /** Whether a reader, as of a backup, kept the last look from moving all there was: what is written now makes it grow. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Moves what may be moved, however little. */
  look(): void {
    this.#checkpoint('PASSIVE')
  }

  whileIdle(): void {
    if (this.#frames >= framesWhenIdle) this.#move()
  }

  whileBusy(): void {
    if (this.#frames >= framesWhenBusy) this.#move()
  }

  close(): void {
    this.#checkpoint('TRUNCATE')
  }

  #move(): void {
    const frames = this.#checkpoint('PASSIVE')
    if (frames > framesTooMany) this.#restart()
    this.#framesPerCommand = Math.min(64, Math.max(1, frames / Math.max(1, this.#commands)))
    this.#frames = 0
    this.#commands = 0
  }

  #restart(): void {
    const [timeout] = this.#db.pragma('busy_timeout') as { timeout: number }[]
    this.#db.pragma(`busy_timeout = ${waitForReadersMs}`)
    try {
      this.#checkpoint('RESTART')
    } finally {
      this.#db.pragma(`busy_timeout = ${timeout!.timeout}`)
    }
  }

  /** How many frames the WAL held. */
  #checkpoint(mode: 'PASSIVE' | 'RESTART' | 'TRUNCATE'): number {
    const [row] = this.#db.pragma(`wal_checkpoint(${mode})`) as { log: number; checkpointed: number }[]
    const { log = 0, checkpointed = 0 } = row ?? {}
    this.#isHeld = log > framesWhenBusy && checkpointed < log
    return Math.max(0, log)
  }
}
