// The delivery's changes, as the writer's thread makes them inside the batch's transaction: feed, lease, settle, and
// what people do. Every change of a state passes through here and is counted.
import type { Database, Statement } from 'better-sqlite3'
import {
  type DeliveryKey,
  deliveryStates,
  type Feed,
  type Forward,
  type LeaseAnswer,
  type Leased,
  type Settlement,
} from '../deliveries.ts'
import type { DuePlace, WorkCommand } from './commands.ts'

const waiting = 0
const pending = 1
const delivering = 2
const retrying = 3
const succeeded = 4
const dead = 5
const skipped = 6
const cancelled = 7
const expired = 8
/** In the counts: dead ones that hold their lane. */
const held = deliveryStates.length
/** Rows that one step of a long change touches: no append waits longer for it than for another batch. */
const stepSize = 250

const stateOf = { succeeded, pending, retrying, dead } as const

interface Row extends DeliveryKey {
  state: number
  attempt: number
  spent: number
  due: number
  lane: string | null
}

export class Work {
  readonly #statements
  readonly #counts = new Map<string, number>()

  constructor(db: Database) {
    this.#statements = prepare(db)
  }

  /** Before the batch's COMMIT. */
  finish(): void {
    for (const [key, delta] of this.#counts) {
      if (delta === 0) continue
      const [subscription, replay, state] = key.split('/').map(Number)
      this.#statements.count.run(subscription, replay, state, delta)
    }
    this.#counts.clear()
  }

  /** After a rollback. */
  forget(): void {
    this.#counts.clear()
  }

  run(command: WorkCommand): unknown {
    switch (command.op) {
      case 'releaseLost':
        return this.#releaseLost(command.now)
      case 'feed':
        return this.#feed(command.feed)
      case 'lease':
        return this.#lease(command.subscription, command.limit, command.now)
      case 'settle':
        return command.settlements.map(settlement => this.#settle(settlement, command.now))
      case 'bringForward':
        return this.#bringForward(command.subscription, command.forward, command.after)
      case 'retry':
        return this.#retry(command.key, command.now)
      case 'retryDead':
        return this.#retryDead(command.subscription, command.after, command.now)
      case 'skipLane':
        return this.#skipLane(command.subscription, command.lane, command.now)
      case 'cancel':
        if (command.whileRemoved && this.#statements.removed.get(command.subscription) === undefined) return 0
        return this.#cancel(command)
      case 'sweepExpired':
        return this.#sweepExpired(command.before)
    }
  }

  /** The event is being deleted: what is settled goes with it, what is not can never be delivered. */
  expire(sequence: number, now: number): void {
    for (const row of this.#statements.ofEvent.all(sequence) as Row[]) {
      if (row.state < succeeded || (row.state === dead && row.lane !== null)) this.#leave(row, expired, now)
      else if (row.state !== expired) {
        this.#add(row, row.state, -1)
        this.#statements.remove.run(row)
        this.#statements.removeAttempts.run(row)
      }
    }
  }

  /** On SQLite one process holds the file: whatever was leased before its start is running nowhere. */
  #releaseLost(now: number): number {
    let released = 0
    for (const { number } of this.#statements.subscriptions.all() as { number: number }[]) {
      for (const row of this.#statements.leased.all(number) as Row[]) {
        const state = row.spent > 0 ? retrying : pending
        this.#statements.state.run({ ...row, state, due: now })
        this.#move(row, state)
        released++
      }
    }
    return released
  }

  #feed({ subscription, replay, from, to, matches, now }: Feed): boolean {
    const moved =
      replay === 0
        ? this.#statements.cursor.run({ subscription, from, to })
        : this.#statements.replayCursor.run({ replay, from, to, matched: matches.length })
    if (moved.changes === 0) return false
    for (const [sequence, lane] of matches) {
      const behind = lane !== null && this.#statements.lane.get(subscription, replay, lane) !== undefined
      const state = behind ? waiting : pending
      const { changes } = this.#statements.insert.run(sequence, subscription, replay, state, now, lane)
      if (changes > 0) this.#add({ subscription, replay }, state, 1)
    }
    return true
  }

  /** Half of them at most are such that failed before, as long as there are others; of a single one whoever waits longer. */
  #lease(subscription: number, limit: number, now: number): LeaseAnswer {
    const due = (state: number, count: number) =>
      count <= 0
        ? []
        : (this.#statements.due[state === pending ? 'pending' : 'retrying'].all(subscription, now, count) as Row[])
    const again = due(retrying, limit)
    let fresh = due(pending, limit - Math.min(again.length, limit >> 1))
    if (limit === 1 && again[0] !== undefined && fresh[0] !== undefined && again[0].due <= fresh[0].due) fresh = []
    const rows = [...again.slice(0, limit - fresh.length), ...fresh]
    const leased = rows.map((row): Leased => {
      this.#statements.lease.run(now, row.sequence, subscription, row.replay)
      this.#add(row, row.state, -1)
      this.#add(row, delivering, 1)
      const { sequence, replay, attempt, spent } = row
      return { sequence, subscription, replay, attempt: attempt + 1, spent }
    })
    const next = this.#statements.nextDue.get({ subscription }) as { due: number | null }
    return { leased, nextDue: next.due }
  }

  #settle(settlement: Settlement, now: number): boolean {
    const { sequence, subscription, replay, attempt, spent, due, holds } = settlement
    this.#statements.attempt.run(settlement)
    const state = stateOf[settlement.state]
    const settledAt = state >= succeeded ? now : null
    const row = this.#statements.settle.get(
      state, spent, due, settledAt, sequence, subscription, replay, attempt,
    ) as { lane: string | null } | undefined // biome-ignore format: the columns in their order
    if (row === undefined) return false
    this.#add(settlement, delivering, -1)
    this.#add(settlement, state, 1)
    if (row.lane === null || state < succeeded) return true
    if (state === dead && holds) this.#add(settlement, held, 1)
    else this.#open(settlement, row.lane, now)
    return true
  }

  /** In the order of their time, which only ever becomes earlier: none is come to twice. */
  #bringForward(subscription: number, { byMs, waitsMs, now }: Forward, after: DuePlace) {
    const { state, due, sequence, replay } = after
    const rows = this.#statements.dueBehind[state].all(subscription, due, sequence, replay, stepSize) as Row[]
    let moved = 0
    for (const row of rows) {
      const explained = now + (waitsMs[row.spent] ?? waitsMs.at(-1) ?? 0)
      if (row.due <= explained) continue
      this.#statements.state.run({ ...row, due: Math.max(explained, row.due - byMs) })
      moved++
    }
    const last = rows.length < stepSize ? undefined : rows.at(-1)
    return { moved, next: last === undefined ? null : { ...last, state } }
  }

  #retry(key: DeliveryKey, now: number): boolean {
    const row = this.#statements.one.get(key) as Row | undefined
    if (row === undefined || (row.state !== dead && row.state !== skipped && row.state !== cancelled)) return false
    this.#again(row, now)
    return true
  }

  /** In their order: one that has died again meanwhile is not come to twice. */
  #retryDead(subscription: number, after: { sequence: number; replay: number }, now: number): DeliveryKey[] {
    const rows = this.#statements.dead.all(subscription, after.sequence, after.replay, stepSize) as Row[]
    for (const row of rows) this.#again(row, now)
    return rows.map(({ sequence, replay }) => ({ sequence, subscription, replay }))
  }

  /** A fresh budget. One that holds its lane is still its first; one that has left it goes alone. */
  #again(row: Row, now: number): void {
    this.#statements.again.run({ ...row, now })
    this.#move(row, pending)
    if (row.state === dead && row.lane !== null) this.#add(row, held, -1)
  }

  #skipLane(subscription: number, lane: string, now: number): DeliveryKey | null {
    const row = this.#statements.lane.get(subscription, 0, lane) as Row | undefined
    if (row === undefined || (row.state !== dead && row.state !== retrying)) return null
    this.#leave(row, skipped, now)
    const { sequence, replay } = row
    return { sequence, subscription, replay }
  }

  /** A step of cancelling all that is not settled, of a subscription or of one replay; how many. */
  #cancel({ subscription, replay, now, dead: all = false }: WorkCommand & { op: 'cancel' }): number {
    const { unsettled, unsettledOrDead, replayed } = this.#statements
    const bound = { subscription, limit: stepSize }
    const ofAll = all ? unsettledOrDead : unsettled
    const rows = (replay === null ? ofAll.all(bound) : replayed.all({ ...bound, replay })) as Row[]
    // Without their lanes first: else each would make the next one pending.
    for (const row of rows) {
      this.#statements.leave.run({ ...row, state: cancelled, now })
      this.#move(row, cancelled)
      if (row.state === dead && row.lane !== null) this.#add(row, held, -1)
    }
    return rows.length
  }

  #sweepExpired(before: number): number {
    const rows = this.#statements.expired.all(before, stepSize) as Row[]
    for (const row of rows) {
      this.#add(row, expired, -1)
      this.#statements.remove.run(row)
      this.#statements.removeAttempts.run(row)
    }
    return rows.length
  }

  /** It is settled without an attempt, and what waited for it may go. */
  #leave(row: Row, state: number, now: number): void {
    this.#statements.leave.run({ ...row, state, now })
    this.#move(row, state)
    if (row.state === dead && row.lane !== null) this.#add(row, held, -1)
    if (row.lane !== null) this.#next(row, row.lane, now)
  }

  /** It has left its lane by being settled. */
  #open(row: DeliveryKey, lane: string, now: number): void {
    this.#statements.unlane.run(row)
    this.#next(row, lane, now)
  }

  #next({ subscription, replay }: DeliveryKey, lane: string, now: number): void {
    const next = this.#statements.lane.get(subscription, replay, lane) as Row | undefined
    if (next === undefined || next.state !== waiting) return
    this.#statements.state.run({ ...next, state: pending, due: now })
    this.#move(next, pending)
  }

  #move(row: Row, state: number): void {
    this.#add(row, row.state, -1)
    this.#add(row, state, 1)
  }

  #add({ subscription, replay }: { subscription: number; replay: number }, state: number, delta: number): void {
    const keys =
      replay === 0
        ? [`${subscription}/0/${state}`]
        : [`${subscription}/0/${state}`, `${subscription}/${replay}/${state}`]
    for (const key of keys) this.#counts.set(key, (this.#counts.get(key) ?? 0) + delta)
  }
}

const columns = 'sequence, subscription, replay, state, attempt, spent, due, lane'
const key = 'sequence = @sequence and subscription = @subscription and replay = @replay'

/** By literals: see the partial indexes. */
function unsettledOf(owner: string, dead = 'state = 5 and lane is not null'): string {
  const states = ['state = 0', 'state = 1', 'state = 2', 'state = 3', dead]
  const each = states.map(
    state => `select * from (select ${columns} from deliveries where ${owner} and ${state} limit @limit)`,
  )
  return `${each.join(' union all ')} limit @limit`
}

function prepare(db: Database) {
  const statement = (sql: string): Statement => db.prepare(sql)
  const dueIn = (state: number) =>
    statement(
      `select ${columns} from deliveries
       where subscription = ? and state = ${state} and due <= ? order by due, sequence limit ?`,
    )
  const dueBehind = (state: number) =>
    statement(
      `select ${columns} from deliveries
       where subscription = ? and state = ${state} and (due, sequence, replay) > (?, ?, ?)
       order by due, sequence, replay limit ?`,
    )
  return {
    count: statement(
      `insert into delivery_counts (subscription, replay, state, count) values (?, ?, ?, ?)
       on conflict (subscription, replay, state) do update set count = count + excluded.count`,
    ),
    subscriptions: statement('select number from subscriptions'),
    removed: statement('select 1 from subscriptions where number = ? and removedat is not null'),
    leased: statement(`select ${columns} from deliveries where subscription = ? and state = 2`),
    cursor: statement(
      `update subscriptions set cursor = @to
       where number = @subscription and cursor = @from and removedat is null`,
    ),
    replayCursor: statement(
      `update replays set cursor = @to, matched = matched + @matched
       where number = @replay and cursor = @from and state = 'running'`,
    ),
    insert: statement(
      `insert into deliveries (sequence, subscription, replay, state, due, lane) values (?, ?, ?, ?, ?, ?)
       on conflict do nothing`,
    ),
    lane: statement(
      `select ${columns} from deliveries
       where subscription = ? and replay = ? and lane = ? order by sequence limit 1`,
    ),
    due: { pending: dueIn(pending), retrying: dueIn(retrying) },
    dueBehind: { pending: dueBehind(pending), retrying: dueBehind(retrying) },
    nextDue: statement(
      `select min(due) as due from (
         select min(due) as due from deliveries where subscription = @subscription and state = 1
         union all select min(due) from deliveries where subscription = @subscription and state = 3)`,
    ),
    lease: statement(
      `update deliveries set state = 2, attempt = attempt + 1, due = ?
       where sequence = ? and subscription = ? and replay = ?`,
    ),
    // Also of one that was settled meanwhile; but of one that retention took nothing is kept, since nothing would take it.
    attempt: statement(
      `insert into attempts
         (sequence, subscription, replay, number, startedat, elapsedms, result, status, reason, answer)
       select @sequence, @subscription, @replay, @attempt, @startedAt, @elapsedMs, @result, @status, @reason, @answer
       where exists (select 1 from deliveries where ${key} and attempt >= @attempt)
       on conflict do nothing`,
    ),
    settle: statement(
      `update deliveries set state = ?, spent = ?, due = ?, settledat = ?
       where sequence = ? and subscription = ? and replay = ? and state = 2 and attempt = ? returning lane`,
    ),
    unlane: statement(`update deliveries set lane = null where ${key}`),
    state: statement(`update deliveries set state = @state, due = @due where ${key}`),
    leave: statement(`update deliveries set state = @state, settledat = @now, lane = null where ${key}`),
    again: statement(`update deliveries set state = 1, spent = 0, due = @now, settledat = null where ${key}`),
    one: statement(`select ${columns} from deliveries where ${key}`),
    dead: statement(
      `select ${columns} from deliveries
       where subscription = ? and state = 5 and (sequence, replay) > (?, ?) order by sequence, replay limit ?`,
    ),
    ofEvent: statement(`select ${columns} from deliveries where sequence = ?`),
    unsettled: statement(unsettledOf('subscription = @subscription')),
    unsettledOrDead: statement(unsettledOf('subscription = @subscription', 'state = 5')),
    replayed: statement(unsettledOf('replay = @replay and replay > 0 and subscription = @subscription')),
    expired: statement(
      `select ${columns} from deliveries
       where subscription in (select number from subscriptions) and state = 8 and settledat < ? limit ?`,
    ),
    remove: statement(`delete from deliveries where ${key}`),
    removeAttempts: statement(`delete from attempts where ${key}`),
  }
}
