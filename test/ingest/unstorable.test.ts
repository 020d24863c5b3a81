// Invariant 2, where the mistake is the store's own: an event that it cannot take is no reason to lose the request.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { banclo } from '../../adapters/banclo/index.ts'
import { unverified } from '../../src/checks/combine.ts'
import { AppError } from '../../src/errors.ts'
import { InFlight } from '../../src/ingest/body.ts'
import { receiver } from '../../src/ingest/receive.ts'
import type { Rejections } from '../../src/ingest/rejections.ts'
import { sourceOf } from '../../src/ingest/source.ts'
import { openLog } from '../../src/observe/log.ts'
import type { KeptRequest, QuarantineEntry, Store } from '../../src/store/store.ts'
import { fixture } from '../contract/fixture.ts'

test.each([
  ['internal', 'SQLITE_TOOBIG string or blob too big'],
  ['store_refused', 'PostgreSQL: 54000 index row size exceeds the maximum'],
] as const)(
  'invariant 2: a request whose events the store cannot take (%s) waits in quarantine, whole',
  async (code, why) => {
    const appended: unknown[] = []
    const alerted: string[] = []
    const waiting: [QuarantineEntry, KeptRequest][] = []
    const store: Pick<Store, 'append' | 'quarantine'> = {
      append: () => Promise.reject(new AppError(code, why)),
      quarantine: (entry, request) => {
        waiting.push([entry, request])
        return Promise.resolve('accepted')
      },
    }
    const receive = receiver({
      sources: new Map([['banclo', sourceOf('banclo', banclo({ check: unverified('a test') }))]]),
      store: store as Store,
      rejections: {} as Rejections,
      inFlight: new InFlight(1024 * 1024),
      refusedInFlight: new InFlight(1024 * 1024),
      addressOf: () => '127.0.0.1',
      clock: { now: () => 0 },
      log: openLog({ level: 'silent' }),
      metrics: { request: () => {}, appended: events => appended.push(...events) },
      alerts: { rejected: () => {}, quarantined: (_source, _request, reason) => alerted.push(reason) },
    })
    const server = createServer(async (incoming: IncomingMessage, response) => {
      const { status, headers, body } = await receive(incoming)
      response.writeHead(status, headers).end(body)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { body } = fixture('banclo', 'loan_request.created')
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/banclo`
      const answer = await fetch(url, { method: 'POST', body })
      expect(answer.status).toBe(200)
      expect(await answer.json()).toMatchObject({ status: 'quarantined' })
      expect(waiting.map(([, request]) => request.body.toString())).toEqual([body])
      expect(appended).toEqual([])
      expect(alerted).toEqual(['its events could not be stored: see the log'])
    } finally {
      server.close()
    }
  },
)
