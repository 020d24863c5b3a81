// The ranges that the log's tables are cut into, as functions of the server: each is one short change of the schema, of one
// table, by one node at a time. Whoever waits for its lock is waited for by every append: it gives up soon, and says so.

/**
 * Answers `made`, `there` (it was made meanwhile), `busy` (again later), `occupied` (the default partition holds rows of
 * this range) or `overlapping` (another range was made meanwhile).
 */
const make = `
  create function postern_make_range(parent text, first bigint, beyond bigint, wait_ms int) returns text
  language plpgsql as $$
  declare range text := parent || '_p' || first;
  begin
    if not pg_try_advisory_xact_lock(4, 0) then return 'busy'; end if;
    if to_regclass(quote_ident(range)) is not null then return 'there'; end if;
    perform set_config('lock_timeout', wait_ms::text, true);
    -- Not "partition of", which would lock out everybody from the whole table.
    execute format('create table %I (like %I including all)', range, parent);
    execute format('alter table %I attach partition %I for values from (%s) to (%s)', parent, range, first, beyond);
    return 'made';
  exception
    when lock_not_available then return 'busy';
    when check_violation then return 'occupied';
    when invalid_object_definition then return 'overlapping';
  end $$`

/**
 * Takes a range out of its table; the request of events that stand beyond it stays. Answers `detached`, `busy`, or
 * `gone` where it is no part of the table.
 */
const detach = `
  create function postern_detach_range(parent text, first bigint, beyond bigint, wait_ms int) returns text
  language plpgsql set plan_cache_mode = force_custom_plan set enable_seqscan = off as $$
  declare range text := parent || '_p' || first;
  begin
    if not pg_try_advisory_xact_lock(4, 0) then return 'busy'; end if;
    if not coalesce((select relispartition from pg_class where oid = to_regclass(quote_ident(range))), false) then
      return 'gone';
    end if;
    perform set_config('lock_timeout', wait_ms::text, true);
    execute format('alter table %I detach partition %I', parent, range);
    if parent = 'requests' then
      execute format('insert into requests select * from %I where sequence = any($1)', range) using array(
        select distinct request from events
        where sequence >= beyond and sequence < beyond + 1000 and request >= first and request < beyond);
    end if;
    return 'detached';
  exception
    when lock_not_available then return 'busy';
  end $$`

/** Drops what was detached; answers how many rows it had, about, or null where it is not there or busy. */
const drop = `
  create function postern_drop_range(parent text, first bigint, wait_ms int) returns bigint language plpgsql as $$
  declare
    range text := parent || '_p' || first;
    held bigint;
  begin
    select reltuples into held from pg_class where oid = to_regclass(quote_ident(range)) and not relispartition;
    if held is null then return null; end if;
    perform set_config('lock_timeout', wait_ms::text, true);
    -- Never looked at by a vacuum: it is small.
    if held < 0 then execute format('select count(*) from %I', range) into held; end if;
    execute format('drop table %I', range);
    return held;
  exception
    when lock_not_available then return null;
  end $$`

export const partitionFunctions = [make, detach, drop]
