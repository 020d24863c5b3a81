// A crash at any moment of the fan-out: every acknowledged event reaches everybody who asked for it, doubles are known
// by their id, and first receipts of a lane are in order.
import { setTimeout as after } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import type { GatewayProcess } from '../support/process.ts'
import {
  chosenLoan,
  deliveriesIn,
  dyingLoan,
  expectInOrder,
  expectKnown,
  type Name,
  names,
  type Receipt,
  Subscribers,
  settledIn,
  taken,
  wasTaken,
} from './fan-out.ts'
import { databaseIn, newFolder, removeFolder, startIn } from './gateway.ts'
import { eventsOf } from './inbox.ts'
import { Load } from './load.ts'
import { chance, seedOfRun, signedRequests } from './requests.ts'

/** A crash costs some seconds: more of them by FAULTS_CRASHES. */
const crashes = Number(process.env.FAULTS_CRASHES ?? 10)
const perRound = 200
const loans = 12

const folder = newFolder()
const subscribers = new Subscribers()
let gateway: GatewayProcess | undefined

afterEach(async () => {
  gateway?.kill('SIGKILL')
  await gateway?.ended
  await subscribers.close()
  removeFolder(folder)
})

test('invariant 6: kill -9 under load: every acknowledged event reaches every subscriber that asked for it', async () => {
  const random = chance(seedOfRun('kill -9 of the fan-out'))
  const failure: Record<Name, number> = { all: 0, ordered: 0.05, failing: 0.1, dying: 0, chosen: 0 }
  await subscribers.start((name, loan) => {
    if (name === 'dying' && loan === dyingLoan) return 422
    return random() < failure[name] ? 500 : 204
  })
  const { receipts } = subscribers
  const acknowledged = new Set<string>()
  let underWay = 0
  gateway = await startIn(folder, subscribers.env)
  for (let crash = 0; crash < crashes; crash++) {
    const load = new Load({
      url: gateway.url,
      requests: signedRequests(perRound, loans),
      connections: 4,
      duplicates: 0.05,
      random,
    })
    // The moment of the crash is the fault itself.
    await after(50 + random() * 600)
    gateway.kill('SIGKILL')
    await gateway.ended
    await load.ended
    for (const { event } of load.sent) if (event !== undefined) acknowledged.add(event)
    for (const { delivering = 0 } of deliveriesIn(folder).table.values()) underWay += delivering
    gateway = await startIn(folder, subscribers.env)
  }
  await settledIn(folder, 120_000, gateway)

  const stored = eventsOf(databaseIn(folder))
  expect(
    [...acknowledged].filter(event => !stored.has(event)),
    'acknowledged and not in the log',
  ).toEqual([])
  const loanOf = new Map(receipts.all.map(({ event, loan }) => [event, loan]))
  const wants: Record<Name, (event: string) => boolean> = {
    all: () => true,
    ordered: () => true,
    failing: () => true,
    dying: event => loanOf.get(event) !== dyingLoan,
    chosen: event => loanOf.get(event) === chosenLoan,
  }
  for (const name of names) {
    expectKnown(receipts[name], stored)
    const wanted = [...stored.keys()].filter(wants[name])
    expect([...taken(receipts[name])].sort(), `${name}: all that it asked for, and nothing else`).toEqual(wanted.sort())
  }
  expectInOrder(receipts.ordered)
  expectInOrder(receipts.dying)
  expect(new Set(receipts.chosen.map(({ loan }) => loan))).toEqual(new Set([chosenLoan]))
  // Of the lane that died its first event came, and nothing behind it.
  expect(new Set(receipts.dying.filter(({ loan }) => loan === dyingLoan).map(({ event }) => event)).size).toBe(1)

  const { table, counted } = deliveriesIn(folder)
  expect(counted, 'what is counted is what there is').toEqual(table)
  const ofLoan = (loan: string) => [...loanOf.values()].filter(each => each === loan).length
  const every = { succeeded: stored.size }
  expect(Object.fromEntries(table)).toEqual({
    all: every,
    ordered: every,
    failing: every,
    dying: {
      succeeded: stored.size - ofLoan(dyingLoan),
      dead: 1,
      held: 1,
      waiting: ofLoan(dyingLoan) - 1,
    },
    chosen: { succeeded: ofLoan(chosenLoan) },
  })
  expect(acknowledged.size).toBeGreaterThan(crashes * 5)
  expect(underWay, 'no crash met an attempt under way').toBeGreaterThan(0)
  const doubled = names.map(name => `${name} ${doubles(receipts[name])}`).join(', ')
  console.log(
    `kill -9 of the fan-out: ${crashes} crashes, ${acknowledged.size} acknowledged, ${stored.size} stored, none lost; ` +
      `${underWay} attempts were under way; received again though taken: ${doubled}`,
  )
}, 900_000)

/** Receipts of what had been taken before. */
function doubles(receipts: readonly Receipt[]): number {
  return receipts.filter(wasTaken).length - taken(receipts).size
}
