// Leases: taken by whoever asks first, by the database's clock, renewed by their holder, and void when they have ended.
import { endsSoon, keyOf, notAwaited, planned } from './work.ts'

/**
 * Half of them at most are such that failed before, as long as there are others; of a single one whoever waits longer.
 * What another takes at this moment is passed over. Walks deliveries_due and nothing else: no sort may take its place.
 * `rate_limit` is null for none: how many may begin in any stretch of `rate_interval`, by the database's clock.
 * Answers `{leased: [[sequence, replay, attempt, spent]…], next: due or null, limited: when more may begin, or null}`.
 */
export const leaseFunction = `
  create function postern_lease(
    target int, wanted int, at bigint, lease_ms bigint, rate_limit bigint, rate_interval bigint
  ) returns json language plpgsql ${planned} set enable_sort = off as $$
  declare
    clock bigint;
    room int := wanted;
    begun bigint;
    taken int := 0;
    leased json := '[]';
    soonest bigint;
    limited bigint;
    deltas postern_delta[];
  begin
    ${notAwaited}
    ${endsSoon}
    if rate_limit is not null then perform pg_advisory_xact_lock(3, target); end if;
    clock := postern_now();
    if rate_limit is not null then
      -- A clock that was set back: nothing has begun in times to come.
      update rate_starts s set at = clock where s.subscription = target and s.at > clock;
      delete from rate_starts s where s.subscription = target and s.at < clock - rate_interval;
      select coalesce(sum(s.count), 0) into begun from rate_starts s where s.subscription = target;
      room := greatest(0, least(wanted, rate_limit - begun));
    end if;
    if room > 0 then
      with again as materialized (
        select sequence, replay, due from deliveries
        where subscription = target and state = 3 and due <= postern_lease.at
        order by due, sequence, replay limit room for update skip locked
      ), other as materialized (
        select sequence, replay, due from deliveries
        where subscription = target and state = 1 and due <= postern_lease.at
        order by due, sequence, replay limit room - least((select count(*) from again), room / 2)
        for update skip locked
      ), fresh as materialized (
        select * from other
        where not (room = 1 and exists (select from again where again.due <= other.due))
      ), chosen as materialized (
        (select 3 as state, sequence, replay from again limit room - (select count(*) from fresh))
        union all
        select 1, sequence, replay from fresh
      ), held as (
        update deliveries d
        set state = 2, attempt = d.attempt + 1, due = postern_lease.at, leaseduntil = clock + lease_ms
        from chosen c
        where d.sequence = c.sequence and d.subscription = target and d.replay = c.replay and d.state = c.state
        returning c.state, d.sequence, d.replay, d.attempt, d.spent
      ), moved as (
        select replay, state, count(*) as moved from held group by replay, state
      )
      select
        (select count(*) from held),
        (select json_agg(json_build_array(sequence, replay, attempt, spent)) from held),
        (select array_agg(row(target, replay, delta.state, delta.delta)::postern_delta)
         from moved cross join lateral (values (moved.state, -moved), (2, moved)) as delta(state, delta))
      into taken, leased, deltas;
      if taken > 0 then perform postern_count(deltas); end if;
    end if;
    soonest := least(
      (select due from deliveries where subscription = target and state = 1 order by due, sequence, replay limit 1),
      (select due from deliveries where subscription = target and state = 3 order by due, sequence, replay limit 1));
    if rate_limit is not null then
      if taken > 0 then insert into rate_starts values (target, clock, taken); end if;
      if begun + taken >= rate_limit and soonest <= postern_lease.at then
        -- When the one has left that makes room for one more.
        select min(s.at) + rate_interval + 1 - clock + postern_lease.at into limited from (
          select r.at, sum(r.count) over (order by r.at) as gone from rate_starts r where r.subscription = target) as s
        where begun + taken - s.gone < rate_limit;
      end if;
    end if;
    return json_build_object('leased', coalesce(leased, '[]'), 'next', soonest, 'limited', limited);
  end $$`

/** `leases`: `[{sequence, subscription, replay, attempt}…]`. Answers whether each is still its holder's, in their order. */
export const renewFunction = `
  create function postern_renew(leases json, lease_ms bigint) returns json language plpgsql ${planned} as $$
  declare
    clock bigint := postern_now();
    answers json;
  begin
    ${notAwaited}
    with given as materialized (
      select row_number() over () as n, sequence, subscription, replay, attempt
      from json_to_recordset(leases) as l(sequence bigint, subscription int, replay int, attempt int)
    ), locked as materialized (
      select g.*, coalesce(d.held, 0) as held from (select * from given order by sequence, subscription, replay) as g
      left join lateral (
        select 1 as held from deliveries d
        where ${keyOf('d', 'g')} and d.state = 2 and d.attempt = g.attempt for update) as d on true
    ), renewed as (
      update deliveries d set leaseduntil = clock + lease_ms from locked l where l.held = 1 and ${keyOf('d', 'l')}
    )
    select json_agg(held = 1 order by n) into answers from locked;
    return coalesce(answers, '[]');
  end $$`

/** A step: up to `most` of those that have passed their end are due again; how many. */
export const releaseFunction = `
  create function postern_release_lost(at bigint, most int) returns int language plpgsql ${planned} as $$
  declare
    clock bigint := postern_now();
    released int;
    deltas postern_delta[];
  begin
    ${notAwaited}
    with lost as materialized (
      select sequence, subscription, replay from deliveries
      where state = 2 and leaseduntil <= clock limit most for update skip locked
    ), freed as (
      update deliveries d
      set state = case when d.spent > 0 then 3 else 1 end, due = at, leaseduntil = null
      from lost where ${keyOf('d', 'lost')} and d.state = 2
      returning d.subscription, d.replay, d.state
    ), moved as (
      select subscription, replay, state, count(*) as moved from freed group by 1, 2, 3
    )
    select coalesce(sum(moved) filter (where delta.delta > 0), 0),
      array_agg(row(subscription, replay, delta.state, delta.delta)::postern_delta)
    into released, deltas
    from moved cross join lateral (values (2, -moved), (moved.state, moved)) as delta(state, delta);
    if released > 0 then perform postern_count(deltas); end if;
    return released;
  end $$`

/**
 * A step, in the order of their time behind (after_due, after_sequence, after_replay): what is due later than `waits` by
 * failures charged explains is due so much earlier. Answers `{moved, next: [due, sequence, replay] or null}`.
 */
const forwardIn = (state: 1 | 3) => `
      with page as materialized (
        select d.sequence, d.subscription, d.replay, d.due,
          at + coalesce(waits[least(d.spent + 1, cardinality(waits))], 0) as explained
        from deliveries d
        where d.subscription = target and d.state = ${state}
          and (d.due, d.sequence, d.replay) > (after_due, after_sequence, after_replay)
        order by d.due, d.sequence, d.replay limit most
      ), locked as materialized (
        select p.* from (select * from page where due > explained order by sequence, subscription, replay) as p
        cross join lateral (
          select 1 from deliveries d where ${keyOf('d', 'p')} and d.state = ${state} and d.due = p.due for update) as d
      ), brought as (
        update deliveries d set due = greatest(l.explained, l.due - by_ms) from locked l where ${keyOf('d', 'l')}
        returning 1
      )
      select json_build_object(
        'moved', (select count(*) from brought),
        'next', (select case when count(*) < most then null else
          json_build_array((array_agg(due order by due desc, sequence desc, replay desc))[1],
            (array_agg(sequence order by due desc, sequence desc, replay desc))[1],
            (array_agg(replay order by due desc, sequence desc, replay desc))[1]) end from page))
      into answer;`

export const forwardFunction = `
  create function postern_bring_forward(
    target int, failed boolean, by_ms bigint, waits bigint[], at bigint,
    after_due bigint, after_sequence bigint, after_replay int, most int
  ) returns json language plpgsql ${planned} set enable_sort = off as $$
  declare answer json;
  begin
    if failed then ${forwardIn(3)}
    else ${forwardIn(1)}
    end if;
    return answer;
  end $$`
