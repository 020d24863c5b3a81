// Whether the log can be read on from a position: a reader is told what it would miss, and never skips in silence.
import { AppError } from '../errors.ts'
import { cutAround } from '../store/epoch.ts'
import { sequenceText } from '../store/record.ts'
import type { Store } from '../store/store.ts'

/**
 * Throws AppError `position_gone` for a position that is older than the oldest event kept, or another log's: beyond this
 * one, or handed out before a restore from a backup that does not reach as far. 0 is no position: it asks for all there
 * is. `parameter` is what gave it.
 */
export async function assertPosition(store: Pick<Store, 'extent'>, after: number, parameter = 'after'): Promise<void> {
  const { head, oldest, epoch } = await store.extent()
  const cut = cutAround(epoch, after)
  if (cut !== undefined) {
    throw new AppError('position_gone', `the position ${after} is of the log before it was restored from a backup`, {
      errors: [
        {
          parameter,
          detail: `the backup reached to ${sequenceText(cut.from)}: read on from ${cut.from}`,
          position: sequenceText(cut.from),
        },
      ],
    })
  }
  const first = oldest === 0 ? head + 1 : oldest
  if (after === 0 || (after >= first - 1 && after <= head)) return
  const beyond = 'this log has not come so far: the position is of another log'
  const detail = after > head ? beyond : 'events behind it are gone'
  throw new AppError('position_gone', `the position ${after} cannot be read on from: ${detail}`, {
    errors: [
      {
        parameter,
        detail: `the oldest event kept is ${sequenceText(first)}: read on from ${first - 1}`,
        position: sequenceText(first - 1),
      },
    ],
  })
}
