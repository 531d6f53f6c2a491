#!/usr/bin/python3
"""Builds this member from the newest backup that its leader's history contains, of the nearest repository that has one:
pgha-restore-replica --connstring=CONNECTION [--scope=… --role=… --datadir=…, which Patroni adds]

Patroni takes it from there, and copies from the leader when this fails. A backup that was taken behind the point where the
leader's timeline left another one has what the leader never had: behind a lost primary, and after a restore in place, the newest
backup may be such a one. It must fail quickly where there is no backup or no S3: pgBackRest alone tries for minutes.
"""

import json
import os
import re
import subprocess
import sys

import pgha_scratch

INFO_PATIENCE_SECONDS = 20
RESTORE_PATIENCE_SECONDS = 3600
# of a history file: timeline, and where the next one left it
SWITCH = re.compile(r"^(\d+)\t([0-9A-F]+/[0-9A-F]+)", re.MULTILINE)


def position(text):
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def ask(connection, command):
    """psql speaks the replication protocol too (PostgreSQL manual, 53.4)."""
    psql = ["psql", "--no-psqlrc", "--no-align", "--tuples-only", f"{connection} replication=true connect_timeout=5"]
    return subprocess.run([*psql, f"--command={command}"], check=True, capture_output=True, text=True, timeout=20).stdout


def history_of(connection):
    """The leader's timeline, and for each earlier one the position up to which the leader shares it."""
    timeline = int(ask(connection, "IDENTIFY_SYSTEM").split("|")[1])
    text = ask(connection, f"TIMELINE_HISTORY {timeline}") if timeline > 1 else ""
    return timeline, {int(number): position(switch) for number, switch in SWITCH.findall(text.replace("|", "\n"))}


def is_contained(backup, timeline, switches):
    own, stop = int(backup["archive"]["stop"][:8], 16), position(backup["lsn"]["stop"])
    return own == timeline or (own in switches and stop <= switches[own])


def main(arguments):
    options = dict(argument.removeprefix("--").split("=", 1) for argument in arguments if "=" in argument)
    settings = pgha_scratch.read_settings()
    timeline, switches = history_of(options["connstring"])
    for repository in settings["repositories"]:
        command = ["pgbackrest", f"--stanza={settings['stanza']}", f"--repo={repository}", "--output=json", "info"]
        try:
            answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=INFO_PATIENCE_SECONDS)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            print(f"repository {repository} is not responding: {error}", file=sys.stderr)
            continue
        backups = [backup for stanza in json.loads(answer.stdout) for backup in stanza["backup"] if not backup["error"]]
        contained = [backup["label"] for backup in backups if is_contained(backup, timeline, switches)]
        if contained:
            bounded = ["timeout", "--kill-after=10", str(RESTORE_PATIENCE_SECONDS)]
            restore = ["pgbackrest", f"--stanza={settings['stanza']}", f"--repo={repository}", f"--set={contained[-1]}"]
            os.execvp("timeout", [*bounded, *restore, "--delta", "--type=standby", "restore"])
    raise SystemExit("no repository has a backup to build this member from")


if __name__ == "__main__":
    main(sys.argv[1:])
