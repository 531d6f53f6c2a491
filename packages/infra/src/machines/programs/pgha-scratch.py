#!/usr/bin/python3
"""Scratch servers: restored beside a member, for somebody who wants to see what was there at a moment.

pgha-scratch room             what the data volume has and may give, as JSON
pgha-scratch create NAME      starts one; standard input says of what (JSON: repository, backup, type, target, timeline)
pgha-scratch serve NAME       its unit: restores, runs the server, and makes the role that may look at it
pgha-scratch list             every one with how far it is, as JSON
pgha-scratch drop NAME        ends it and removes its files
pgha-scratch copy NAME        writes a table of it into the cluster's primary, which must not have it; standard input says which (JSON:
                              schema, table, noOwner, skipForeignKeys)
"""

import contextlib
import json
import os
import pwd
import re
import signal
import subprocess
import sys
import time

import pgha_copy
import pgha_scratch

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
TABLE = re.compile(r"([a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]*")
REPLAYED = re.compile(rb'restored log file "([0-9A-F]{24})"')
LAST_COMMIT = re.compile(rb"last completed transaction was at log time (\S+ \S+)")


def unit_of(name):
    return f"pgha-scratch@{name}.service"


def unit_state(name):
    command = ["systemctl", "show", "--property=ActiveState", "--value", unit_of(name)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def create(settings, name):
    spec = json.load(sys.stdin)
    home = pgha_scratch.directory_of(settings, name)
    if os.path.exists(home):
        # the one who asked was cut off behind this: what is asked for is there
        with open(f"{home}/spec.json", encoding="utf-8") as file:
            if json.load(file) != spec:
                raise SystemExit(f"{name} already exists, from another backup or time; drop it")
    else:
        postgres = pwd.getpwnam("postgres")
        for path in (settings["scratch"], f"{home}.new"):
            os.makedirs(path, mode=0o700, exist_ok=True)
            os.chown(path, postgres.pw_uid, postgres.pw_gid)
        with open(f"{home}.new/spec.json", "w", encoding="utf-8") as file:
            json.dump(spec, file)
        os.rename(f"{home}.new", home)
    if unit_state(name) not in ("active", "activating"):
        subprocess.run(["systemctl", "reset-failed", unit_of(name)], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["systemctl", "start", unit_of(name)], check=True)


def serve(settings, name):
    home = pgha_scratch.directory_of(settings, name)
    with open(f"{home}/spec.json", encoding="utf-8") as file:
        spec = json.load(file)
    # a server that was up goes on where it was
    if not os.path.exists(f"{home}/restored"):
        pgha_scratch.restore(settings, name, spec)
        with open(f"{home}/restored", "w", encoding="utf-8"):
            pass
    arguments = pgha_scratch.server_arguments(settings, name)
    # beside what pgBackRest said: a statement in its log is no business of the machine's journal
    log = os.open(f"{home}/log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    server = subprocess.Popen(arguments)
    # a fast shutdown is told to this process alone
    signal.signal(signal.SIGINT, lambda *_: server.send_signal(signal.SIGINT))
    while server.poll() is None and not pgha_scratch.lets_in(settings, name):
        time.sleep(1)
    if server.poll() is None:
        pgha_scratch.admit_reader(settings, name)
    sys.exit(server.wait())


def last_match(pattern, text):
    found = pattern.findall(text)
    return found[-1].decode() if found else None


def describe(settings, name):
    home = pgha_scratch.directory_of(settings, name)
    with open(f"{home}/spec.json", encoding="utf-8") as file:
        spec = json.load(file)
    tail = pgha_scratch.log_tail(settings, name)
    state, problem = unit_state(name), None
    if state in ("active", "activating"):
        if not os.path.exists(f"{home}/restored"):
            phase = "restoring"
        else:
            is_open = pgha_scratch.lets_in(settings, name, settings["database"], pgha_scratch.READER)
            phase = "ready" if is_open else "recovering"
    elif state == "failed":
        phase, problem = "failed", pgha_scratch.complaint(settings, name)
    else:
        # after a reboot
        phase = "stopped"
    return {
        "name": name,
        "phase": phase,
        "problem": problem,
        "percent": pgha_scratch.percent_of(tail),
        "replayedUpTo": last_match(REPLAYED, tail),
        "lastCommitAt": last_match(LAST_COMMIT, tail),
        "sizeBytes": pgha_scratch.size_of(home),
        "createdAt": os.stat(f"{home}/spec.json").st_mtime,
        "spec": spec,
        "connection": f"host={home} dbname={settings['database']} user={pgha_scratch.READER}",
    }


def names(settings):
    with contextlib.suppress(FileNotFoundError):
        return sorted(
            name for name in os.listdir(settings["scratch"]) if os.path.exists(f"{settings['scratch']}/{name}/spec.json")
        )
    return []


def drop(settings, name):
    subprocess.run(["systemctl", "stop", unit_of(name)], check=True)
    subprocess.run(["systemctl", "reset-failed", unit_of(name)], check=False, stderr=subprocess.DEVNULL)
    pgha_scratch.remove(settings, name)


def copy(settings, name, table):
    """What to copy comes as JSON on standard input; a plain name as an argument is what older releases ask with."""
    if table is None:
        wanted = json.load(sys.stdin)
    else:
        schema, _, plain = table.rpartition(".")
        wanted = {"schema": schema or "public", "table": plain}
    print(json.dumps(pgha_copy.copy(settings, name, wanted)))


def main(arguments):
    settings = pgha_scratch.read_settings()
    verb, name, *rest = [*arguments, None, None][:3]
    if verb == "room" and name is None:
        print(json.dumps(pgha_scratch.room(settings)))
    elif verb == "list" and name is None:
        print(json.dumps([describe(settings, each) for each in names(settings)]))
    elif name is not None and NAME.fullmatch(name):
        if verb == "copy" and (rest[0] is None or TABLE.fullmatch(rest[0])):
            copy(settings, name, rest[0])
        elif verb in ("create", "serve", "drop"):
            {"create": create, "serve": serve, "drop": drop}[verb](settings, name)
        else:
            raise SystemExit(__doc__)
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
