// When refs are merged (see ref-merge.ts): in the writer's thread between its batches, as long as that holds up nobody.
import type { Database } from 'better-sqlite3'
import type { Checkpointer } from './checkpoint.ts'
import { RefMerge } from './ref-merge.ts'

/** Between two steps, each a millisecond or two. */
const stepEveryMs = 10
/** Commands a second beyond which it is left for later. */
const rateMax = 2_000
/** Beyond so many it has this share of the time. */
const fewCommands = 50
const share = 0.04
/** What a ref writes into the WAL, or so. */
const refBytes = 32
/** After a step that failed, and while a reader keeps the WAL from being moved. */
const againMs = 5_000

export interface MergingParts {
  db: Database
  checkpointer: Checkpointer
  /** The log's highest sequence. */
  head(): number
  /** Runs what nobody waits for; false where it failed, and was rolled back. */
  behind(run: () => void): boolean
}

export class Merging {
  readonly #parts: MergingParts
  #merge: RefMerge | undefined
  #hasFailed = false
  #timer: NodeJS.Timeout | undefined
  /** Since when so many commands came, and how long the last step took. */
  #moment = { at: performance.now(), commands: 0, stepMs: 0 }

  constructor(parts: MergingParts) {
    this.#parts = parts
  }

  /** So many commands more. */
  count(commands: number): void {
    this.#moment.commands += commands
  }

  /** Between two batches: a step, where there is time for one. */
  between(): void {
    if (!this.#hasFailed) this.#step()
  }

  /** After the last batch: as long as there is something to merge there is a next step, or a look whether there is time. */
  later(): void {
    if (this.#timer !== undefined || !this.#isDue()) return
    const { checkpointer, behind } = this.#parts
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        if (checkpointer.isHeld) behind(() => checkpointer.look())
        this.#step()
        this.later()
      },
      checkpointer.isHeld || this.#hasFailed ? againMs : stepEveryMs,
    )
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #isDue(): boolean {
    return this.#merge?.isDue(this.#parts.head()) ?? true
  }

  #step(): void {
    const { checkpointer, behind } = this.#parts
    const now = performance.now()
    const { at, commands, stepMs } = this.#moment
    const elapsed = now - at
    const rate = (commands * 1_000) / elapsed
    if (elapsed < stepEveryMs || (rate > fewCommands && elapsed < stepMs / share)) return
    this.#moment = { at: now, commands: 0, stepMs: 0 }
    if (rate > rateMax || checkpointer.isHeld || !this.#isDue()) return
    this.#hasFailed = !behind(() => this.#mergeSome())
    this.#moment.stepMs = performance.now() - now
    // What it counted is no longer so.
    if (this.#hasFailed) this.#merge = undefined
    else behind(() => checkpointer.whileIdle())
  }

  #mergeSome(): void {
    const { db, checkpointer, head } = this.#parts
    db.exec('begin immediate')
    this.#merge ??= new RefMerge(db)
    const changed = this.#merge.step(head())
    db.exec('commit')
    checkpointer.count(changed * refBytes)
  }
}
