// All subscriptions at work: a flow for each, woken by appends and by people, and ended together. It knows no thread and
// no network: destinations are made by who starts it.
import { type Chance, type Clock, fraction } from '../clock.ts'
import { closedBreaker, type Deliveries, type SubscriptionRow } from '../store/deliveries.ts'
import type { Destination } from './destination.ts'
import { feedDuty } from './feeder.ts'
import { Flow } from './flow.ts'
import type { FlowParts, FlowWatcher } from './flow-parts.ts'
import { Leases } from './leases.ts'
import { matcher } from './match.ts'
import { longestWaits } from './retry.ts'
import { Settlements } from './settlements.ts'
import { storeClock } from './store-clock.ts'
import type { SubscriptionSpec } from './subscription.ts'
import { watchedClock } from './watched-clock.ts'

export interface EngineParts {
  store: Deliveries
  /** What a stored subscription says; undefined where this node cannot deliver it, having no such handler. */
  specOf(row: SubscriptionRow): SubscriptionSpec | undefined
  open(spec: SubscriptionSpec): Destination
  traced: FlowParts['traced']
  watcher: FlowWatcher
  clock: Clock
  chance: Chance
}

export interface Engine {
  /** Takes up what changed: subscriptions, pauses, replays, deliveries to be tried again. */
  reload(): Promise<void>
  /** The destination of a subscription at work. */
  destination(name: string): { spec: SubscriptionSpec; destination: Destination } | undefined
  /** Nothing new is begun; what is under way may end within `graceMs`, and is given back then. */
  close(graceMs: number): Promise<void>
}

/** By how much of the time between them looks come earlier by chance, so that nodes do not look together. */
const pollJitter = 0.2

export async function startEngine(parts: EngineParts): Promise<Engine> {
  const { store, watcher } = parts
  const isShared = store.leaseMs !== null
  const commonClock = isShared ? storeClock(parts.clock, () => store.clockSkewMs()) : parts.clock
  const clock = watchedClock(commonClock, byMs => {
    clockWasSetBack(byMs).catch(error => watcher.failed('', error))
  })
  const flows = new Map<number, Flow>()
  const specs = new Map<number, string>()
  const settlements = new Settlements({
    store,
    now: () => clock.now(),
    failed: error => watcher.failed('', error),
  })
  const leases = new Leases({
    store,
    clock: parts.clock,
    now: () => clock.now(),
    released: () => {
      for (const flow of flows.values()) flow.due()
    },
    failed: error => watcher.failed('', error),
  })
  const flowParts: FlowParts = {
    store,
    clock,
    chance: parts.chance,
    leases,
    traced: parts.traced,
    watcher,
    settle: (settlement, written) => settlements.add(settlement, written),
    flush: () => settlements.flush(),
  }
  /** Subscriptions whose old flow ends, and whose new one is not there yet. */
  const changing = new Map<number, Promise<void>>()
  const ending = new Set<Flow>()
  let closing = false
  let reloading: Promise<void> | undefined
  let reloadAgain = false

  // Where nobody else is there all that is leased is lost; else it shows by its time.
  if (!isShared) await store.releaseLost(clock.now())
  await reload()
  const unlisten = [
    store.onAppended(() => {
      for (const flow of flows.values()) flow.appended()
    }),
    store.onChanged(due => {
      if (due === undefined) reloadSoon()
      else for (const number of due) flows.get(number)?.due()
    }),
  ]
  let poll = setTimeout(look, nextPollMs())
  poll.unref()

  return {
    reload,
    destination(name) {
      const flow = [...flows.values()].find(({ spec }) => spec.name === name)
      return flow && { spec: flow.spec, destination: flow.destination }
    },
    async close(graceMs) {
      closing = true
      for (const end of unlisten) end()
      clearTimeout(poll)
      const left = store.leave().catch(error => watcher.failed('', error))
      const ends = [...ending, ...flows.values()].map(flow =>
        flow.close(graceMs).catch(error => watcher.failed(flow.spec.name, error)),
      )
      await Promise.allSettled([reloading, ...changing.values(), ...ends])
      await settlements.close()
      await leases.close()
      await left
    },
  }

  /** Woken by nobody, it looks all the same, in case a wake-up was lost. */
  function look(): void {
    // Of a clock that was set back it is told by looking.
    clock.now()
    for (const flow of flows.values()) flow.appended()
    // Also what could not be read when it changed.
    reloadSoon()
    poll = setTimeout(look, nextPollMs())
    poll.unref()
  }

  function nextPollMs(): number {
    return Math.ceil(store.pollMs * (1 - pollJitter * fraction(parts.chance)))
  }

  function reloadSoon(): void {
    if (!closing) void reload().catch(error => watcher.failed('', error))
  }

  /** No lease goes by a clock; but what is due goes by it, and would be late by as much. */
  async function clockWasSetBack(byMs: number): Promise<void> {
    settlements.flush()
    for (const flow of [...flows.values()]) {
      flow.clockWasSetBack()
      // Of several nodes that notice it, one: it is not done twice.
      if (!store.owns(feedDuty(flow.number))) continue
      await store.bringForward(flow.number, { byMs, waitsMs: longestWaits(flow.spec), now: clock.now() })
      flow.appended()
    }
  }

  /** One at a time; who comes meanwhile waits for another that begins after. */
  async function reload(): Promise<void> {
    if (reloading !== undefined) {
      reloadAgain = true
      return reloading
    }
    reloading = (async () => {
      do {
        reloadAgain = false
        await takeUp()
      } while (reloadAgain)
    })().finally(() => {
      reloading = undefined
    })
    return reloading
  }

  async function takeUp(): Promise<void> {
    const changes = new Map([...flows.values()].map(flow => [flow, flow.changes]))
    const rows = await store.subscriptions()
    const replays = await store.runningReplays()
    for (const row of rows) {
      // It is looked at again when its change is done.
      if (changing.has(row.number)) continue
      const spec = row.removedAt === null ? parts.specOf(row) : undefined
      const text = spec === undefined ? undefined : JSON.stringify(spec)
      if (specs.get(row.number) !== text) {
        if (text === undefined) specs.delete(row.number)
        else specs.set(row.number, text)
        change(row, spec)
        continue
      }
      const flow = flows.get(row.number)
      flow?.seen(row, replays, changes.get(flow))
    }
  }

  /** Nobody waits for it: an attempt of one subscription must not hold up what is done to another. */
  function change(row: SubscriptionRow, spec: SubscriptionSpec | undefined): void {
    const changed = replace(row, spec)
      .catch(error => watcher.failed(row.name, error))
      .finally(() => {
        changing.delete(row.number)
        if (!closing) void reload().catch(error => watcher.failed(row.name, error))
      })
    changing.set(row.number, changed)
  }

  async function rowOf(number: number): Promise<SubscriptionRow | undefined> {
    try {
      return (await store.subscriptions()).find(row => row.number === number)
    } catch (error) {
      // It is taken up the next time that somebody looks.
      specs.delete(number)
      throw error
    }
  }

  /** The old one's attempts end first: else a lane would be at work twice. */
  async function replace(row: SubscriptionRow, spec: SubscriptionSpec | undefined): Promise<void> {
    const old = flows.get(row.number)
    flows.delete(row.number)
    if (old !== undefined) {
      ending.add(old)
      await old.close(old.spec.timeoutMs).catch(error => watcher.failed(row.name, error))
      ending.delete(old)
      settlements.flush()
    }
    if (spec === undefined) watcher.ended(row.name)
    if (spec === undefined || closing) return
    // The cursor has moved on while the old one ended.
    const now = await rowOf(row.number)
    if (now === undefined || closing) return
    // What it failed by may be what was changed: nobody waits for its next probe.
    const fresh = old !== undefined && now.breaker.state !== 'closed' ? await closed(now) : now
    if (closing) return
    flows.set(row.number, new Flow(spec, fresh, parts.open(spec), matcher(spec), flowParts))
  }

  async function closed(row: SubscriptionRow): Promise<SubscriptionRow> {
    try {
      const swapped = await store.swapBreaker(row.number, row.breaker, closedBreaker)
      return swapped ? { ...row, breaker: closedBreaker } : row
    } catch (error) {
      watcher.failed(row.name, error)
      return row
    }
  }
}
