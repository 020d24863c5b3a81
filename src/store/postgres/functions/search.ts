// The tables of the search index. Each range of the log has one of its own, made when its first event is added and
// dropped when its last is gone: they are no partitions, so that neither has to wait for the log. Whoever waits for a
// lock is waited for by every search, and is left behind by a client that gives up: it gives up sooner, and says so.

/** Made and dropped by one node at a time, and twice where two believe that it is theirs. */
const makeRange = `
  create function postern_make_search_range(range bigint) returns void language plpgsql as $$
  declare place text := 'search_' || range;
  begin
    perform pg_advisory_xact_lock(5, 0);
    if to_regclass(place) is null then
      execute format('create table %I (sequence bigint primary key, words tsvector not null)', place);
      -- What waits to be put into the index is looked through by every search: little of it.
      execute format('create index on %I using gin (words) with (gin_pending_list_limit = 512)', place);
    end if;
    insert into search_ranges values (range) on conflict do nothing;
  end $$`

const dropRange = `
  create function postern_drop_search_range(dropped bigint) returns void language plpgsql as $$
  begin
    perform pg_advisory_xact_lock(5, 0);
    delete from search_ranges where range = dropped;
    execute format('drop table if exists %I', 'search_' || dropped);
  end $$`

const waitHalfASecond = `perform set_config('lock_timeout', '500', true);`

/** By its row, which is there as long as the table is: a name that was looked up before the lock may be remembered as missing. */
const makeRangeByRow = `
  create or replace function postern_make_search_range(range bigint) returns void language plpgsql as $$
  declare place text := 'search_' || range;
  begin
    ${waitHalfASecond}
    perform pg_advisory_xact_lock(5, 0);
    if exists (select from search_ranges where search_ranges.range = postern_make_search_range.range) then return; end if;
    execute format('create table %I (sequence bigint primary key, words tsvector not null)', place);
    execute format('create index on %I using gin (words) with (gin_pending_list_limit = 512)', place);
    insert into search_ranges values (range);
  end $$`

/** Answers whether it is done: not while somebody reads on in it. */
const dropUnlessRead = [
  'drop function postern_drop_search_range(bigint)',
  `create function postern_drop_search_range(dropped bigint) returns boolean language plpgsql as $$
  begin
    ${waitHalfASecond}
    perform pg_advisory_xact_lock(5, 0);
    delete from search_ranges where range = dropped;
    execute format('drop table if exists %I', 'search_' || dropped);
    return true;
  exception
    when lock_not_available then return false;
  end $$`,
]

/**
 * In place of what is there, an empty one; nothing where another node has done that meanwhile. Few ranges at once, since
 * each holds locks: answers `begun`, `more` (are left to drop) or `busy` (again later).
 */
const begin = `
  create function postern_begin_search(made_as int, made_of text, made_through bigint) returns text
  language plpgsql as $$
  declare dropped bigint;
  begin
    ${waitHalfASecond}
    perform pg_advisory_xact_lock(5, 0);
    if exists (select from search_state, log where format = made_as and search_state.epoch = made_of and through <= head)
    then return 'begun'; end if;
    -- Nobody asks it while there is none.
    delete from search_state;
    for dropped in select range from search_ranges order by range limit 64 loop
      if not postern_drop_search_range(dropped) then return 'busy'; end if;
    end loop;
    if exists (select from search_ranges) then return 'more'; end if;
    insert into search_state values (1, made_as, made_of, made_through);
    return 'begun';
  exception
    when lock_not_available then return 'busy';
  end $$`

/** Moves the cursor with what is added: of two nodes that add the same one adds nothing. */
const add = `
  create function postern_add_search(added bigint, moved_from bigint, moved_to bigint, sequences bigint[], texts text[])
  returns void language plpgsql as $$
  declare place text := 'search_' || added;
  begin
    ${waitHalfASecond}
    -- First of all: whoever begins anew has this lock before it has the cursor's.
    if cardinality(sequences) > 0 and not exists (select from search_ranges where range = added) then
      perform postern_make_search_range(added);
    end if;
    update search_state set through = moved_to where through = moved_from;
    if not found or cardinality(sequences) = 0 then return; end if;
    execute format('insert into %I select sequence, words::tsvector
                    from unnest($1, $2) as entry(sequence, words) on conflict do nothing', place)
    using sequences, texts;
  end $$`

/**
 * Deletes what is no longer in the log, and drops the range where nothing is left of it. Answers whether it is done: a
 * table that somebody reads on in is emptied, and stays.
 */
const sweep = `
  create function postern_sweep_search_range(swept bigint, first bigint, last bigint) returns boolean
  language plpgsql as $$
  declare
    place text := 'search_' || swept;
    remain boolean;
  begin
    ${waitHalfASecond}
    perform pg_advisory_xact_lock(5, 0);
    if not exists (select from search_ranges where range = swept) then return true; end if;
    execute format('delete from %I words where not exists (
      select from events where events.sequence = words.sequence and events.sequence between $1 and $2)', place)
    using first, last;
    execute format('select exists (select from %I)', place) into remain;
    if remain then return true; end if;
    begin
      -- Another node may be adding to it: that is waited for, and seen.
      execute format('lock table %I in access exclusive mode', place);
    exception
      when lock_not_available then return false;
    end;
    execute format('select exists (select from %I)', place) into remain;
    return remain or postern_drop_search_range(swept);
  exception
    when lock_not_available then return false;
  end $$`

/** What two nodes may do at once, which both believe that the index is theirs. */
export const searchOwnerFunctions = [makeRangeByRow, ...dropUnlessRead, begin, add, sweep]

export const searchStatements = [
  // Whoever deletes its row has the index made anew.
  `create table search_state (
     one int primary key check (one = 1), format int not null, epoch text not null, through bigint not null)`,
  `create table search_ranges (range bigint primary key)`,
  makeRange,
  dropRange,
]
