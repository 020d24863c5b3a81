// For each day of receipt the lowest and highest sequence, from its minutes: a range of time that is long is looked up by
// its days, and at its ends by minutes. A day's last is set ahead of the log, so that few appends write it.

export const minutesInDay = 1_440
const ahead = 10_000

export const daysTable = [
  `create table days (day bigint primary key, first bigint not null, last bigint not null)`,
  `create function postern_day() returns trigger language plpgsql as $$
   begin
     if not exists (select from days where day = new.minute / ${minutesInDay} and first <= new.first and last >= new.last)
     then
       insert into days as known values (new.minute / ${minutesInDay}, new.first, new.last + ${ahead})
       on conflict (day) do update
         set first = least(known.first, excluded.first), last = greatest(known.last, excluded.last);
     end if;
     return null;
   end $$`,
  `create trigger minutes_of_days after insert or update on minutes for each row execute function postern_day()`,
]
