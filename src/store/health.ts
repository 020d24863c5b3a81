// What a store that cannot commit says of it.
import { AppError, type ErrorCode } from '../errors.ts'
import type { StoreHealth } from './store.ts'

const problems: Partial<Record<ErrorCode, string>> = {
  store_full: 'full',
  store_busy: 'locked',
  store_readonly: 'readonly',
  store_unreachable: 'unreachable',
}

/** `tried`: rejects where nothing could be committed. */
export async function healthOf(tried: () => Promise<unknown>): Promise<StoreHealth> {
  try {
    await tried()
    return { ok: true }
  } catch (error) {
    const problem = error instanceof AppError ? problems[error.code] : undefined
    return { ok: false, problem: problem ?? 'failed' }
  }
}
