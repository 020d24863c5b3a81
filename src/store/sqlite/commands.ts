// What the writer's thread is told and what it answers, and the packing of both: a Buffer in a message would be
// cloned with the whole slab that it lies in, so the bytes of a batch travel in one buffer that changes hands.
import type { ErrorCode } from '../../errors.ts'
import type { DeliveryKey, Feed, Forward, Settlement } from '../deliveries.ts'
import type { RequestText } from '../request-columns.ts'

/**
 * An event's fields but for its bytes, which are `content` (empty for the body's). A tuple: with named members a batch
 * took five times as long to read.
 */
export type EventFields = [
  /** Its identity, which is a JSON array, or the id itself in hex. */
  identity: string,
  /** Source, vendor, type, vendortype, environment and namespace: see `kindKey` of record.ts. */
  kind: string,
  subject: string | null,
  vendorid: string | null,
  vendortime: string | null,
  time: string | null,
  received: number,
  soft: number | null,
  data: string,
  refs: readonly string[],
  traceparent: string | null,
]

/** A kept request but for its bytes, which are `body` and `sha256` (empty for none). */
export interface RequestFields extends RequestText {
  received: number
}

export interface QuarantineFields {
  source: string
  reason: string
}

export interface RejectionFields {
  source: string
  status: number
  reason: string
  truncated: boolean
  countMax: number
  bytesMax: number
}

/** `bytes` of every command: body, sha256, then what the command says. */
export type Command =
  | { op: 'append'; events: EventFields[]; request: RequestFields }
  /** + id */
  | { op: 'quarantine'; entry: QuarantineFields; request: RequestFields }
  /** + id, sealed (empty for none) */
  | { op: 'reject'; rejection: RejectionFields; request: RequestFields }
  /** + the id of what is removed, then as append */
  | { op: 'move'; from: 'quarantine' | 'rejections'; events: EventFields[]; request: RequestFields }
  /** + the id of the rejection, the id of the quarantine entry */
  | { op: 'requarantine'; entry: QuarantineFields; request: RequestFields }
  /** + id */
  | { op: 'discard' }
  | {
      op: 'expire'
      from: number
      upTo: number
      cutoffs: [source: string, cutoff: number][]
      fallback: number
      now: number
    }
  /** `after`: an identity's id in hex. */
  | { op: 'forget'; after: string; below: number }
  /** What has left a spool. Answers the sequences that stay, since a conflict with one of them came meanwhile. */
  | { op: 'drained'; drained: Drained }
  /** Reads what the appends need in memory, before the first of them has to wait for it. */
  | { op: 'remember' }
  | { op: 'sql'; sql: string; parameters: readonly unknown[] }
  | WorkCommand

/** What is taken out of an inbox that serves as a spool. */
export interface Drained {
  /** By request, in the order of the log. */
  sequences: readonly (readonly number[])[]
  conflicts: readonly number[]
  quarantine: readonly number[]
  rejections: readonly number[]
}

/** A place in the order in which deliveries of one state are due. */
export interface DuePlace {
  state: 'pending' | 'retrying'
  due: number
  sequence: number
  replay: number
}

/** What the delivery changes: see work.ts. */
export type WorkCommand =
  | { op: 'releaseLost'; now: number }
  | { op: 'feed'; feed: Feed }
  | { op: 'lease'; subscription: number; limit: number; now: number }
  | { op: 'settle'; settlements: readonly Settlement[]; now: number }
  /** A step of it, behind the place where the step before ended. */
  | { op: 'bringForward'; subscription: number; forward: Forward; after: DuePlace }
  | { op: 'retry'; key: DeliveryKey; now: number }
  /** A step of it, behind this place. */
  | { op: 'retryDead'; subscription: number; after: { sequence: number; replay: number }; now: number }
  | { op: 'skipLane'; subscription: number; lane: string; now: number }
  | { op: 'cancel'; subscription: number; replay: number | null; now: number; whileRemoved?: boolean; dead?: boolean }
  | { op: 'sweepExpired'; before: number }

export interface Outcome {
  id: string
  status: 'accepted' | 'duplicate'
  sequence: number
  conflict: boolean
}

/** What the writer's thread says beside its answers begins with this, where somebody should read it. */
export const warning = 'warning: '

export type Result = { ok: true; value: unknown } | { ok: false; code: ErrorCode; message: string; fatal: boolean }

/** Commands and answers travel as JSON, which is read several times faster than a structured clone. */
export interface BatchMessage {
  /** Each command with the lengths of its pieces. */
  commands: string
  bytes: ArrayBuffer
}

export interface Packed {
  message: BatchMessage
  transfer: ArrayBuffer[]
}

export function pack(batch: readonly { command: Command; pieces: readonly Uint8Array[] }[]): Packed {
  let total = 0
  for (const { pieces } of batch) for (const piece of pieces) total += piece.length
  const bytes = new ArrayBuffer(total)
  const target = new Uint8Array(bytes)
  let at = 0
  const commands = batch.map(({ command, pieces }) => [
    command,
    pieces.map(piece => {
      target.set(piece, at)
      at += piece.length
      return piece.length
    }),
  ])
  return { message: { commands: JSON.stringify(commands), bytes }, transfer: [bytes] }
}

/** Each command with its pieces, as views of the one buffer. */
export function unpack({ commands, bytes }: BatchMessage): { command: Command; pieces: Buffer[] }[] {
  let at = 0
  return (JSON.parse(commands) as [Command, number[]][]).map(([command, lengths]) => ({
    command,
    pieces: lengths.map(length => {
      at += length
      return Buffer.from(bytes, at - length, length)
    }),
  }))
}
