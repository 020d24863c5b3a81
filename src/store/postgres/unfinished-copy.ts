// A database that an inbox is being copied to is no inbox yet: what a gateway wrote there the copy would not know of.
import { AppError } from '../../errors.ts'
import type { Database } from './database.ts'

/** Throws AppError `store_failed` where a copy has been begun and not finished: see ../copy/target.ts. */
export async function refuseUnfinishedCopy(database: Database): Promise<void> {
  const [row] = await database.call<{ copying: boolean }>(`select to_regclass('copying') is not null as copying`)
  if (!row!.copying) return
  throw new AppError('store_failed', 'the database holds an unfinished copy: finish it with `postern copy`')
}
