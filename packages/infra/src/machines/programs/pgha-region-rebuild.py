#!/usr/bin/python3
"""Brings the data of a region that was given up back to what the acting region has; on each of its members, as root.

pgha-region-rebuild inspect  < HISTORY  stops Patroni and its server for good, and tells as JSON what this machine holds that the
                                        acting region never got
pgha-region-rebuild restore  < SOURCES  restores the newest backup in place of the data, or copies a member of the acting region

HISTORY is the acting region's: {"history": [{"timeline": 1, "endLsn": "0/5000000"}, ...]}, what it left each timeline with.
SOURCES: {"repositories": [2, 1], "upstream": "host,host", "keepAs": "given-up-20250115t150000"}, the last
one null where nothing is kept.

The data is not rewound. A rewound directory keeps segments of WAL that were never archived and that no other server has; were
it promoted one day, it would archive them under the names of other segments. A restore leaves none, and takes only what differs.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import pgha_etcd
import pgha_region
import pgha_scratch
import pgha_wal

PASSFILE = f"{pgha_region.RUNTIME}/rebuild.pgpass"
# beside what a server needs to start
ROOM_FACTOR = 1.2
# an etcd that elects a leader answers within seconds; a busy machine takes longer
ANSWER_PATIENCE_SECONDS = 60


def say(text):
    print(text, file=sys.stderr, flush=True)


def as_postgres(*command, **options):
    return subprocess.run(["runuser", "-u", "postgres", "--", *command], **options)


def refuse_unless_given_up(settings):
    regions, deadline = pgha_region.Regions(settings), time.monotonic() + ANSWER_PATIENCE_SECONDS
    own, peer, _ = regions.read()
    while not (own["answers"] and peer["answers"]):
        if time.monotonic() > deadline:
            silent = [name for name, region in (("this", own), ("the peer", peer)) if not region["answers"]]
            where = " and of ".join(silent)
            raise SystemExit(f"etcd of {where} region is not responding: the active region could not be determined")
        time.sleep(1)
        own, peer, _ = regions.read()
    if not pgha_region.acts(peer) or (pgha_region.acts(own) and own["epoch"] >= peer["epoch"]):
        raise SystemExit("the peer region is not active with a higher epoch: this region may have the only copy of the data")


def stop(settings):
    subprocess.run(["systemctl", "stop", "patroni.service"], check=True)
    pg_ctl = [f"{settings['binDirectory']}/pg_ctl", f"--pgdata={settings['dataDirectory']}"]
    # Patroni leaves its server running when it is paused
    if as_postgres(*pg_ctl, "status", check=False, stdout=subprocess.DEVNULL).returncode == 0:
        as_postgres(*pg_ctl, "stop", "--mode=fast", check=True, stdout=sys.stderr)


def current_timeline(settings):
    """The newest timeline there is WAL of: a control file may be as old as the last checkpoint."""
    wal = pathlib.Path(settings["dataDirectory"], "pg_wal")
    names = [entry.name for entry in wal.iterdir()] if wal.is_dir() else []
    return max((int(name[:8], 16) for name in names if re.fullmatch(r"[0-9A-F]{24}", name)), default=None)


def inspect(settings, request):
    stop(settings)
    timeline = current_timeline(settings)
    start = None if timeline is None else left_at(settings, timeline, request["history"])
    return {"timeline": timeline, "lost": None if start is None else read_lost(settings, timeline, start)}


def left_at(settings, timeline, history):
    """From where on nobody but this region has this timeline; None: the acting region has it too, or it cannot be told."""
    left = next((entry["endLsn"] for entry in history if entry["timeline"] == timeline), None)
    if left is not None:
        return left
    # both regions may have given the same number to timelines of their own: they differ in where they began
    try:
        with open(f"{settings['dataDirectory']}/pg_wal/{timeline:08X}.history", encoding="utf-8") as file:
            lines = [line.split()[:2] for line in file if re.match(r"\s*\d", line)]
    except FileNotFoundError:
        return None
    begun = [str(history[-1]["timeline"]), history[-1]["endLsn"]] if history else None
    return None if lines[-1:] == [begun] else lines[-1][1]


def read_lost(settings, timeline, from_lsn):
    """The commits behind the position where the acting region left this timeline; the heartbeat's are among them."""
    found = pgha_wal.count(pgha_wal.dump(settings, timeline, from_lsn))
    to_lsn = found["lastLsn"] or from_lsn
    told = {key: found[key] for key in ("commits", "rows", "firstAt", "lastAt")}
    size = pgha_wal.position(to_lsn) - pgha_wal.position(from_lsn)
    return {**told, "fromLsn": from_lsn, "toLsn": to_lsn, "bytes": size}


def keep_aside(settings, identifier):
    """Keeps the data where there is room for a second copy; says under which name, or None. The same name again is kept once: what
    a run that was cut off has restored since then is nobody's loss."""
    data, place = settings["dataDirectory"], pgha_scratch.read_settings()
    target = f"{place['kept']}/{identifier}"
    if not os.path.exists(target) and not os.path.exists(f"{target}.new"):
        if not os.path.isdir(data):
            return None
        used = pgha_scratch.size_of(data)
        if shutil.disk_usage(data).free < used * ROOM_FACTOR:
            say(f"not enough free disk space to retain {data}: {used} bytes")
            return None
    pgha_scratch.keep(place, identifier)
    return identifier


def restore(settings, request):
    stop(settings)
    data = settings["dataDirectory"]
    kept = None if request["keepAs"] is None else keep_aside(settings, request["keepAs"])
    as_postgres("install", "--directory", "--mode=0700", data, check=True)
    # no server runs: a file that a power cut left would be taken for one
    pathlib.Path(data, "postmaster.pid").unlink(missing_ok=True)
    for repository in request["repositories"]:
        restoring = ["pgbackrest", f"--stanza={settings['scope']}", f"--repo={repository}", "--delta", "--type=standby"]
        if as_postgres(*restoring, "restore", check=False, stdout=sys.stderr).returncode == 0:
            return {"from": f"repository {repository}", "kept": kept}
        say(f"repository {repository} could not be used")
    copy(settings, request["upstream"])
    return {"from": request["upstream"], "kept": kept}


def copy(settings, upstream):
    data = settings["dataDirectory"]
    for entry in os.scandir(data):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
    login, password = pgha_etcd.login_in_use(settings["replicationLoginFile"])
    line = f"*:*:*:{login}:{password}\n"
    as_postgres("sh", "-c", f"umask 077; cat >{PASSFILE}", input=line, text=True, check=True)
    tls = f"sslmode=verify-full sslrootcert={settings['ca']} sslcert={settings['certificate']} sslkey={settings['key']}"
    source = f"host={upstream} user={login} passfile={PASSFILE} {tls}"
    backup = [f"{settings['binDirectory']}/pg_basebackup", f"--pgdata={data}", "--checkpoint=fast", f"--dbname={source}"]
    try:
        as_postgres(*backup, check=True, stdout=sys.stderr)
    finally:
        os.unlink(PASSFILE)


def main(arguments):
    settings, verbs = pgha_region.read_json(pgha_region.SETTINGS), {"inspect": inspect, "restore": restore}
    if len(arguments) != 1 or arguments[0] not in verbs:
        raise SystemExit("usage: pgha-region-rebuild inspect | restore")
    refuse_unless_given_up(settings)
    json.dump(verbs[arguments[0]](settings, json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
