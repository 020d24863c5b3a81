// Nodes that die and nodes that freeze for longer than their leases hold, while the others go on.
import { setTimeout as after } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { freeze } from './freeze.ts'
import { doublesIn, Ends, expectAllArrived, moreThan, type Query } from './nodes.ts'
import { chance, seedOfRun } from './requests.ts'

const faults = ['kill', 'freeze', 'freeze', 'kill', 'freeze', 'kill'] as const

const ends = new Ends()
afterEach(() => ends.all())

interface Lease {
  sequence: string
  subscription: number
  attempt: number
}

/** What is leased at this moment. */
const leased = (query: Query) =>
  query<Lease>('select sequence, subscription, attempt from deliveries where state = 2 and replay = 0')

/** Of these leases: how many still hold, and how many another attempt has followed. */
async function fateOf(leases: readonly Lease[], query: Query): Promise<{ held: number; followed: number }> {
  const [fate] = await query<{ held: number; followed: number }>(
    `select count(*) filter (where d.state = 2 and d.attempt = l.attempt)::int as held,
       count(*) filter (where d.attempt > l.attempt)::int as followed
     from json_to_recordset($1::json) as l(sequence bigint, subscription int, attempt int)
     join deliveries d on d.sequence = l.sequence and d.subscription = l.subscription and d.replay = 0`,
    [JSON.stringify(leases)],
  )
  return fate!
}

test('invariant 6: nodes are killed and frozen at any moment: what was acknowledged arrives, in the order of its lane', async () => {
  const random = chance(seedOfRun('nodes killed and frozen'))
  const { url, query } = await ends.postgres()
  const nodes = await ends.nodes({ url, random })
  const vendors = nodes.vendors()
  await moreThan(vendors, 20, nodes)
  let followed = 0
  let starting: Promise<unknown> = Promise.resolve()
  for (const fault of faults) {
    // The moment is the fault itself.
    await after(100 + random() * 900)
    const there = nodes.slots.filter(slot => nodes.urls()[slot] !== undefined)
    const slot = there[Math.floor(random() * there.length)]!
    if (fault === 'kill') {
      await starting
      await nodes.kill(slot)
      await moreThan(vendors, 20, nodes)
      // While it starts the next fault comes to another one.
      starting = nodes.start(slot)
    } else {
      const node = nodes.at(slot)
      await freeze(node)
      const leases = await leased(query)
      const others = async () => (await fateOf(leases, query)).held === 0
      const { size } = vendors.acknowledged
      await until('nobody waits for what the frozen one holds', others, 60_000)
      await until('the others go on', () => vendors.acknowledged.size > size, 60_000)
      followed += (await fateOf(leases, query)).followed
      node.kill('SIGCONT')
      await moreThan(vendors, 20, nodes)
    }
  }
  await starting
  await moreThan(vendors, 20, nodes)
  await vendors.stop()
  await expectAllArrived({ nodes, vendors, query })
  expect(followed, 'no freeze met an attempt under way').toBeGreaterThan(0)
  console.log(
    `nodes killed and frozen: ${vendors.summary()}; leases taken over ${followed}; doubles: ${doublesIn(nodes)}`,
  )
}, 180_000)
