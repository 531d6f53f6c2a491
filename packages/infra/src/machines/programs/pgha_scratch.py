"""Servers beside the cluster's own: restored from a repository, reached through a socket of their own, never archived.

Everything of one lies in a directory of the data volume. Its configuration is a whole file that is written here: nothing of the
cluster's takes part, neither its listening addresses nor its archive command nor what somebody set with `alter system`.
"""

import contextlib
import json
import os
import pwd
import re
import shutil
import subprocess

import psycopg2
from psycopg2 import sql

SETTINGS = "/etc/pgha/restore.json"
# a restore must not take the disk from the member it runs beside: this much of the volume stays free, at least this much
RESERVED_SHARE = 0.1
RESERVED_BYTES = 1 << 30
# what pgBackRest writes for a recovery; every other line of postgresql.auto.conf is the cluster's own and is dropped
RECOVERY_SETTING = re.compile(r"(archive_mode|restore_command|recovery_target\w*)\s*=")
PERCENT = re.compile(rb", (\d+(?:\.\d+)?)%\)")
GRAVE = re.compile(r"\b(FATAL|PANIC|ERROR)\b")
TAIL_BYTES = 64 * 1024
# the login of people: only scratch servers have it
READER = "pgha_scratch_reader"
# a standby's must be at least its primary's, and the WAL of a backup may ask for no less (PostgreSQL manual, 26.4.6)
FROM_CONTROL_FILE = {
    "max_connections": "max_connections setting",
    "max_worker_processes": "max_worker_processes setting",
    "max_wal_senders": "max_wal_senders setting",
    "max_prepared_transactions": "max_prepared_xacts setting",
    "max_locks_per_transaction": "max_locks_per_xact setting",
    "track_commit_timestamp": "track_commit_timestamp setting",
    "wal_level": "wal_level setting",
}


def read_settings():
    with open(SETTINGS, encoding="utf-8") as file:
        return json.load(file)


def directory_of(settings, name):
    return os.path.join(settings["scratch"], name)


def room(settings):
    """Bytes of the data volume, and how many of them a restore may take."""
    state = os.statvfs(settings["dataMount"])
    size, free = state.f_blocks * state.f_frsize, state.f_bavail * state.f_frsize
    return {"sizeBytes": size, "freeBytes": free, "usableBytes": max(0, free - reserve(size))}


def reserve(size):
    return max(RESERVED_BYTES, int(size * RESERVED_SHARE))


def restore_arguments(settings, data, spec):
    """pgBackRest's part that every restore has: `spec` names repository, backup, type and target, and perhaps a timeline."""
    # a program's `%` stands for itself only when PostgreSQL does not take it for a placeholder
    fetch = f'{settings["archiveGet"]} %f "%p" {spec["repository"]} {data}'
    return [
        "pgbackrest",
        f"--stanza={settings['stanza']}",
        f"--repo={spec['repository']}",
        f"--pg1-path={data}",
        f"--set={spec['backup']}",
        f"--type={spec['type']}",
        f"--target={spec['target']}",
        f"--target-timeline={spec['timeline']}",
        "--target-action=promote",
        f"--recovery-option=restore_command={fetch}",
        # a restore that was cut off goes on with what is there
        "--delta",
        "--log-level-console=detail",
    ]


def restore(settings, name, spec):
    """Fills the directory of a scratch server; pgBackRest says a line a file into the log there."""
    home = directory_of(settings, name)
    for part in ("data", "lock", "spool", "tablespaces"):
        os.makedirs(f"{home}/{part}", mode=0o700, exist_ok=True)
    arguments = restore_arguments(settings, f"{home}/data", spec)
    arguments += [
        "--archive-mode=off",
        # the member's own restore, and other scratch servers', have locks of their own
        f"--lock-path={home}/lock",
        # a restore empties it, and the member's own has what it still archives, or archived while it was the primary
        f"--spool-path={home}/spool",
        # an absolute path of the backup is the member's own directory
        f"--tablespace-map-all={home}/tablespaces",
        "--process-max=1",
        "restore",
    ]
    with open(f"{home}/log", "ab") as log:
        done = subprocess.run(arguments, check=False, stdout=log, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise SystemExit(f"pgBackRest could not restore the backup {spec['backup']} of repository {spec['repository']}")
    keep_recovery_settings(f"{home}/data/postgresql.auto.conf")
    write_configuration(settings, name)


def keep_recovery_settings(path):
    with open(path, encoding="utf-8") as file:
        kept = [line for line in file if RECOVERY_SETTING.match(line)]
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(kept)


def control_file(settings, data):
    """What pg_controldata says, by its names."""
    command = [f"{settings['binDirectory']}/pg_controldata", data]
    text = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}
    ).stdout
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}


def write_configuration(settings, name):
    home = directory_of(settings, name)
    control = control_file(settings, f"{home}/data")
    values = {setting: control[label] for setting, label in FROM_CONTROL_FILE.items()}
    values |= {
        "data_directory": f"{home}/data",
        "hba_file": f"{home}/pg_hba.conf",
        "ident_file": f"{home}/pg_ident.conf",
        # no port of the machine: whoever reads is on the machine
        "listen_addresses": "",
        "unix_socket_directories": home,
        "unix_socket_permissions": "0700",
        "cluster_name": f"scratch {name}",
        "default_transaction_read_only": "on",
        "archive_mode": "off",
        # recovery ends by itself, and without readers it asks nothing of the parameters above
        "hot_standby": "off",
        "shared_buffers": f"{settings['sharedBuffersMib']}MB",
        "maintenance_work_mem": "32MB",
        "max_wal_size": "256MB",
        "wal_retrieve_retry_interval": "500ms",
        # it is thrown away: after a power cut it is restored again
        "fsync": "off",
        "full_page_writes": "off",
        "autovacuum": "off",
        # the cluster's subscriptions would take changes from their publishers, its extensions would do their work
        "max_logical_replication_workers": "0",
        "shared_preload_libraries": "",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m ",
    }
    files = {
        "postgresql.conf": "".join(f"{key} = '{value}'\n" for key, value in values.items()),
        "pg_hba.conf": f"local all postgres,{READER} peer map=machine\n",
        "pg_ident.conf": "".join(
            f"machine {system_user} {role}\n" for system_user in ("postgres", "root") for role in ("postgres", READER)
        ),
    }
    for file_name, content in files.items():
        with open(f"{home}/{file_name}", "w", encoding="utf-8") as file:
            file.write(content)


def server_arguments(settings, name):
    home = directory_of(settings, name)
    return [f"{settings['binDirectory']}/postgres", "-D", f"{home}/data", f"--config_file={home}/postgresql.conf"]


def connection_of(settings, name, database, user="postgres"):
    return f"host={directory_of(settings, name)} port=5432 dbname={database} user={user} connect_timeout=5"


def lets_in(settings, name, database="postgres", user="postgres"):
    """Whether recovery has ended: nobody is let in before, and the reader not before it is there."""
    with contextlib.suppress(psycopg2.OperationalError):
        psycopg2.connect(connection_of(settings, name, database, user)).close()
        return True
    return False


def admit_reader(settings, name):
    """Makes the role that sees every row and owns nothing: what keeps it from writing is no setting, which a session could change."""
    with contextlib.closing(psycopg2.connect(connection_of(settings, name, settings["database"]))) as connection:
        connection.set_session(readonly=False)
        with connection, connection.cursor() as cursor:
            cursor.execute("select 1 from pg_roles where rolname = %s", (READER,))
            if cursor.fetchone() is None:
                # bypassrls: a table whose policies hide rows would be dumped without them, or not at all
                cursor.execute(f"create role {READER} login bypassrls in role pg_read_all_data")
            database = sql.Identifier(settings["database"])
            cursor.execute(sql.SQL("grant connect on database {} to {}").format(database, sql.Identifier(READER)))


def is_running(settings, name):
    """Whether the server's own process is there."""
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        with open(f"{directory_of(settings, name)}/data/postmaster.pid", encoding="utf-8") as file:
            os.kill(int(file.readline()), 0)
            return True
    return False


def log_tail(settings, name):
    return tail_of(f"{directory_of(settings, name)}/log")


def tail_of(path):
    """Enough of the end of a log to see where it stands."""
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
        return file.read()
    return b""


def percent_of(tail):
    """How much of the files pgBackRest has restored, by its log."""
    found = PERCENT.findall(tail)
    return float(found[-1]) if found else None


def complaint(settings, name):
    """The last line that says why: PostgreSQL's or pgBackRest's, else whatever was said last."""
    text = log_tail(settings, name).decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    grave = [line for line in lines if GRAVE.search(line) and "not accepting connections" not in line]
    return (grave or lines or ["no output"])[-1]


def keep(settings, identifier):
    """Moves the data directory to where `pgha restore list` finds it; the server must be down. Asked again it goes on, and a data
    directory that was made since then stays."""
    target, data = f"{settings['kept']}/{identifier}", settings["dataDirectory"]
    if os.path.exists(target):
        return
    postgres = pwd.getpwnam("postgres")
    for path in (settings["kept"], f"{target}.new"):
        os.makedirs(path, mode=0o700, exist_ok=True)
        os.chown(path, postgres.pw_uid, postgres.pw_gid)
    # of the same file system: a rename, whatever the size
    if not os.path.exists(f"{target}.new/main") and os.path.exists(data):
        os.rename(data, f"{target}.new/main")
    os.rename(f"{target}.new", target)
    sync_directory(settings["kept"])
    sync_directory(os.path.dirname(data))


def sync_directory(path):
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def size_of(path):
    """Bytes on the disk."""
    total = 0
    for folder, _, entries in os.walk(path):
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(os.path.join(folder, entry)).st_blocks * 512
    return total


def remove(settings, name):
    """Removes what is left of one; the server must be down."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(directory_of(settings, name))


def newest_backup(settings, repository):
    """The newest backup of a repository that has no damaged page, as `pgbackrest info` tells it; None when there is none."""
    command = ["pgbackrest", f"--stanza={settings['stanza']}", f"--repo={repository}", "--output=json", "info"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    stanzas = json.loads(answer.stdout)
    backups = [backup for stanza in stanzas for backup in stanza["backup"] if not backup["error"]]
    return backups[-1] if backups else None
