// What becomes of deliveries whose events go.
import { keyOf, planned } from './work.ts'

/**
 * In a statement of its own: where rows are locked that others change meanwhile, PostgreSQL 18 crashes if the same
 * statement also looks for its partitions as it runs. Nobody ever changes an attempt.
 */
export const forgetFunction = `
  create function postern_forget_attempts(places postern_place[]) returns void language plpgsql ${planned} as $$
  begin
    delete from attempts a using unnest(places) as g where ${keyOf('a', 'g')};
  end $$`

/**
 * Events from `low` to `high` go, all of them or those in `sequences`: what is settled goes with them, what is not can
 * never be delivered. Where all go, the attempts are left to their partition, which goes as a whole. Answers how many
 * lanes go on.
 */
export const expireFunction = `
  create function postern_expire_deliveries(low bigint, high bigint, sequences bigint[], at bigint) returns int
  language plpgsql ${planned} as $$
  declare
    laned int[];
    gone postern_place[];
    freed postern_lane[];
    deltas postern_delta[];
    promoted postern_delta[];
  begin
    -- By the key: a condition on the lane would have it walk all of the lanes' index.
    select array_agg(distinct subscription order by subscription) filter (where lane is not null) into laned
    from deliveries where sequence between low and high and (sequences is null or sequence = any(sequences));
    perform postern_lock_lanes(laned);
    with locked as materialized (
      select sequence, subscription, replay, state, lane, state < 4 or (state = 5 and lane is not null) as unsettled
      from deliveries
      where sequence between low and high and (sequences is null or sequence = any(sequences)) and state <> 8
        -- One that was fed at this moment into lanes that are not locked here is left alone.
        and (lane is null or subscription = any(laned))
      order by sequence, subscription, replay for update
    ), expired as (
      update deliveries d set state = 8, settledat = at, lane = null, leaseduntil = null
      from locked l where l.unsettled and ${keyOf('d', 'l')}
    ), deleted as (
      delete from deliveries d using locked l where not l.unsettled and ${keyOf('d', 'l')}
    ), moved as (
      select subscription, replay, state, unsettled, count(*) as moved,
        count(*) filter (where state = 5 and lane is not null) as held
      from locked group by 1, 2, 3, 4
    )
    select
      (select array_agg(row(sequence, subscription, replay)::postern_place) from locked
       where not unsettled and sequences is not null),
      (select array_agg(distinct row(subscription, replay, lane)::postern_lane) from locked where lane is not null),
      (select array_agg(row(subscription, replay, delta.state, delta.delta)::postern_delta)
       from moved cross join lateral (
         values (moved.state, -moved), (8, case when unsettled then moved else 0 end), (9, -held)) as delta(state, delta))
    into gone, freed, deltas;
    if gone is not null then perform postern_forget_attempts(gone); end if;
    if freed is not null then
      promoted := postern_promote(freed, at);
      deltas := deltas || promoted;
    end if;
    if deltas is not null then perform postern_count(deltas); end if;
    return coalesce(cardinality(promoted), 0) / 2;
  end $$`

/** A step of forgetting those that expired before a time, and their attempts; how many. */
export const sweepFunction = `
  create function postern_sweep_expired(before bigint, most int) returns int language plpgsql ${planned} as $$
  declare
    gone postern_place[];
    deltas postern_delta[];
  begin
    with page as materialized (
      select old.* from subscriptions s cross join lateral (
        select sequence, subscription, replay from deliveries
        where subscription = s.number and state = 8 and settledat < before limit most) as old
      limit most
    ), swept as (
      delete from deliveries d using (select * from page order by sequence, subscription, replay) as p
      where ${keyOf('d', 'p')} and d.state = 8
      returning d.sequence, d.subscription, d.replay
    )
    select
      (select array_agg(row(sequence, subscription, replay)::postern_place) from swept),
      (select array_agg(row(subscription, replay, 8, -swept)::postern_delta)
       from (select subscription, replay, count(*) as swept from swept group by 1, 2) as counted)
    into gone, deltas;
    if gone is null then return 0; end if;
    perform postern_forget_attempts(gone);
    perform postern_count(deltas);
    return cardinality(gone);
  end $$`
