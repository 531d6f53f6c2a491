#!/usr/bin/python3
"""Tells, as one JSON object, what holds vacuum, replay or a replication slot of this machine's server back.

Run as root by pgha-observe; nothing is changed. A statement that names a password is not told.

pgha-holders transactions  the oldest transactions, prepared ones, replication slots, and what replay waits for
pgha-holders replay        the error that ends replay again and again, as the server's log has it
"""

import json
import re
import subprocess
import sys

# a server that cannot replay is started again every few seconds
LOG_SINCE = "-2min"
LOG_LINES = 4000
LINE = re.compile(r"^(?P<pid>\d+) (?:\S+@\S+ \S* )?(?P<kind>FATAL|PANIC|HINT|DETAIL|CONTEXT):\s+(?P<text>.*)$")
# it has got past whatever it was
RECOVERED = re.compile(r"LOG: +(started streaming WAL|database system is ready to accept connections)")

QUERY = r"""
select json_build_object(
  'inRecovery', pg_is_in_recovery(),
  'transactions', (select coalesce(json_agg(oldest), '[]') from (
    select a.pid, a.usename as "user", a.application_name as application, host(a.client_addr) as client,
      a.datname as database, a.backend_type as "backendType", a.state,
      extract(epoch from clock_timestamp() - a.xact_start)::float as seconds,
      greatest(age(a.backend_xid), age(a.backend_xmin)) as "xidAge",
      s.subxact_count as subtransactions, coalesce(s.subxact_overflowed, false) as overflowed,
      case when a.query ~* 'password' then null
        else left(regexp_replace(btrim(a.query), '\s+', ' ', 'g'), 100) end as statement
    from pg_stat_get_backend_idset() as b (id)
      join pg_stat_activity a on a.pid = pg_stat_get_backend_pid(b.id)
      cross join lateral pg_stat_get_backend_subxact(b.id) s
    -- vacuum of its own accord holds nothing back
    where coalesce(a.backend_xid, a.backend_xmin) is not null and a.pid <> pg_backend_pid()
      and a.backend_type <> 'autovacuum worker'
    order by overflowed desc, "xidAge" desc, a.xact_start
    limit 5
  ) oldest),
  'prepared', (select coalesce(json_agg(oldest), '[]') from (
    select gid as name, owner, database, extract(epoch from clock_timestamp() - prepared)::float as seconds,
      age(transaction) as "xidAge"
    from pg_prepared_xacts order by prepared limit 5
  ) oldest),
  'slots', (select coalesce(json_agg(json_build_object(
      'name', slot_name, 'type', slot_type, 'active', active, 'walStatus', case when invalidation_reason is null then wal_status else 'lost' end,
      'inactiveSeconds', case when not active then extract(epoch from clock_timestamp() - inactive_since)::float end,
      'xidAge', greatest(age(xmin), age(catalog_xmin))
    ) order by slot_name), '[]') from pg_replication_slots),
  'startup', (select json_build_object(
      'waitEventType', wait_event_type, 'waitEvent', wait_event, 'blockedBy', to_json(pg_blocking_pids(pid))
    ) from pg_stat_activity where backend_type = 'startup'),
  'replayPause', case when pg_is_in_recovery() then pg_get_wal_replay_pause_state() end
)
"""


def read_transactions():
    command = ["runuser", "-u", "postgres", "--", "psql", "-X", "-q", "-A", "-t", "-d", "postgres", "-c", QUERY]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit((result.stderr.strip() or "psql said nothing").splitlines()[-1])
    return json.loads(result.stdout)


def find_failure(lines):
    """The last error of the startup process that nothing came after; each of its lines begins with its process id."""
    errors, failure = {}, None
    for line in lines:
        if RECOVERED.search(line):
            errors, failure = {}, None
            continue
        found = LINE.match(line)
        if found is None:
            continue
        pid, kind, text = found["pid"], found["kind"], found["text"]
        if kind in ("FATAL", "PANIC"):
            errors[pid] = {"message": text, "hint": None, "context": None}
        elif pid in errors and kind == "HINT":
            errors[pid]["hint"] = text
        elif pid in errors and kind == "CONTEXT" and text.startswith("WAL redo at"):
            failure = {**errors[pid], "context": text}
    return failure


def read_replay():
    command = ["journalctl", "-u", "patroni", "--since", LOG_SINCE, "-n", str(LOG_LINES), "-o", "cat", "--no-pager"]
    result = subprocess.run(command, check=True, capture_output=True, text=True, errors="replace")
    return {"failure": find_failure(result.stdout.splitlines())}


def main(arguments):
    verbs = {"transactions": read_transactions, "replay": read_replay}
    if len(arguments) != 1 or arguments[0] not in verbs:
        raise SystemExit("usage: pgha-holders transactions | replay")
    json.dump(verbs[arguments[0]](), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
