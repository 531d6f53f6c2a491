#!/usr/bin/python3
"""Proves on a standby region's member that its data can be promoted, without promoting it: pgha-drill run | clean, as postgres.

Copies the running standby into a scratch directory, starts the copy with a socket for an address and no archive, brings it to the
very position where the standby's own replay was paused for the moment, compares the rows of every table, promotes the copy, writes,
and removes it. Tells what it saw as JSON. "clean" removes what an earlier run left and ends its pause; the unit runs it last.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pgha_etcd
import pgha_region

SCRATCH = "/var/lib/postgresql/drill"
SOCKETS = "/run/pgha-drill"
PORT = 5499
PASSFILE = f"{SOCKETS}/pgpass"
# exists while the standby's replay is paused by a drill, and by nobody else
PAUSED = f"{pgha_region.RUNTIME}/drill-paused"
ROOM_FACTOR = 1.2
PATIENCE_SECONDS = 300
STANDSTILLS = 10
# a standby must allow at least as much as its primary (PostgreSQL manual, 26.4.6)
INHERITED = ("max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions",
             "max_locks_per_transaction")  # fmt: skip


class Failed(Exception):
    """What the drill was to prove does not hold."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def query(text, database="postgres", scratch=False):
    psql = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
    where = ["--host", SOCKETS, "--port", str(PORT)] if scratch else []
    command = [*psql, *where, f"--dbname={database}", f"--command={text}"]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode != 0:
        raise Failed(f"{'the copy' if scratch else 'the standby'} refused \"{text}\": {result.stderr.strip()}")
    return result.stdout.strip()


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"timed out after {PATIENCE_SECONDS} s: {what}")
        time.sleep(0.2)


def refuse_without_room(settings):
    used = subprocess.run(["du", "-sx", "-B1", settings["dataDirectory"]], check=True, capture_output=True, text=True)
    size, free = int(used.stdout.split()[0]), shutil.disk_usage(os.path.dirname(SCRATCH)).free
    if free < size * ROOM_FACTOR:
        raise Failed(f"not enough free disk space for a copy: the data has {size} bytes, {free} are free; enlarge the volume")
    return size


def copy(settings):
    login, password = pgha_etcd.login_in_use(settings["replicationLoginFile"])
    with open(os.open(PASSFILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(f"*:*:*:{login}:{password}\n")
    tls = f"sslmode=verify-full sslrootcert={settings['ca']} sslcert={settings['certificate']} sslkey={settings['key']}"
    source = f"host={settings['hostname']} user={login} passfile={PASSFILE} {tls}"
    command = [f"{settings['binDirectory']}/pg_basebackup", f"--pgdata={SCRATCH}", "--checkpoint=fast"]
    if subprocess.run([*command, f"--dbname={source}"], check=False, stdout=sys.stderr).returncode != 0:
        raise Failed("the standby could not be copied; see journalctl -u pgha-drill")


def pause_replay():
    pathlib.Path(PAUSED).touch()
    query("select pg_wal_replay_pause()")
    wait_until(lambda: query("select pg_get_wal_replay_pause_state()") == "paused", "replay on the standby was not paused")
    return query("select pg_last_wal_replay_lsn()")


def resume_replay():
    if os.path.exists(PAUSED):
        query("select pg_wal_replay_resume() where pg_is_in_recovery()")
        os.unlink(PAUSED)


def start_copy(settings, target):
    """Its configuration is its own: nothing of it leads to the network, to the archive or to the other region."""
    inherited = {name: query(f"show {name}") for name in INHERITED}
    own = {
        "listen_addresses": "",
        "unix_socket_directories": SOCKETS,
        "port": PORT,
        "hba_file": f"{SCRATCH}/drill_hba.conf",
        "ident_file": f"{SCRATCH}/drill_ident.conf",
        "cluster_name": "pgha-drill",
        "archive_mode": "off",
        "primary_conninfo": "",
        "restore_command": f'cp "{settings["dataDirectory"]}/pg_wal/%f" "%p"',
        "wal_retrieve_retry_interval": "200ms",
        # up to where the standby is, and not one record further
        "recovery_target_lsn": target,
        "recovery_target_inclusive": "off",
        "recovery_target_action": "pause",
        "shared_buffers": "32MB",
        "ssl": "off",
    }
    lines = [f"{name} = '{value}'\n" for name, value in {**inherited, **own}.items()]
    scratch = pathlib.Path(SCRATCH)
    (scratch / "drill.conf").write_text("".join(lines), encoding="utf-8")
    (scratch / "drill_hba.conf").write_text("local all postgres peer\n", encoding="utf-8")
    (scratch / "drill_ident.conf").write_text("", encoding="utf-8")
    # what Patroni and a restore wrote there leads to the primary
    (scratch / "postgresql.auto.conf").write_text("", encoding="utf-8")
    (scratch / "recovery.signal").unlink(missing_ok=True)
    (scratch / "standby.signal").touch()
    start(settings)
    wait_until(lambda: query("select pg_last_wal_replay_lsn()", scratch=True) == target, f"the copy did not reach {target}")


def start(settings):
    options = f"-c config_file={SCRATCH}/drill.conf"
    log = f"{SCRATCH}/drill.log"
    if control(settings, "start", f"--options={options}", f"--log={log}", "--wait", f"--timeout={PATIENCE_SECONDS}") != 0:
        raise Failed(f"the copy did not start: {pathlib.Path(log).read_text(encoding='utf-8')[-800:]}")


def forget_target(settings):
    """Nothing may have been written behind the target, and a recovery that has not passed its target refuses to end."""
    configuration = pathlib.Path(SCRATCH) / "drill.conf"
    lines = configuration.read_text(encoding="utf-8").splitlines(keepends=True)
    configuration.write_text("".join(line for line in lines if not line.startswith("recovery_target")), encoding="utf-8")
    control(settings, "stop", "--mode=fast", "--wait")
    start(settings)


def control(settings, *arguments):
    command = [f"{settings['binDirectory']}/pg_ctl", f"--pgdata={SCRATCH}", "--silent", *arguments]
    return subprocess.run(command, check=False, stdout=sys.stderr).returncode


TABLES = """
select format('select %L, count(*) from %I.%I', table_schema || '.' || table_name, table_schema, table_name)
from information_schema.tables
where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')
order by 1
"""


def count_rows(settings, scratch):
    statements = query(TABLES, settings["database"], scratch).splitlines()
    if not statements:
        return {}
    lines = query(" union all ".join(statements), settings["database"], scratch).splitlines()
    return {name: int(count) for name, count in (line.rsplit("|", 1) for line in lines)}


def compare(settings, expected):
    found = count_rows(settings, True)
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        counts = ", ".join(f"{name}: {expected.get(name)} and {found.get(name)}" for name in wrong)
        raise Failed(f"the standby and its copy differ at the same LSN: {counts}")
    return expected


def stand_still(settings):
    """Where the standby is, and the rows it has there. Patroni lets a paused replay go on when it next looks at it: what was
    counted while that happened is counted again."""
    for _ in range(STANDSTILLS):
        position = pause_replay()
        rows = count_rows(settings, False)
        if query("select pg_last_wal_replay_lsn()") == position:
            resume_replay()
            if not rows:
                raise Failed("the standby has no tables")
            return position, rows
    raise Failed("replay on the standby was resumed while its rows were counted")


def promote_and_write(settings):
    forget_target(settings)
    if query(f"select pg_promote(true, {PATIENCE_SECONDS})", scratch=True) != "t":
        raise Failed("the copy could not be promoted")
    wait_until(lambda: query("select pg_is_in_recovery()", scratch=True) == "f", "the copy did not accept writes")


def write():
    database = pgha_region.read_json(pgha_region.SETTINGS)["database"]
    query("create table pgha_drill as select generate_series(1, 1000) as number", database, scratch=True)
    if query("select count(*) from pgha_drill", database, scratch=True) != "1000":
        raise Failed("the copy does not return what was written to it")


def run(settings):
    clean(settings)
    report = {"passed": False, "problem": None, "machine": settings["name"], "seconds": {}, "rows": {}, "lsn": None}

    def timed(name, work):
        say(name)
        started = time.monotonic()
        result = work()
        report["seconds"][name] = round(time.monotonic() - started, 2)
        return result

    try:
        if query("select pg_is_in_recovery()") != "t":
            raise Failed("this server is not a standby")
        report["sizeBytes"] = refuse_without_room(settings)
        timed("copy", lambda: copy(settings))
        report["lsn"], rows = timed("pause", lambda: stand_still(settings))
        timed("start", lambda: start_copy(settings, report["lsn"]))
        report["rows"] = timed("compare", lambda: compare(settings, rows))
        timed("promote", lambda: promote_and_write(settings))
        timed("write", write)
        report["passed"] = True
    except Failed as problem:
        report["problem"] = str(problem)
    finally:
        clean(settings)
    json.dump(report, sys.stdout)


def clean(settings):
    resume_replay()
    if os.path.exists(f"{SCRATCH}/postmaster.pid"):
        control(settings, "stop", "--mode=immediate", "--wait")
    shutil.rmtree(SCRATCH, ignore_errors=True)


def main(arguments):
    verbs = {"run": run, "clean": clean}
    if len(arguments) != 1 or arguments[0] not in verbs:
        raise SystemExit("usage: pgha-drill run | clean")
    verbs[arguments[0]](pgha_region.read_json(pgha_region.SETTINGS))


if __name__ == "__main__":
    main(sys.argv[1:])
