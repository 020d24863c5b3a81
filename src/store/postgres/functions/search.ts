// The tables of the search index. Each range of the log has one of its own, made when its first event is added and
// dropped when its last is gone: they are no partitions, so that neither has to wait for anybody.

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

export const searchStatements = [
  // Whoever deletes its row has the index made anew.
  `create table search_state (
     one int primary key check (one = 1), format int not null, epoch text not null, through bigint not null)`,
  `create table search_ranges (range bigint primary key)`,
  makeRange,
  dropRange,
]
