// The law of the spool, whatever the database does and whenever: what was acknowledged is in the log, once, and of what
// one sender sent one after another the order is kept.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Timers } from '../../../src/clock.ts'
import { eventIdOf, idOf, record, request } from '../../contract/store/record.ts'
import type { Fate } from '../../support/switched-store.ts'
import { until } from '../../support/until.ts'
import { openBench } from './spooled.ts'

/** Time that goes much faster: also what comes in is held for an instant only, and often in vain. */
const hasty: Pick<Timers, 'after'> = {
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds / 500)
    return () => clearTimeout(timer)
  },
}

const fate = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Fate>('done') },
  fc.constantFrom<Fate>('lost', 'store_unreachable', 'store_readonly', 'store_full'),
)
const weather = fc.record({
  /** What becomes of one write after another, again and again, and after how many turns of the event loop. */
  fates: fc.array(fc.tuple(fate, fc.nat(6)), { minLength: 1, maxLength: 40 }),
  /** How many each sender sends, in each life of the node. */
  lives: fc.array(fc.nat(25), { minLength: 1, maxLength: 3 }),
  senders: fc.integer({ min: 1, max: 8 }),
  /** Every so many are sent a second time, by the same sender. */
  doubled: fc.integer({ min: 2, max: 9 }),
})

test('invariants 2, 3 and 7: every acknowledged event is in the log once, in its sender’s order', async () => {
  const bench = await openBench({ timers: hasty })
  let [runs, spooledOnce] = [0, 0]
  try {
    await fc.assert(
      fc.asyncProperty(weather, async ({ fates, lives, senders, doubled }) => {
        const run = ++runs
        let writes = 0
        const rainy = () => {
          bench.database.fate = () => fates[writes++ % fates.length]![0]
          bench.database.before = async () => {
            for (let turns = fates[writes % fates.length]![1]; turns > 0; turns--) {
              await new Promise(resolve => setImmediate(resolve))
            }
          }
        }
        const before = (await bench.log.extent()).head
        const acknowledged: string[][] = Array.from({ length: senders }, () => [])
        for (const [life, count] of lives.entries()) {
          if (life > 0) await bench.restart()
          rainy()
          await Promise.all(
            acknowledged.map(async (own, sender) => {
              for (let index = 0; index < count; index++) {
                const key = `${run}/${sender}/${life}/${index}`
                const send = () => bench.store.append([record(key)], request(key))
                const [outcome] = await send()
                expect(outcome!.id).toBe(eventIdOf(key))
                if (outcome!.sequence === 0) spooledOnce++
                own.push(key)
                if (index % doubled === 0) await send()
              }
            }),
          )
        }
        bench.database.fate = 'done'
        await until('the spool is empty', async () => (await bench.store.health()).degraded === undefined)
        expect(await bench.store.spool(), 'straight with an empty spool').toMatchObject({ entries: 0, refused: 0 })

        const { events } = await bench.log.list({ filter: {}, order: 'oldest', from: before, limit: 10_000 })
        const log = events.map(({ id }) => id.toString('hex'))
        expect(new Set(log).size, 'each once').toBe(log.length)
        const place = new Map(log.map((id, index) => [id, index]))
        for (const own of acknowledged) {
          const places = own.map(key => place.get(idOf(key).toString('hex')))
          expect(places, 'nothing lost').not.toContain(undefined)
          expect(places, 'in order').toEqual(places.toSorted((a, b) => a! - b!))
        }
        expect(log.length, 'nothing else').toBe(acknowledged.flat().length)
        expect((await bench.log.listConflicts({ limit: 1 })).items).toEqual([])
      }),
      { numRuns: 25 },
    )
  } finally {
    await bench.remove()
  }
  expect(spooledOnce, 'nothing ever went through the spool').toBeGreaterThan(0)
}, 120_000)
