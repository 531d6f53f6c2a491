#!/usr/bin/python3
"""Makes this standby region the acting one, on its leader, as postgres.

pgha-region-promote < REQUEST  does it
pgha-region-promote pace       tells as JSON how much was committed in the newest WAL of the former primary that this region has

REQUEST: {"configuration": {...}, "afterLsn": "0/5000028"}. The configuration is merged into what Patroni keeps, which is one
write: it ends the standby and raises the epoch. With a position nothing is done before the server has replayed the record there.

Waits until the server accepts writes and has acknowledged one, and tells as JSON what it had received before and when all this
was. Run again after it was cut off it goes on; what the first run measured is kept until the machine is switched off.
"""

import base64
import itertools
import json
import os
import re
import subprocess
import sys
import time

import pgha_etcd
import pgha_region
import pgha_wal

MEASURED = f"{pgha_region.RUNTIME}/promotion.json"
# a replay that was paused or is behind ends first
PATIENCE_SECONDS = 240
# after a clean stop everything is there already, or it does not come
ARRIVAL_PATIENCE_SECONDS = 30

RECEIVED_QUERY = """
select json_build_object(
  'receivedLsn', pg_last_wal_receive_lsn(),
  'replayedLsn', pg_last_wal_replay_lsn(),
  'lastCommitAt', pg_last_xact_replay_timestamp(),
  'beatenAt', (select beaten_at from heartbeat.beat)
)
"""

# a commit of its own, which waits for a standby where the region has one
COMMIT = """
set role heartbeat;
insert into heartbeat.beat (only_row, beaten_at) values (true, clock_timestamp())
on conflict (only_row) do update set beaten_at = excluded.beaten_at;
"""


def query(settings, text):
    psql = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
    command = [*psql, f"--dbname={settings['database']}", f"--command={text}"]
    result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=180)
    if result.returncode != 0:
        raise SystemExit(f"the server refused: {result.stderr.strip()}")
    return result.stdout.strip()


def patroni(settings, method, path, body=None):
    """Patroni on this machine, which takes changes with the password and a certificate."""
    with open(settings["restPasswordFile"], encoding="utf-8") as file:
        login = base64.b64encode(f"{settings['restUser']}:{file.read().strip()}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    here = {"address": "127.0.0.1", "hostname": settings["hostname"]}
    context = pgha_etcd.tls_context(settings)
    return pgha_etcd.ask(here, settings["patroniPort"], context, method, path, headers, body)


def change_configuration(settings, patch):
    for _ in range(5):
        status, text = patroni(settings, "PATCH", "/config", json.dumps(patch))
        if status == 200:
            return
        # 409: somebody else wrote at the same moment
        if status != 409:
            raise SystemExit(f"Patroni refused the configuration: {status} {text[:200]}")
    raise SystemExit("another client keeps changing the configuration")


def refuse_unless_leading(settings):
    status, _ = patroni(settings, "GET", "/leader")
    if status != 200:
        raise SystemExit(f"{settings['name']} is not the leader of its region")


def wait_for_arrival(settings, lsn):
    """A replay position behind a record's beginning is the end of a whole record (PostgreSQL manual, 9.28.4)."""
    deadline = time.monotonic() + ARRIVAL_PATIENCE_SECONDS
    while query(settings, f"select pg_last_wal_replay_lsn() > '{lsn}'") != "t":
        if time.monotonic() > deadline:
            raise SystemExit(f"the WAL record at {lsn} has not arrived: {query(settings, RECEIVED_QUERY)}")
        time.sleep(0.1)


def wait_for_primary(settings):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while query(settings, "select pg_is_in_recovery()") != "f":
        if time.monotonic() > deadline:
            raise SystemExit(f"the server is still a standby after {PATIENCE_SECONDS} s; see journalctl -u patroni")
        time.sleep(0.1)


def read_fork(settings):
    """Where this timeline left its parent (PostgreSQL manual, 25.3.6)."""
    timeline = int(query(settings, "select left(pg_walfile_name(pg_current_wal_lsn()), 8)"), 16)
    with open(f"{settings['dataDirectory']}/pg_wal/{timeline:08X}.history", encoding="utf-8") as file:
        lines = [line.split() for line in file if re.match(r"\s*\d", line)]
    return {"timeline": timeline, "parent": int(lines[-1][0]), "forkLsn": lines[-1][1]}


def offer_to_archive(settings, timeline):
    """Gives what this server holds of the parent's timeline to its archiver: a primary that was lost may not have archived its
    last segments, and a repository that has one already takes the same content without a word."""
    folder = f"{settings['dataDirectory']}/pg_wal/archive_status"
    done = [name for name in os.listdir(folder) if re.fullmatch(rf"{timeline:08X}[0-9A-F]{{16}}\.done", name)]
    for name in done:
        os.rename(f"{folder}/{name}", f"{folder}/{name.removesuffix('.done')}.ready")


def read_pace(settings):
    """Of the segment that the former timeline was left in, and of the one before. A promotion copies the first to the new timeline
    (PostgreSQL source, xlog.c, XLogInitNewTimeline), and the old one's is renamed."""
    measured = pgha_region.read_json(MEASURED)
    if measured is None or "forkLsn" not in measured:
        raise SystemExit("no promotion was measured since this node booted")
    size = int(query(settings, "select setting from pg_settings where name = 'wal_segment_size'"))
    fork = measured["forkLsn"]
    begin = pgha_wal.position(fork) // size * size
    before = pgha_wal.dump(settings, measured["parent"], pgha_wal.lsn_at(begin - size), pgha_wal.lsn_at(begin))
    newest = pgha_wal.dump(settings, measured["timeline"], pgha_wal.lsn_at(begin), fork)
    return pgha_wal.count(itertools.chain(before, newest))


def main(arguments):
    settings = pgha_region.read_json(pgha_region.SETTINGS)
    if arguments == ["pace"]:
        json.dump(read_pace(settings), sys.stdout)
        return
    request = json.load(sys.stdin)
    patch = request["configuration"]
    epoch = patch["pgha_region_epoch"]
    refuse_unless_leading(settings)
    measured = pgha_region.read_json(MEASURED)
    # a run that died before it wrote this down had not begun
    if measured is None or measured["epoch"] != epoch:
        measured = {"epoch": epoch, "startedAt": time.time()}
        if query(settings, "select pg_is_in_recovery()") == "t":
            seen = pgha_region.read_json(pgha_region.SEEN) or {}
            if request["afterLsn"] is not None:
                wait_for_arrival(settings, request["afterLsn"])
            measured |= {"received": json.loads(query(settings, RECEIVED_QUERY)), "peerLast": seen.get("peerLast")}
        pgha_region.write_json(MEASURED, measured)
    change_configuration(settings, patch)
    wait_for_primary(settings)
    if "acceptsAt" not in measured:
        accepts_at = time.time()
        query(settings, COMMIT)
        measured |= {"acceptsAt": accepts_at, "committedAt": time.time(), **read_fork(settings)}
        if request["afterLsn"] is None:
            # a primary that ended cleanly has archived everything before it did
            offer_to_archive(settings, measured["parent"])
        pgha_region.write_json(MEASURED, measured)
    json.dump(measured, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
