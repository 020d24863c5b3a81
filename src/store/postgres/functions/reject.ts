// Keeping a rejection, and of its source's the newest that fit the limits.

/** What is larger than all that may be kept goes itself, and pushes nobody out. Repeated, it changes nothing. */
export const rejectFunction = `
  create function postern_reject(
    count_max bigint, bytes_max bigint, a bytea, b text, c bigint, d int, e text, f int, g bytea, h bigint,
    i text, j text, k text, l text, m text, n bytea, o text, p bytea
  ) returns void language plpgsql as $$
  begin
    -- Each makes room for itself among those that are committed: of one source one after another.
    perform postern_ends_within(5000);
    perform pg_advisory_xact_lock(4, hashtext(b));
    insert into rejections (id, source, received, status, reason, truncated, sealed, bytes,
      method, rest, query, headers, address, sha256, redacted, body)
    values (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) on conflict do nothing;
    delete from rejections where number in (
      select number from (
        select number, bytes, row_number() over newest as place,
          sum(bytes) filter (where bytes <= bytes_max) over newest as total
        from rejections where source = b window newest as (order by number desc)
      ) kept where place > count_max or total > bytes_max or bytes > bytes_max);
  end $$`
