// A large inbox, made by the store itself without HTTP.
import { banclo } from '../../adapters/banclo/index.ts'
import { kept } from '../../src/ingest/keep.ts'
import { Inbound } from '../../src/ingest/request.ts'
import { sourceOf } from '../../src/ingest/source.ts'
import { understand } from '../../src/ingest/understand.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Arrival } from '../../src/store/store.ts'
import { body, secret, signatureHeader } from './requests.ts'

const check = banclo.signature({ secret, covers: 'raw-body', header: signatureHeader })
const source = sourceOf('banclo', banclo({ check }))

/** Event number `index` and its request, as the gateway hands them to its store. */
export function arrival(index: number, receivedAt: number): Arrival {
  const request = new Inbound({
    method: 'POST',
    rest: '',
    query: '',
    headers: [['Content-Type', 'application/json']],
    body: Buffer.from(body(index)),
    receivedAt,
    address: '127.0.0.1',
  })
  const understood = understand(source, request)
  if ('quarantine' in understood) throw new Error(understood.quarantine.reason)
  return { events: understood.events, request: kept(source, request) }
}

/** Stores events number 0 to `count`, as if they had been posted at a minute for every thousand. */
export async function prefill(path: string, count: number): Promise<void> {
  const store = await openSqliteStore(path)
  const started = Date.now() - (count / 1000) * 60_000
  for (let first = 0; first < count; first += 2_000) {
    await Promise.all(
      Array.from({ length: Math.min(2_000, count - first) }, (_, offset) => {
        const index = first + offset
        const { events, request } = arrival(index, Math.floor(started + (index / 1000) * 60_000))
        return store.append(events, request)
      }),
    )
  }
  await store.close()
}
