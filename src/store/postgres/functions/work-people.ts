// What people do to deliveries: try again, skip what holds a lane, cancel.
import { endsSoon, keyOf, planned } from './work.ts'

/** Rows of `again` (with their state and lane) are pending with a fresh budget: who holds its lane is still its first. */
const againWith = (rows: string, into: string) => `
    with again as materialized (${rows}), tried as (
      update deliveries d set state = 1, spent = 0, due = at, settledat = null from again where ${keyOf('d', 'again')}
    ), moved as (
      select subscription, replay, state, count(*) as moved, count(*) filter (where state = 5 and lane is not null) as held
      from again group by 1, 2, 3
    )
    select ${into},
      (select array_agg(row(subscription, replay, delta.state, delta.delta)::postern_delta)
       from moved cross join lateral (values (moved.state, -moved), (1, moved), (9, -held)) as delta(state, delta))`

/** Whether it could be. */
export const retryFunction = `
  create function postern_retry(place bigint, target int, run int, at bigint) returns boolean
  language plpgsql ${planned} as $$
  declare
    tried bigint;
    deltas postern_delta[];
  begin
    ${againWith(
      `select sequence, subscription, replay, state, lane from deliveries
       where sequence = place and subscription = target and replay = run and state in (5, 6, 7) for update`,
      '(select count(*) from again)',
    )}
    into tried, deltas;
    if tried > 0 then perform postern_count(deltas); end if;
    return tried > 0;
  end $$`

/**
 * A step, behind the place where the last one ended: one that has died again meanwhile is not come to twice. Answers
 * `{tried, last: [sequence, replay] or null}`.
 */
export const retryDeadFunction = `
  create function postern_retry_dead(target int, after_sequence bigint, after_replay int, at bigint, most int)
  returns json language plpgsql ${planned} set enable_sort = off as $$
  declare
    answer json;
    deltas postern_delta[];
  begin
    ${againWith(
      `select sequence, subscription, replay, state, lane from deliveries
       where subscription = target and state = 5 and (sequence, replay) > (after_sequence, after_replay)
       order by sequence, replay limit most for update`,
      `(select json_build_object('tried', count(*), 'last', (
          select json_build_array(sequence, replay) from again order by sequence desc, replay desc limit 1)) from again)`,
    )}
    into answer, deltas;
    if deltas is not null then perform postern_count(deltas); end if;
    return answer;
  end $$`

/** The one skipped as `{sequence, freed}`, or null where nothing holds the lane. */
export const skipLaneFunction = `
  create function postern_skip_lane(target int, name text, at bigint) returns json
  language plpgsql ${planned} set enable_sort = off as $$
  declare
    head record;
    promoted postern_delta[];
  begin
    ${endsSoon}
    perform pg_advisory_xact_lock(2, target);
    select sequence, state into head from deliveries
    where subscription = target and replay = 0
      and hashtextextended(lane, 0) = hashtextextended(name, 0) and lane = name
    order by sequence limit 1 for update;
    if not found or head.state not in (3, 5) then return null; end if;
    update deliveries set state = 6, settledat = at, lane = null
    where sequence = head.sequence and subscription = target and replay = 0;
    promoted := postern_promote(array[row(target, 0, name)::postern_lane], at);
    perform postern_count(array[
      row(target, 0, head.state, -1)::postern_delta, row(target, 0, 6, 1)::postern_delta,
      row(target, 0, 9, case when head.state = 5 then -1 else 0 end)::postern_delta] || promoted);
    return json_build_object('sequence', head.sequence, 'freed', coalesce(cardinality(promoted), 0) / 2);
  end $$`

/** By literals: see the partial indexes. Who waits comes first: else a lane would go on between two steps. */
const unsettledOf = (owner: string, dead: string) =>
  ['state = 0', 'state = 1', 'state = 2', 'state = 3', dead]
    .map(state => `(select sequence, subscription, replay from deliveries where ${owner} and ${state} limit most)`)
    .join(' union all ')

const cancelStep = (rows: string, dead: string) => `
      with page as materialized (select * from (${rows}) as unsettled limit most), locked as materialized (
        select p.*, d.state, d.lane from (select * from page order by sequence, subscription, replay) as p
        cross join lateral (
          select d.state, d.lane from deliveries d where ${keyOf('d', 'p')} and (d.state < 4 or (${dead})) for update) as d
      ), left_out as (
        update deliveries d set state = 7, settledat = at, lane = null, leaseduntil = null
        from locked l where ${keyOf('d', 'l')}
      ), moved as (
        select subscription, replay, state, count(*) as moved, count(*) filter (where state = 5 and lane is not null) as held
        from locked group by 1, 2, 3
      )
      select (select count(*) from page), (select count(*) from locked),
        (select array_agg(row(subscription, replay, delta.state, delta.delta)::postern_delta)
         from moved cross join lateral (values (moved.state, -moved), (7, moved), (9, -held)) as delta(state, delta))
      into seen, cancelled, deltas;`

/**
 * A step of cancelling all that is not settled, of a subscription (`run` null) or of one replay; `dead`: those too that
 * hold no lane. `while_removed`: nothing where it is there again. Answers `[found, cancelled]`: as long as it finds as
 * many as it may there are more.
 */
export const cancelFunction = `
  create function postern_cancel(target int, run int, at bigint, while_removed boolean, dead boolean, most int)
  returns json language plpgsql ${planned} as $$
  declare
    seen bigint;
    cancelled bigint;
    deltas postern_delta[];
  begin
    ${endsSoon}
    perform pg_advisory_xact_lock(2, target);
    if while_removed then
      -- It cannot be put again before this step is done.
      perform from subscriptions where number = target and removedat is not null for share;
      if not found then return '[0, 0]'::json; end if;
    end if;
    if run is not null then
      ${cancelStep(
        unsettledOf('replay = run and replay > 0 and subscription = target', 'state = 5 and lane is not null'),
        'd.state = 5 and d.lane is not null',
      )}
    elsif dead then
      ${cancelStep(unsettledOf('subscription = target', 'state = 5'), 'd.state = 5')}
    else
      ${cancelStep(unsettledOf('subscription = target', 'state = 5 and lane is not null'), 'd.state = 5 and d.lane is not null')}
    end if;
    if deltas is not null then perform postern_count(deltas); end if;
    return json_build_array(seen, cancelled);
  end $$`
