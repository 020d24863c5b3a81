// A log's epoch, and which positions a restore has cut out of it. A backup does not reach as far as the log went: what
// was handed out beyond it names other events, or none. So a restored log goes on far behind them, and its epoch says
// between which positions nothing will ever be.
import { randomBytes } from 'node:crypto'

export interface Cut {
  /** The last position that the backup has. */
  from: number
  /** Where the log goes on. */
  to: number
}

/** The epoch after a restore: a new one, with what was cut out of it now and before. */
export function epochCut(epoch: string, { from, to }: Cut): string {
  const [, ...before] = epoch.split('/')
  return [randomBytes(8).toString('hex'), ...before, `${from}-${to}`].join('/')
}

/** What was cut out around a position; undefined where it is one of the log's own. */
export function cutAround(epoch: string, position: number): Cut | undefined {
  for (const text of epoch.split('/').slice(1)) {
    const [from = 0, to = 0] = text.split('-').map(Number)
    if (position > from && position < to) return { from, to }
  }
  return undefined
}
