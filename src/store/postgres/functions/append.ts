// The append as one function of the server: it locks, draws the sequences, inserts and returns. It is called in
// autocommit, so that the lock never spans a round trip, and log order is commit order.

/** Milliseconds by the database's clock. */
export const nowFunction = `
  create function postern_now() returns bigint language sql volatile as
  $$ select (extract(epoch from clock_timestamp()) * 1000)::bigint $$`

/**
 * What is left of a transaction whose client froze before it could say that it is done ends then, where the server has
 * `transaction_timeout` (17 and later); it never ends a commit that waits for a standby. Before any lock is taken.
 */
const endsWithinFunction = `
  create function postern_ends_within(timeout_ms int) returns void language plpgsql as $$
  begin
    if current_setting('server_version_num')::int >= 170000 then
      perform set_config('transaction_timeout', timeout_ms::text, true);
    end if;
  end $$`

/** The one place in the log's queue. Waiting for it ends with `lock_timeout`: nothing was stored then. */
const lockFunction = `
  create function postern_lock_log(timeout_ms int) returns void language plpgsql as $$
  begin
    perform set_config('lock_timeout', timeout_ms::text, true);
    perform postern_ends_within(timeout_ms);
    perform pg_advisory_xact_lock(1, 0);
  end $$`

/**
 * What events have in common. Numbered in the order of commits: a reader that knows number n knows all below. One that is
 * there is written again: only who writes waits at the commit for the standby, and nobody may go by one that it has not.
 * Should one be lost with its server all the same, its number is hardly another's: whoever has read it keeps it in mind.
 */
const kindFunction = `
  create function postern_kind(a text, b text, c text, d text, e text, f text) returns int language plpgsql as $$
  declare found int;
  begin
    perform postern_ends_within(5000);
    perform pg_advisory_xact_lock(1, 1);
    select id into found from kinds where source = a and vendor = b and type = c and vendortype = d
      and environment is not distinct from e and namespace = f;
    if found is null then
      insert into kinds select coalesce(max(id), 0) + 1 + floor(random() * 1000)::int, a, b, c, d, e, f from kinds
      returning id into found;
    else
      update kinds set id = id where id = found;
    end if;
    return found;
  end $$`

/**
 * `batch`: a JSON array of events, each `{r: its request's place in requests, id, content (hex), kind, received, subject,
 * vendorid, vendortime, time, soft, data, traceparent, refs: [hash…]}`; `requests`: a JSON array of `{n, method, rest, query,
 * headers, address, sha256 (hex), redacted, received, source, at, size}`, whose bodies lie in `bodies` from `at`, `size` bytes long.
 * It is planned once for each connection, and as if the tables were large: what they hold when it is planned says nothing.
 * Answers a JSON array, for each event in its order `[status, sequence, conflict]`: 1 accepted, 0 duplicate.
 * The soft keys of the latest 65,536 events are remembered, as on SQLite.
 * It writes also where all are duplicates: only who writes waits at the commit for the standby, and what they are
 * duplicates of may be a commit whose wait somebody cancelled.
 */
const appendFunction = `
  create function postern_append(batch json, requests json, bodies bytea, timeout_ms int) returns json
  language plpgsql
  set plan_cache_mode = force_generic_plan set jit = off set enable_seqscan = off set enable_mergejoin = off
  as $$
  declare
    before bigint;
    answer json;
  begin
    perform postern_lock_log(timeout_ms);
    select head into before from log;
    with item as materialized (
      select (row_number() over ())::int as n, decode(e.id, 'hex') as id, decode(e.content, 'hex') as content,
             e.r, e.kind, e.received, e.subject, e.vendorid, e.vendortime, e.time, e.soft, e.data, e.traceparent, e.refs
      from json_to_recordset(batch) as e(
        r int, id text, content text, kind int, received bigint, subject text, vendorid text, vendortime text,
        time text, soft bigint, data text, traceparent text, refs json)
    ), known as materialized (
      select item.n, first.sequence, first.content from item join identities first on first.id = item.id
    ), new as (
      select item.*, row_number() over (partition by item.id order by item.n) as copy from item
      where not exists (select from known where known.n = item.n)
    ), fresh as materialized (
      select new.*, before + row_number() over (order by n) as sequence from new where copy = 1
    ), placed as materialized (
      select fresh.*, min(sequence) over (partition by r) as owner,
        coalesce(
          (select earlier.id from events earlier
           where earlier.soft = fresh.soft and earlier.sequence > before - 65536
           order by earlier.sequence limit 1),
          nullif(first_value(fresh.id) over (partition by fresh.soft order by fresh.sequence), fresh.id)
        ) as same
      from fresh
    ), identity as (
      insert into identities select id, sequence, content from placed
    ), event as (
      insert into events select sequence, id, kind, case when owner = sequence then null else owner end, received,
        subject, vendorid, vendortime, time, soft, case when soft is null then null else same end, data, traceparent
      from placed
    ), ref as (
      insert into refs select distinct key::bigint, sequence
      from placed cross join lateral json_array_elements_text(placed.refs) as key
    ), minute as (
      insert into minutes as old select received / 60000, min(sequence), max(sequence) from placed group by 1
      on conflict (minute) do update
        set first = least(old.first, excluded.first), last = greatest(old.last, excluded.last)
    ), grown as (
      update log set head = before + (select count(*) from placed)
    ), asked as materialized (
      select * from json_to_recordset(requests) as q(
        n int, method text, rest text, query text, headers text, address text, sha256 text, redacted text,
        received bigint, source text, at int, size int)
    ), request as (
      insert into requests
      select owners.owner, method, rest, query, headers, address, decode(sha256, 'hex'), redacted,
        substring(bodies from at + 1 for size)
      from (select distinct r, owner from placed) as owners join asked on asked.n = owners.r
    ), settled as materialized (
      select item.n, item.r, item.id, item.content, mine.sequence is not null as accepted,
        coalesce(mine.sequence, known.sequence, twin.sequence) as sequence,
        item.content <> coalesce(known.content, twin.content) as differs
      from item
      left join placed mine on mine.n = item.n
      left join known on known.n = item.n
      left join placed twin on twin.id = item.id and twin.n <> item.n
    ), conflict as (
      insert into conflicts (event, content, source, received, method, rest, query, headers, address, sha256, redacted, body)
      select id, content, source, asked.received, method, rest, query, headers, address, decode(sha256, 'hex'), redacted,
        substring(bodies from at + 1 for size)
      from settled join asked on asked.n = settled.r where not accepted and differs
      on conflict do nothing
    )
    select json_agg(json_build_array(accepted::int, sequence, (not accepted and differs)::int) order by n)
      into answer from settled;
    return answer;
  end $$`

/** Takes an entry out of quarantine or of the rejections and appends what it holds; null where it is no longer there. */
const moveFunction = `
  create function postern_move(place text, entry bytea, batch json, requests json, bodies bytea, timeout_ms int)
  returns json language plpgsql as $$
  declare gone int;
  begin
    perform postern_lock_log(timeout_ms);
    if place = 'quarantine' then delete from quarantine where id = entry;
    else delete from rejections where id = entry;
    end if;
    get diagnostics gone = row_count;
    if gone = 0 then return null; end if;
    return postern_append(batch, requests, bodies, timeout_ms);
  end $$`

export const appendFunctions = [
  nowFunction,
  endsWithinFunction,
  lockFunction,
  kindFunction,
  appendFunction,
  moveFunction,
]
