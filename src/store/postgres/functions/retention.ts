// Deleting what is too old, as functions of the server: each call is one small step, that no append waits for.

/** How many sequences a request's events take, at the most: they lie beside each other. */
const eventsOfRequestMax = 1_000

/** Planned for what is asked, so that it touches no partition but those that it is about. */
const planned = `set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off`

/**
 * Deletes the events of these kinds in a window of `width` sequences behind `after` and below `below`, with what was
 * kept of them but for their identities. Answers how many, and the last sequence looked at, null where there are no more.
 */
const expire = `
  create function postern_expire(kinds int[], after bigint, below bigint, width int, at bigint,
    out deleted int, out looked bigint)
  language plpgsql ${planned} as $$
  declare
    low bigint := after + 1;
    high bigint;
    gone bigint[];
    owners bigint[];
  begin
    deleted := 0;
    for attempt in 1..2 loop
      high := least(low + width - 1, below - 1);
      select array_agg(sequence order by sequence), array_agg(distinct coalesce(request, sequence)) into gone, owners
      from events where sequence >= low and sequence <= high and kind = any(kinds);
      exit when gone is not null or attempt = 2;
      -- Past what was deleted before, and past all that others keep for longer.
      select min(next.sequence) into low from unnest(kinds) as own cross join lateral (
        select sequence from events where kind = own and sequence > high and sequence < below
        order by kind, sequence limit 1) as next;
      if low is null then return; end if;
    end loop;
    looked := high;
    if gone is null then return; end if;
    deleted := cardinality(gone);
    delete from events where sequence = any(gone);
    perform postern_expire_deliveries(low, high, gone, at);
    -- Of a request the first event that is still there tells whether there is any: its events lie beside each other.
    delete from requests where sequence = any(array(
      select owner from unnest(owners) as owner where owner is distinct from (
        select coalesce(event.request, event.sequence) from events event
        where event.sequence >= owner and event.sequence < owner + ${eventsOfRequestMax}
        order by event.sequence limit 1)));
  end $$`

/** The deliveries of events from `low` on and below `beyond`, all of which go: a step of at most about so many; the next one's place. */
const expireRange = `
  create function postern_expire_range(low bigint, beyond bigint, most int, at bigint) returns bigint
  language plpgsql ${planned} as $$
  declare
    first bigint;
    following bigint;
  begin
    select sequence into first from deliveries where sequence >= low and sequence < beyond order by sequence limit 1;
    if first is null then return null; end if;
    select sequence into following from deliveries where sequence > first and sequence < beyond
    order by sequence offset most limit 1;
    perform postern_expire_deliveries(first, coalesce(following, beyond) - 1, null, at);
    return following;
  end $$`

/**
 * Deletes the rows below a sequence from some pages of a table that has no order by sequence; the next page, null behind
 * the last.
 */
const sweep = `
  create function postern_sweep_pages(place text, page bigint, pages int, below bigint) returns bigint
  language plpgsql set enable_seqscan = off as $$
  declare ends bigint := pg_relation_size(to_regclass(quote_ident(place))) / current_setting('block_size')::int;
  begin
    if page >= ends then return null; end if;
    execute format('delete from %I where ctid >= $1 and ctid < $2 and sequence < $3', place)
      using format('(%s,0)', page)::tid, format('(%s,0)', page + pages)::tid, below;
    return page + pages;
  end $$`

export const retentionFunctions = [expire, expireRange, sweep]
