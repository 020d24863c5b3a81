// The primary dies and its synchronous standby takes its place: what was acknowledged is there, whoever waited for whom.
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { PostgresServer } from '../support/postgres.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'
import { doublesIn, Ends, expectAllArrived, logOf, moreThan, spoolOf, spoolsEmpty } from './nodes.ts'
import { chance, seedOfRun } from './requests.ts'
import type { Vendors } from './vendors.ts'

const ends = new Ends()
afterEach(() => ends.all())

/** A primary whose commits wait for its standby. */
async function startPair(): Promise<{ primary: PostgresServer; standby: PostgresServer }> {
  // What is not waited for is on its way for as long as can be.
  const primary = await ends.postgres({ settings: { wal_writer_delay: '10s', wal_writer_flush_after: '0' } })
  const standby = await ends.postgres({ standbyOf: primary, name: 'standby' })
  await primary.configure({ synchronous_standby_names: 'standby' })
  await until('it waits for its standby', async () => {
    const [row] = await primary.query<{ sync: boolean }>(
      `select count(*) = 1 as sync from pg_stat_replication where sync_state = 'sync'`,
    )
    return row!.sync
  })
  return { primary, standby }
}

test('the primary is killed and its standby promoted: nothing acknowledged is lost, and the nodes go on there', async () => {
  const random = chance(seedOfRun('failed over'))
  const { primary, standby } = await startPair()
  const proxy = ends.add(await startTcpProxy(primary.port), each => each.close())
  const nodes = await ends.nodes({ url: proxy.through(primary.url), random })
  const vendors = nodes.vendors()
  await moreThan(vendors, 60, nodes)
  const underWay = random() < 0.5
  // Either in the midst of it, or with nothing that comes after: what was cut off must be gone on with all the same.
  nodes.subscribers.answerMs = 1_500
  if (!underWay) await vendors.stop()
  await primary.kill()
  await standby.promote()
  proxy.target = standby.port
  proxy.reset()
  if (underWay) await moreThan(vendors, 30, nodes)
  await vendors.stop()
  await expectAllArrived({ nodes, vendors, query: standby.query, died: true })
  console.log(`failed over ${underWay ? 'under load' : 'at rest'}: ${vendors.summary()}; doubles: ${doublesIn(nodes)}`)
}, 180_000)

test('the standby is killed first and promoted afterwards: nothing is acknowledged that it does not have', async () => {
  const random = chance(seedOfRun('failed over to a standby that was away'))
  const { primary, standby } = await startPair()
  const url = `postgres://postgres@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres`
  const spooling = 2
  const nodes = await ends.nodes({
    url,
    random,
    envOf: (slot, folder) => (slot === spooling ? { POSTERN_SPOOL: join(folder, 'spool.db') } : {}),
  })
  const vendors = nodes.vendors()
  await moreThan(vendors, 60, nodes)

  await standby.kill()
  const from = vendors.tried.length
  let others: Vendors | undefined
  const later = () => [...vendors.tried.slice(from), ...(others?.tried ?? [])]
  const refused = async (count: number) => {
    const sofar = () => later().filter(({ status }) => status === 503).length
    const goal = sofar() + count
    await until('no node stores anything', () => sofar() >= goal, 60_000)
  }
  await refused(10)
  // Somebody is annoyed by the waiting; and what is made known now for the first time is not to be relied on either.
  others = nodes.vendors({ senders: 3, eventType: 'loan_request.of_another_kind' })
  let annoyed = true
  const cancelling = (async () => {
    while (annoyed) {
      await primary.query(`select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'`)
    }
  })()
  cancelling.catch(() => {})
  await refused(20)
  annoyed = false
  await cancelling
  await primary.kill()
  // What that node has acknowledged may still be in its spool.
  const spooled = new Set(
    [...vendors.tried, ...others.tried].flatMap(({ status, url: by, vendorid }) =>
      status === 200 && by === nodes.at(spooling).url ? [vendorid] : [],
    ),
  )
  // Each may have been answered at the moment that the standby died.
  const unconfirmed = later().filter(({ status, vendorid }) => status === 200 && !spooled.has(vendorid))
  const acknowledged = [...vendors.acknowledged.keys(), ...others.acknowledged.keys()]
  expect(await spoolOf(nodes, spooling), 'nothing went into the spool').toBeGreaterThan(0)
  await standby.start()
  await standby.promote()

  const log = await logOf(standby.query)
  const missing = acknowledged.filter(vendorid => !spooled.has(vendorid) && !log.vendors.has(vendorid))
  expect(missing, 'acknowledged, and not on the standby').toEqual([])
  expect(unconfirmed.length, 'acknowledged while nobody confirmed').toBeLessThanOrEqual(6)
  await moreThan(vendors, 30, nodes)
  await Promise.all([vendors.stop(), others.stop()])
  await spoolsEmpty(nodes, [spooling])
  await expectAllArrived({ nodes, vendors: [vendors, others], query: standby.query, died: true, faithful: false })
  const kinds = await standby.query(
    `select count(*)::int as "withoutKind" from events left join kinds on kinds.id = events.kind where kinds.id is null`,
  )
  expect(kinds).toEqual([{ withoutKind: 0 }])
  console.log(`failed over to a standby that was away: ${vendors.summary()}; doubles: ${doublesIn(nodes)}`)
}, 180_000)
