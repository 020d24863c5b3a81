// The end of attempts: what became of them is kept, and their deliveries are settled where the lease still held.
import { keyOf, planned } from './work.ts'

/**
 * `batch`: `[{sequence, subscription, replay, attempt, state, spent, due, holds, startedat, elapsedms, result, status,
 * reason, answer}…]`, states by their codes. Of two of one attempt the first counts. Answers whether each counted, in
 * their order.
 */
export const settleFunction = `
  create function postern_settle(batch json, at bigint) returns json language plpgsql ${planned} as $$
  declare
    laned int[];
    answers json;
    freed postern_lane[];
    deltas postern_delta[];
  begin
    -- Those that leave a lane: a delivery once out of its lane is never in one again. Looked up by their key alone.
    select array_agg(distinct g.subscription order by g.subscription) into laned
    from json_to_recordset(batch) as g(sequence bigint, subscription int, replay int, state int, holds boolean)
    cross join lateral (select d.lane from deliveries d where ${keyOf('d', 'g')} limit 1) as d
    where (g.state = 4 or (g.state = 5 and not g.holds)) and d.lane is not null;
    perform postern_lock_lanes(laned);

    with given as materialized (
      select row_number() over () as n, s.*,
        row_number() over (partition by sequence, subscription, replay, attempt) as copy
      from json_to_recordset(batch) as s(
        sequence bigint, subscription int, replay int, attempt int, state int, spent int, due bigint, holds boolean,
        startedat bigint, elapsedms int, result text, status int, reason text, answer text)
    ), locked as materialized (
      select g.*, coalesce(d.held, 0) as held, d.lane,
        d.lane is not null and (g.state = 4 or (g.state = 5 and not g.holds)) as leaves
      from (select * from given order by sequence, subscription, replay, attempt, n) as g
      left join lateral (
        select 1 as held, d.lane from deliveries d
        where ${keyOf('d', 'g')} and d.state = 2 and d.attempt = g.attempt and g.copy = 1 for update) as d on true
    ), settled as (
      update deliveries d set state = l.state, spent = l.spent, due = l.due, leaseduntil = null,
        settledat = case when l.state >= 4 then at end, lane = case when l.leaves then null else d.lane end
      from locked l where l.held = 1 and ${keyOf('d', 'l')}
    ), kept as (
      -- Also of one that was settled meanwhile; but of one that retention took nothing is kept, since nothing would take it.
      insert into attempts (sequence, subscription, replay, number, startedat, elapsedms, result, status, reason, answer)
      select sequence, subscription, replay, attempt, startedat, elapsedms, result, status, reason, answer
      from locked l
      where copy = 1 and (held = 1 or (
        select d.attempt from deliveries d where ${keyOf('d', 'l')}) >= l.attempt)
      on conflict do nothing
    ), moved as (
      select subscription, replay, state, count(*) as moved,
        count(*) filter (where state = 5 and lane is not null and not leaves) as holding
      from locked where held = 1 group by 1, 2, 3
    )
    select
      (select json_agg(held = 1 order by n) from locked),
      (select array_agg(row(subscription, replay, lane)::postern_lane) from locked where leaves),
      (select array_agg(row(subscription, replay, delta.state, delta.delta)::postern_delta)
       from moved cross join lateral (values (2, -moved), (moved.state, moved), (9, holding)) as delta(state, delta))
    into answers, freed, deltas;

    if freed is not null then deltas := deltas || postern_promote(freed, at); end if;
    if deltas is not null then perform postern_count(deltas); end if;
    return answers;
  end $$`
