#!/usr/bin/python3
"""Restores the newest backup and the WAL behind it, and compares every table with the primary's: the only proof of a backup.

pgha-restore-test restore N|auto  restores repository N (auto: another one each week) beside this replica, up to a position of
                                  the log at which the primary's tables were counted, and starts the server
pgha-restore-test compare         counts the restored tables, compares, and leaves the result
pgha-restore-test status N|auto   how far it is, or how it ended, as JSON
pgha-restore-test clean           after either, however it ended: removes the server, and says what went wrong
pgha-restore-test figures         the last result as text for the node exporter

With "auto", which the timer gives, every machine but one does nothing: the primary and what has no room, then whoever comes
second for a lock on the primary.
"""

import contextlib
import datetime
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.request

import psycopg2

import pgha_scratch
import pgha_tables

NAME = "test"
RUNTIME = "/run/pgha-restore-test"
# a result outlives a reboot; beside the last one stands each repository's own, for whoever asks about all of them
RESULTS = "/var/lib/pgha-restore-test"
RESULT = f"{RESULTS}/result.json"
SINCE = f"{RESULTS}/since"
FIGURES = "/run/pgha-metrics/pgha-restore-test.prom"
# any number that nobody else takes
ADVISORY_LOCK = 7_041_776
# a machine whose clock is a little late must still find the lock held
SHORTEST_SECONDS = 60
# segments are archived every 30 s; the rest is replay
RECOVERY_PATIENCE_SECONDS = 4 * 3600


class NotOurTurn(Exception):
    """Another machine does it, or nobody has to."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def write_json(path, value):
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.rename(f"{path}.new", path)


def read_json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def progress(phase, **more):
    """What somebody who waits is shown, and what is said when it ends here."""
    write_json(f"{RUNTIME}/progress.json", {**(read_json(f"{RUNTIME}/progress.json") or {}), "phase": phase, **more})
    say(phase)


def own_role(settings):
    context = ssl.create_default_context(cafile=settings["ca"])
    with urllib.request.urlopen(settings["patroni"], timeout=5, context=context) as answer:
        members = json.load(answer)["members"]
    own = next((member for member in members if member["name"] == settings["machine"]), {})
    return own.get("role"), own.get("state"), len(members)


def turn_of(repositories, day):
    """Each of them in its turn, from Monday to Sunday; weeks are counted through, because some years have 53 of them."""
    weeks = (day.toordinal() - 1) // 7
    return sorted(repositories)[weeks % len(repositories)]


def missing_room(settings, backup):
    """Why the backup must not be restored here; None when it may."""
    room, needed = pgha_scratch.room(settings), backup["info"]["size"]
    if needed <= room["usableBytes"]:
        return None
    return (
        f"not enough free disk space: the backup takes {needed >> 20} MiB, and of {room['freeBytes'] >> 20} MiB free on {settings['dataMount']} "
        f"{room['usableBytes'] >> 20} MiB may be used"
    )


def require_turn(settings, wanted):
    role, state, members = own_role(settings)
    leads = role in ("leader", "standby_leader")
    if role == "standby_leader":
        raise NotOurTurn("this region has no primary to compare with")
    if wanted == "auto" and leads and members > 1:
        raise NotOurTurn("this node is the primary, and another node can run the test")
    if not leads and state != "streaming":
        raise NotOurTurn(f"this node is {state}")


def restore(settings, wanted):
    started = time.monotonic()
    for name in ("progress", "live", "result", "problem"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{RUNTIME}/{name}.json")
    require_turn(settings, wanted)
    repository = turn_of(settings["repositories"], datetime.date.today()) if wanted == "auto" else int(wanted)
    progress("looking for the newest backup", repository=repository, startedAt=time.time())
    backup = pgha_scratch.newest_backup(settings, repository)
    if backup is None:
        raise SystemExit(f"repository {repository} has no backup")
    no_room = missing_room(settings, backup)
    if no_room is not None:
        # another replica may have it
        raise NotOurTurn(no_room) if wanted == "auto" else SystemExit(no_room)
    election = pgha_tables.connect_as_owner(settings)
    with election.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", (ADVISORY_LOCK,))
        if not cursor.fetchone()[0]:
            raise NotOurTurn("another node is running the test")
        if not pgha_tables.is_ready(cursor):
            raise NotOurTurn("the primary's database has no functions to compare with; run pgha apply")
    election.commit()
    # from here on a failure is one
    progress("waiting for a point in time without writers", backup=backup["label"], begun=True)
    reading, tables, position = pgha_tables.pin(settings)
    live = pgha_tables.LiveCount(reading, tables)
    live.start()
    progress("restoring", lsn=position, backupLsn=backup["lsn"]["stop"], restoredBytes=backup["info"]["size"])
    pgha_scratch.remove(settings, NAME)
    spec = {"repository": repository, "backup": backup["label"], "type": "lsn", "target": position, "timeline": "latest"}
    restoring = time.monotonic()
    pgha_scratch.restore(settings, NAME, spec)
    # a standby waits for a segment that is not archived yet, where a recovery would end
    home = pgha_scratch.directory_of(settings, NAME)
    os.rename(f"{home}/data/recovery.signal", f"{home}/data/standby.signal")
    replaying = time.monotonic()
    progress("replaying")
    start_server(settings)
    seconds = {"restore": replaying - restoring, "replay": time.monotonic() - replaying}
    progress("counting the primary's tables")
    write_json(f"{RUNTIME}/live.json", live.result())
    progress("restored", seconds={**seconds, "countLive": live.seconds}, spent=time.monotonic() - started)
    if wanted == "auto":
        time.sleep(max(0, SHORTEST_SECONDS - (time.monotonic() - started)))
    election.close()


def start_server(settings):
    home = pgha_scratch.directory_of(settings, NAME)
    options = " ".join(pgha_scratch.server_arguments(settings, NAME)[3:])
    command = [f"{settings['binDirectory']}/pg_ctl", "-D", f"{home}/data", "-l", f"{home}/log", "-o", options, "-w", "start"]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + RECOVERY_PATIENCE_SECONDS
    while not pgha_scratch.lets_in(settings, NAME):
        if not pgha_scratch.is_running(settings, NAME) or time.monotonic() > deadline:
            raise SystemExit(f"the restored server did not start: {pgha_scratch.complaint(settings, NAME)}")
        time.sleep(0.5)


def compare(settings):
    if read_json(f"{RUNTIME}/live.json") is None:
        return
    started = time.monotonic()
    progress("counting the restored tables")
    live = read_json(f"{RUNTIME}/live.json")
    with contextlib.closing(psycopg2.connect(pgha_scratch.connection_of(settings, NAME, settings["database"]))) as connection:
        with connection.cursor() as cursor:
            tables = pgha_tables.tables_of(cursor)
            cursor.execute("select pg_wal_lsn_diff(%(lsn)s, %(backupLsn)s)::bigint", read_json(f"{RUNTIME}/progress.json"))
            (distance,) = cursor.fetchone()
        restored, _ = pgha_tables.count(connection, tables)
    told = read_json(f"{RUNTIME}/progress.json")
    seconds = {**told["seconds"], "compare": time.monotonic() - started}
    left_out, live = live["leftOut"], live["counted"]
    differences = differences_of(live, restored, {each["table"] for each in left_out})
    finish(
        settings,
        ok=not differences,
        problem=None if not differences else f"{len(differences)} of {len(live)} tables differ",
        lsnDistanceBytes=distance,
        tables=len(live),
        rows=sum(each["rows"] for each in live.values()),
        differences=differences,
        notCompared=left_out,
        seconds={**seconds, "total": told["spent"] + seconds["compare"]},
    )


def differences_of(live, restored, left_out):
    return [
        {"table": table, "live": live.get(table), "restored": restored.get(table)}
        for table in sorted({*live, *restored} - left_out)
        if live.get(table) != restored.get(table)
    ]


def finish(settings, **outcome):
    told = read_json(f"{RUNTIME}/progress.json")
    now = time.time()
    before = read_json(RESULT) or {}
    result = {
        "machine": settings["machine"],
        "endedAt": now,
        "succeededAt": now if outcome["ok"] else before.get("succeededAt"),
        **{key: told.get(key) for key in ("repository", "backup", "startedAt", "lsn", "restoredBytes")},
        **outcome,
    }
    write_json(RESULT, result)
    write_json(f"{RESULTS}/repository-{result['repository']}.json", result)
    write_json(f"{RUNTIME}/result.json", result)


def status(wanted):
    command = ["systemctl", "show", "--property=ActiveState", "--value", f"pgha-restore-test@{wanted}.service"]
    state = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    told = {name: read_json(f"{RUNTIME}/{name}.json") for name in ("progress", "result", "problem")}
    print(json.dumps({"isRunning": state in ("activating", "active", "deactivating"), **told}))


def clean(settings):
    """Run by systemd, which says how it ended."""
    home = pgha_scratch.directory_of(settings, NAME)
    if pgha_scratch.is_running(settings, NAME):
        command = [f"{settings['binDirectory']}/pg_ctl", "-D", f"{home}/data", "-m", "immediate", "-w", "stop"]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pgha_scratch.remove(settings, NAME)
    told = read_json(f"{RUNTIME}/progress.json") or {}
    if told.get("begun") and not os.path.exists(f"{RUNTIME}/result.json"):
        problem = read_json(f"{RUNTIME}/problem.json") or f"it was interrupted while {told['phase']}"
        finish(settings, ok=False, problem=problem, differences=[])


def figures():
    """Also without a result: from when on there should have been one."""
    with contextlib.suppress(FileExistsError), open(SINCE, "x", encoding="utf-8"):
        pass
    lines = ["# TYPE pgha_restore_test_expected_since_seconds gauge"]
    lines += [f"pgha_restore_test_expected_since_seconds {os.stat(SINCE).st_mtime:.0f}"]
    result = read_json(RESULT)
    if result is not None:
        labels = f'{{repository="{result["repository"]}"}}'
        values = {"success": int(result["ok"]), "end_seconds": result["endedAt"]}
        values["success_end_seconds"] = result["succeededAt"]
        values["wal_bytes"] = result.get("lsnDistanceBytes")
        values["restored_bytes"] = result.get("restoredBytes")
        for key, value in values.items():
            if value is not None:
                lines += [f"# TYPE pgha_restore_test_{key} gauge", f"pgha_restore_test_{key}{labels} {value:.0f}"]
        seconds = result.get("seconds", {})
        lines += ["# TYPE pgha_restore_test_part_seconds gauge"] if seconds else []
        lines += [f'pgha_restore_test_part_seconds{{part="{part}"}} {value:.3f}' for part, value in seconds.items()]
    with open(f"{FIGURES}.new", "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
    os.chmod(f"{FIGURES}.new", 0o644)
    os.rename(f"{FIGURES}.new", FIGURES)


def main(arguments):
    if arguments == ["figures"]:
        return figures()
    if len(arguments) == 2 and arguments[0] == "status":
        return status(arguments[1])
    settings = pgha_scratch.read_settings()
    verbs = {"restore": restore, "compare": compare, "clean": clean}
    if not arguments or arguments[0] not in verbs or len(arguments) != (2 if arguments[0] == "restore" else 1):
        raise SystemExit(__doc__)
    try:
        verbs[arguments[0]](settings, *arguments[1:])
    except NotOurTurn as reason:
        say(f"nothing to do: {reason}")
        if arguments[-1] != "auto":
            write_json(f"{RUNTIME}/problem.json", str(reason))
            raise SystemExit(str(reason)) from reason
    except (SystemExit, OSError, subprocess.SubprocessError, psycopg2.Error) as reason:
        write_json(f"{RUNTIME}/problem.json", str(reason).strip())
        raise


if __name__ == "__main__":
    main(sys.argv[1:])
