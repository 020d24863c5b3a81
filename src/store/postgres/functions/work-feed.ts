// The feed: deliveries of a page of the log are written and the cursor is moved, both or neither.
import { endsSoon, notAwaited, planned } from './work.ts'

/**
 * `matches`: `[{s: sequence, l: its lane if it has one}…]`. False where the cursor stood elsewhere. Who feeds holds the
 * cursor's row, so that what is there already is seen.
 */
export const feedFunction = `
  create function postern_feed(
    target int, run int, before bigint, upto bigint, matches json, in_lanes boolean, at bigint
  ) returns boolean language plpgsql ${planned} as $$
  declare
    deltas postern_delta[];
  begin
    ${notAwaited}
    ${endsSoon}
    if in_lanes then perform pg_advisory_xact_lock(2, target); end if;
    if run = 0 then
      update subscriptions set cursor = upto where number = target and cursor = before and removedat is null;
    else
      update replays set cursor = upto, matched = matched + json_array_length(matches)
      where number = run and cursor = before and state = 'running';
    end if;
    if not found then return false; end if;
    with given as materialized (
      select s as sequence, l as lane, row_number() over (partition by s) as copy
      from json_to_recordset(matches) as m(s bigint, l text)
    ), fresh as materialized (
      select g.sequence, g.lane, row_number() over (partition by g.lane order by g.sequence) as place
      from given g left join lateral (
        select 1 as there from deliveries d
        where d.sequence = g.sequence and d.subscription = target and d.replay = run limit 1) as old on true
      where g.copy = 1 and old.there is null
    ), made as (
      insert into deliveries (sequence, subscription, replay, state, due, lane)
      select f.sequence, target, run,
        case when f.lane is not null and (f.place > 1 or ahead.there is not null) then 0 else 1 end, at, f.lane
      from fresh f left join lateral (
        select 1 as there from deliveries d
        where d.subscription = target and d.replay = run
          and hashtextextended(d.lane, 0) = hashtextextended(f.lane, 0) and d.lane = f.lane
        limit 1) as ahead on f.lane is not null
      returning state
    ), counted as (
      select state, count(*) as delta from made group by state
    )
    select array_agg(row(target, run, state, delta)::postern_delta) into deltas from counted;
    if deltas is not null then perform postern_count(deltas); end if;
    return true;
  end $$`
