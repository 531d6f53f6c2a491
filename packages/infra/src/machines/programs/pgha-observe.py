#!/usr/bin/python3
"""Tells what this machine is and does as one JSON object: what `pgha status` asks every machine, once.

Every part is asked with a short deadline, and what does not answer is told as {"error": ...}: a part that hangs must not hide
the others. Nothing is changed, and no secret is told.
"""

import concurrent.futures
import csv
import datetime
import glob
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

SETTINGS = "/etc/pgha/observe.json"
DEADLINE_SECONDS = 8


def run(*command, **options):
    """Standard output of a command that has to succeed."""
    result = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=DEADLINE_SECONDS, **options
    )
    if result.returncode != 0:
        said = (result.stderr.strip() or result.stdout.strip()).splitlines()
        raise RuntimeError(f"{command[0]} exited with status {result.returncode}: {said[-1] if said else 'no output'}")
    return result.stdout


def as_postgres(*command):
    return run("runuser", "-u", "postgres", "--", *command)


def read_disks(mounts):
    """The file systems that may fill, in bytes and in file numbers."""
    disks = []
    for mount in mounts:
        state = os.statvfs(mount)
        disks.append(
            {
                "mount": mount,
                "sizeBytes": state.f_blocks * state.f_frsize,
                "freeBytes": state.f_bavail * state.f_frsize,
                "files": state.f_files,
                "freeFiles": state.f_favail,
            }
        )
    return disks


def read_memory():
    """Bytes; what the kernel could give to a program that asked."""
    with open("/proc/meminfo", encoding="utf-8") as file:
        values = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in file}
    return {"totalBytes": values["MemTotal"], "availableBytes": values["MemAvailable"]}


def read_certificates():
    """When each certificate in force ends."""
    ends = []
    for path in sorted(glob.glob("/etc/pgha/tls/*.crt")):
        end = run("openssl", "x509", "-in", path, "-noout", "-enddate").strip().removeprefix("notAfter=")
        moment = datetime.datetime.strptime(end, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=datetime.timezone.utc)
        ends.append({"path": path, "notAfter": moment.isoformat()})
    return ends


def read_units(names):
    """The wanted units that do not run, and whatever else has failed."""
    show = run("systemctl", "show", "--property=Id,ActiveState,ConditionResult", *names) if names else ""
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in show.strip().split("\n\n") if block]
    # a unit whose own conditions keep it from starting is where it should be
    wanted = [block for block in blocks if block["ConditionResult"] == "yes"]
    down = [block["Id"] for block in wanted if block["ActiveState"] not in ("active", "activating", "reloading")]
    failed = [line.split()[0] for line in run("systemctl", "--failed", "--plain", "--no-legend").splitlines() if line]
    return {"down": down, "failed": sorted(set(failed) - set(down))}


def get_json(url, settings):
    context = ssl.create_default_context(cafile=settings["ca"])
    # Patroni answers 503 with its whole state when its server is down
    request = urllib.request.Request(url)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS, context=context) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def read_patroni(settings):
    """What Patroni says of itself, and what it has of the others from etcd: without etcd it still knows the first."""
    base = f"https://{settings['hostname']}:{settings['patroniPort']}"
    own = get_json(f"{base}/patroni", settings)
    return {"patroni": own, "cluster": told(lambda: get_json(f"{base}/cluster", settings))}


DATABASE_QUERY = """
select json_build_object(
  'inRecovery', pg_is_in_recovery(),
  'lsn', case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end,
  'replayLsn', case when pg_is_in_recovery() then pg_last_wal_replay_lsn() end,
  'timeline', (select timeline_id from pg_control_checkpoint()),
  'replayedAt', pg_last_xact_replay_timestamp(),
  'receiver', (select json_build_object('status', status, 'from', sender_host) from pg_stat_wal_receiver),
  'connections', (select count(*) from pg_stat_activity where backend_type = 'client backend'),
  'maxConnections', current_setting('max_connections')::int,
  'reservedConnections',
    current_setting('superuser_reserved_connections')::int + current_setting('reserved_connections')::int,
  'synchronousStandbyNames', current_setting('synchronous_standby_names'),
  'senders', (select coalesce(json_agg(json_build_object(
      'name', application_name, 'state', state, 'syncState', sync_state,
      'lagBytes', case when pg_is_in_recovery() then null else pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) end
    ) order by application_name), '[]') from pg_stat_replication),
  'slots', (select coalesce(json_agg(json_build_object(
      'name', slot_name, 'active', active,
      -- one that is invalidated and in use is told as unreserved by PostgreSQL 17
      'walStatus', case when invalidation_reason is null then wal_status else 'lost' end,
      'keptBytes', case when pg_is_in_recovery() then null else pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) end
    ) order by slot_name), '[]') from pg_replication_slots),
  'archiver', (select json_build_object(
      'archivedCount', archived_count, 'lastArchivedWal', last_archived_wal, 'lastArchivedAt', last_archived_time,
      'failedCount', failed_count, 'lastFailedWal', last_failed_wal, 'lastFailedAt', last_failed_time
    ) from pg_stat_archiver),
  'walWaiting', (select count(*) from pg_ls_archive_statusdir() where name like '%.ready'),
  'walBytes', (select sum(size) from pg_ls_waldir())
)
"""


def read_database():
    return json.loads(as_postgres("psql", "-X", "-q", "-A", "-t", "-d", "postgres", "-c", DATABASE_QUERY))


def read_health(settings):
    """The figures of the alerts about PostgreSQL's own health, asked now."""
    connection = ["psql", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--dbname", settings["database"]]
    text = as_postgres(*connection, "--file", settings["healthQueries"])
    figures = re.findall(r"^(\w+)(?:\{(.*)\})? (\S+)$", text, re.MULTILINE)
    return [{"name": name, "labels": labels, "value": float(value)} for name, labels, value in figures]


def csv_rows(text):
    return list(csv.DictReader(text.splitlines()))


def read_pooler(settings):
    console = ["psql", "-X", "-q", "--csv", "-h", settings["poolerSocket"], "-p", str(settings["poolerPort"])]
    console += ["-U", "pgbouncer", "-d", "pgbouncer", "-c"]
    databases = csv_rows(as_postgres(*console, "show databases"))
    pools = csv_rows(as_postgres(*console, "show pools"))
    ours = [row for row in databases if row["name"] == settings["database"]]
    pools = [row for row in pools if row["database"] == settings["database"]]
    return {
        "paused": any(row["paused"] != "0" for row in ours),
        "clients": sum(int(row["cl_active"]) for row in pools),
        "waiting": sum(int(row["cl_waiting"]) for row in pools),
        # the seconds and the rest of them in millionths (pgbouncer.org/usage.html, show pools)
        "maxWaitSeconds": max((int(row["maxwait"]) + int(row["maxwait_us"]) / 1e6 for row in pools), default=0),
        "servers": sum(int(row["sv_active"]) + int(row["sv_idle"]) for row in pools),
        # 0: no limit
        "maxServers": max((int(row["max_connections"]) for row in ours), default=None),
    }


def read_router(settings):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(DEADLINE_SECONDS)
        connection.connect(settings["routerSocket"])
        connection.sendall(b"show stat\n")
        text = connection.makefile(encoding="utf-8").read()
    rows = csv_rows(text.removeprefix("# "))
    up = {}
    for row in rows:
        if row["pxname"] in ("primary", "replica") and row["svname"] not in ("FRONTEND", "BACKEND"):
            up.setdefault(row["pxname"], [])
            if row["status"].startswith("UP"):
                up[row["pxname"]].append(row["svname"])
    return up


def read_etcd():
    status = json.loads(run("pgha-etcdctl", "endpoint", "status", "--cluster", "--write-out=json"))
    # one line each: "memberID:10501334649042878790 alarm:NOSPACE "
    alarms = re.findall(r"memberID:(\d+)\s+alarm:(\w+)", run("pgha-etcdctl", "alarm", "list"))
    return {
        "members": [
            {
                "endpoint": each["Endpoint"],
                "id": str(each["Status"]["header"]["member_id"]),
                "isLeader": each["Status"]["leader"] == each["Status"]["header"]["member_id"],
                "databaseBytes": each["Status"]["dbSize"],
                "errors": each["Status"].get("errors") or [],
            }
            for each in status
        ],
        "alarms": [{"member": member, "alarm": alarm} for member, alarm in alarms],
    }


def read_archive():
    """The repositories that are, or were, left out of the archive, as the machine was told."""
    with open("/etc/pgha/secrets/backup_detached", encoding="utf-8") as file:
        lines = [line.split() for line in file]
    return [
        {"repository": int(words[0]), "state": words[1], "from": words[2], "to": (words[3:] or [None])[0]}
        for words in lines
        if words and words != ["none"]
    ]


def moment(seconds):
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat()


def read_restore_tests(folder):
    """How the restore tests of this machine ended, and since when there should have been one."""
    results = []
    for path in sorted(glob.glob(f"{folder}/*.json")):
        with open(path, encoding="utf-8") as file:
            result = json.load(file)
        moments = {key: moment(result.get(key)) for key in ("endedAt", "succeededAt")}
        results.append({**{key: result.get(key) for key in ("repository", "backup", "ok", "problem")}, **moments})
    since = f"{folder}/since"
    return {"expectedSince": moment(os.stat(since).st_mtime) if os.path.exists(since) else None, "results": results}


def read_deletions(path):
    """What was deleted from the repositories, as the last run of its program found it; nothing before the first one ended."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def read_api(settings):
    release = json.loads(run("/usr/local/sbin/pgha-deploy", "--status"))
    ready = {name: get_json(url, settings).get("status") for name, url in settings["services"].items()}
    program = settings.get("servicesRegionProgram")
    region = None if program is None else json.loads(run(program, "show"))["region"]
    return {"release": release.get("current"), "ready": ready, "region": region}


def told(part):
    try:
        return part()
    except Exception as error:  # noqa: BLE001, whatever stands in its way is the answer
        return {"error": describe(error)}


def describe(error):
    """What stood in the way, without Python's wrapping."""
    cause = getattr(error, "reason", error)
    if isinstance(error, subprocess.TimeoutExpired):
        return f"{error.cmd[0]} did not respond within {DEADLINE_SECONDS} s"
    if isinstance(cause, TimeoutError):
        return f"no response within {DEADLINE_SECONDS} s"
    if isinstance(cause, ConnectionError) and cause.strerror is None:
        return "the connection was closed without a response"
    if isinstance(cause, OSError) and cause.strerror is not None:
        return f"{cause.filename}: {cause.strerror}" if cause.filename else cause.strerror
    return str(cause) or type(cause).__name__


def parts_for(settings):
    """Name -> what tells it; which parts there are depends on the machine's role."""
    parts = {
        "disks": lambda: read_disks(settings["mounts"]),
        "memory": read_memory,
        "certificates": read_certificates,
        "units": lambda: read_units(settings["units"]),
    }
    if "patroniPort" in settings:
        parts |= {
            "patroni": lambda: read_patroni(settings),
            "database": read_database,
            "pooler": lambda: read_pooler(settings),
            "router": lambda: read_router(settings),
            "health": lambda: read_health(settings),
            "reach": lambda: json.loads(run(settings["reachProgram"])),
            "archive": read_archive,
            "restoreTests": lambda: read_restore_tests(settings["restoreTests"]),
            "durability": lambda: json.loads(run(settings["durabilityProgram"], "show")),
        }
    if "holdersProgram" in settings:
        parts |= {
            "holders": lambda: json.loads(run(settings["holdersProgram"], "transactions")),
            "replay": lambda: json.loads(run(settings["holdersProgram"], "replay")),
        }
    if "spaceProgram" in settings:
        parts |= {"space": lambda: json.loads(run(settings["spaceProgram"], "show"))}
    if "regionProgram" in settings:
        parts |= {"region": lambda: json.loads(run(settings["regionProgram"], "show"))}
    if settings["role"] == "etcd":
        parts |= {"etcd": read_etcd}
    if "watching" in settings:
        parts |= {"watching": lambda: json.loads(run(settings["watchingProgram"]))}
    if "services" in settings:
        parts |= {"api": lambda: read_api(settings)}
    if "deletedBackups" in settings:
        parts |= {"deletions": lambda: read_deletions(settings["deletedBackups"])}
    return parts


def main():
    with open(SETTINGS, encoding="utf-8") as file:
        settings = json.load(file)

    parts = parts_for(settings)
    with concurrent.futures.ThreadPoolExecutor(len(parts)) as pool:
        answers = dict(zip(parts, pool.map(told, parts.values())))
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    needs_reboot = os.path.exists("/run/reboot-required")
    json.dump({"machine": settings["name"], "at": now, "needsReboot": needs_reboot, **answers}, sys.stdout)


if __name__ == "__main__":
    main()
