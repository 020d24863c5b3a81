// The delivery's changes as functions of the server, each one statement in autocommit. What all of them keep to, so that
// none waits for another in a circle: the lock of the subscription's lanes first (several in ascending order), then the
// row of the subscription or replay, then rows of deliveries in the order of their key, and the counts last.
// Only who holds the lock of its lanes touches a delivery that waits: it may be locked out of that order.

/**
 * Planned once for each connection, for tables that are large, whatever they hold at that moment. Each given row is looked
 * up by its key or by its lane's index; joins are of what was given, which is little.
 */
export const planned = `set plan_cache_mode = force_generic_plan set jit = off set enable_seqscan = off
  set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off`

/**
 * What may be lost in a crash does not wait for the disk: then it has not been, and is done again. It is on disk before
 * whatever is committed after it.
 */
export const notAwaited = `perform set_config('synchronous_commit', 'off', true);`

/** Before any lock: nobody waits longer for a client that froze. */
export const endsSoon = `perform postern_ends_within(5000);`

export const keyOf = (one: string, other: string) =>
  `${one}.sequence = ${other}.sequence and ${one}.subscription = ${other}.subscription and ${one}.replay = ${other}.replay`

/** How many more there are in a state; a lane, as it stands in its index; a delivery's key. */
const types = [
  `create type postern_delta as (subscription int, replay int, state int, delta bigint)`,
  `create type postern_lane as (subscription int, replay int, lane text)`,
  `create type postern_place as (sequence bigint, subscription int, replay int)`,
]

const lockLanes = `
  create function postern_lock_lanes(numbers int[]) returns void language plpgsql as $$
  declare each int;
  begin
    if numbers is null then return; end if;
    ${endsSoon}
    foreach each in array numbers loop
      perform pg_advisory_xact_lock(2, each);
    end loop;
  end $$`

/** Those of a replay count among the subscription's too. */
const count = `
  create function postern_count(deltas postern_delta[]) returns void language plpgsql ${planned} as $$
  begin
    insert into delivery_counts as old
    select d.subscription, owner, d.state, sum(d.delta)
    from unnest(deltas) as d
    cross join lateral unnest(case when d.replay = 0 then array[0] else array[0, d.replay] end) as owner
    group by d.subscription, owner, d.state having sum(d.delta) <> 0
    order by d.subscription, owner, d.state
    on conflict (subscription, replay, state) do update set count = old.count + excluded.count;
  end $$`

/** Who is first in these lanes now may go, where it has waited. Under the lanes' lock. Tells what to count. */
const promote = `
  create function postern_promote(freed postern_lane[], at bigint) returns postern_delta[]
  language plpgsql ${planned} set enable_sort = off as $$
  declare deltas postern_delta[];
  begin
    with first as materialized (
      select head.* from (select distinct subscription, replay, lane from unnest(freed)) as f
      cross join lateral (
        select d.sequence, d.subscription, d.replay, d.state from deliveries d
        where d.subscription = f.subscription and d.replay = f.replay
          and hashtextextended(d.lane, 0) = hashtextextended(f.lane, 0) and d.lane = f.lane
        order by d.sequence limit 1) as head
      where head.state = 0
    ), gone as (
      update deliveries d set state = 1, due = at from first where ${keyOf('d', 'first')}
      returning d.subscription, d.replay
    )
    select array_agg(row(subscription, replay, state, delta)::postern_delta) into deltas
    from gone cross join (values (0, -1), (1, 1)) as change(state, delta);
    return deltas;
  end $$`

export const sharedFunctions = [...types, lockLanes, count, promote]
