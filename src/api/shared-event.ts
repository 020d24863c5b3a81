// One event of the log with what all of its readers share: its refs, and its text as a stream carries it, made once.
import { eventJson } from '../store/event-json.ts'
import { refKeys, type StoredEvent, sequenceText } from '../store/record.ts'
import type { KeptRequest } from '../store/store.ts'
import { carriesOriginal, type Originals } from './originals.ts'

export interface SharedEventParts {
  requestOf(event: StoredEvent): Promise<KeptRequest | undefined>
  /** Told of every byte that this event comes to hold. */
  grown?(bytes: number): void
}

export class SharedEvent {
  readonly event: StoredEvent
  /** Bytes of memory that it holds, about. */
  bytes: number
  readonly #parts: SharedEventParts
  #refs: ReadonlySet<string> | undefined
  readonly #blocks: { plain?: Promise<Buffer>; whole?: Promise<Buffer> } = {}

  constructor(event: StoredEvent, parts: SharedEventParts) {
    this.event = event
    this.bytes = event.data.length
    this.#parts = parts
  }

  /** What it can be found by. */
  get refs(): ReadonlySet<string> {
    const { data, subject } = this.event
    this.#refs ??= new Set(refKeys((JSON.parse(data) as { refs: Record<string, string> }).refs, subject))
    return this.#refs
  }

  /** Its block of an event stream. */
  block(originals: Originals): Promise<Buffer> {
    if (!carriesOriginal(this.event, originals)) {
      this.#blocks.plain ??= Promise.resolve(this.#grow(blockOf(this.event)))
      return this.#blocks.plain
    }
    this.#blocks.whole ??= this.#parts
      .requestOf(this.event)
      .then(request => this.#grow(blockOf(this.event, request)))
      .catch((error: unknown) => {
        // Whoever asks next may have more luck.
        delete this.#blocks.whole
        throw error
      })
    return this.#blocks.whole
  }

  #grow(block: Buffer): Buffer {
    this.bytes += block.length
    this.#parts.grown?.(block.length)
    return block
  }
}

/** An original is the text that it was, and may have lines: each is a line of data, and they are joined by the reader. */
function blockOf(event: StoredEvent, request?: KeptRequest): Buffer {
  const data = eventJson(event, request).replaceAll(/\r\n|\r|\n/g, '\ndata: ')
  return Buffer.from(`id: ${sequenceText(event.sequence)}\ndata: ${data}\n\n`)
}
