-- Run by psql for ever; a replica skips its turn, so that a promotion needs nobody to start anything.
set role heartbeat;
-- the archive needs the record, not a standby's word for it: a heartbeat never waits for one
set synchronous_commit = local;
do $$
begin
  if not pg_is_in_recovery() then
    insert into heartbeat.beat (only_row, beaten_at) values (true, clock_timestamp())
    on conflict (only_row) do update set beaten_at = excluded.beaten_at;
  end if;
end
$$ \watch interval=5
