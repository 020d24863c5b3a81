// What is read in its turn, for whoever asked for it: for nobody who has gone away meanwhile, nor by a token that was revoked.
import type { ServerResponse } from 'node:http'
import type { Context } from 'hono'
import { AppError } from '../errors.ts'
import { unauthenticated } from './access.ts'
import type { PageReads } from './page-reads.ts'
import type { ApiEnv } from './route.ts'

/** What `read` answers, which may look at `gone` between its steps; or 401. */
export function inTurn<Value>(
  context: Context<ApiEnv>,
  reads: Pick<PageReads, 'run'>,
  read: (gone: AbortSignal) => Promise<Value>,
): Promise<Value | Response> {
  const principal = context.get('principal')
  const gone = closeOf(context.env.outgoing)
  return reads.run(principal, gone, async waited => {
    if (waited && !(await context.get('isLive')(principal))) return unauthenticated(context)
    return read(gone)
  })
}

/** Aborted once nobody waits for the answer any more: its connection has closed, or it is sent. */
function closeOf(outgoing: Pick<ServerResponse, 'destroyed' | 'once'>): AbortSignal {
  const closing = new AbortController()
  const close = () => closing.abort(new AppError('unavailable', 'whoever asked for this has gone away'))
  if (outgoing.destroyed) close()
  else outgoing.once('close', close)
  return closing.signal
}
