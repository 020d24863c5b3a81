// Nodes with a spool whose database is away: nobody is refused, and what each sender sent stands in the log in its order,
// also of a node that dies or is told to end meanwhile.
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { doublesIn, Ends, expectAllArrived, logOf, moreThan, spoolOf, spoolsEmpty } from './nodes.ts'
import { chance, seedOfRun } from './requests.ts'

const ends = new Ends()
afterEach(() => ends.all())

test('PostgreSQL is away and comes back: every request is answered 200, and stands in the log in its node’s order', async () => {
  const random = chance(seedOfRun('PostgreSQL away from spools'))
  const server = await ends.postgres()
  const nodes = await ends.nodes({
    url: server.url,
    random,
    envOf: (_, folder) => ({ POSTERN_SPOOL: join(folder, 'spool.db') }),
  })
  const vendors = nodes.vendors({ wanders: false, everyMs: 150 })
  await moreThan(vendors, 30, nodes)
  await server.kill()
  await Promise.all(
    nodes.slots.map(slot =>
      until(`node ${slot} has spooled some`, async () => (await spoolOf(nodes, slot)) >= 10, 60_000),
    ),
  )
  // One dies with what it holds, one ends and says that it holds something; the third goes on.
  const [dead, ended] = await Promise.all([nodes.kill(0), nodes.stop(1)])
  expect([dead, ended]).toEqual([undefined, 75])
  await Promise.all([nodes.start(0), nodes.start(1)])
  await moreThan(vendors, 30, nodes)
  await server.start()
  await spoolsEmpty(nodes)
  await moreThan(vendors, 30, nodes)
  await vendors.stop()
  await expectAllArrived({ nodes, vendors, query: server.query, died: true })

  const refused = vendors.tried.filter(({ status }) => status !== undefined && status !== 200)
  expect(refused, 'answered, and not with 200').toEqual([])
  const { vendors: log } = await logOf(server.query)
  for (const sender of new Set(vendors.tried.map(each => each.sender))) {
    const own = [...vendors.acknowledged].flatMap(([vendorid, each]) => (each.sender === sender ? [vendorid] : []))
    const places = own.map(vendorid => log.get(vendorid)!)
    expect(places, `sender ${sender}`).toEqual(places.toSorted((a, b) => a - b))
  }
  console.log(`PostgreSQL away from spools: ${vendors.summary()}; doubles: ${doublesIn(nodes)}`)
}, 180_000)
