#!/usr/bin/python3
"""One member's part of a restore in place, where the whole cluster goes back to a moment. The operator's command says what is
next; everything here may be asked again.

pgha-restore-in-place state      where this machine stands, as JSON
pgha-restore-in-place hold ID    Patroni does not start any more, whoever asks, a reboot included
pgha-restore-in-place stop       stops Patroni and PostgreSQL, and makes sure of it
pgha-restore-in-place aside ID   moves the data directory aside; it is kept
pgha-restore-in-place begin ID   starts Patroni once, to make the new cluster; standard input says of what
pgha-restore-in-place release ID Patroni starts as always
pgha-restore-in-place drop ID    removes what was moved aside
pgha-restore-in-place gate       run before Patroni starts: whether it may
pgha-restore-in-place bootstrap  run by Patroni: restores

The danger is a member that starts too early: with the cluster forgotten in etcd it would lead with the old data, or make an
empty cluster, or, started a second time in the middle of the recovery, replay beyond the wanted moment. Hence the gate.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pgha_scratch

# root's: the gate is asked before the data volume is looked at
GATE = "/var/lib/pgha-restore/gate.json"
METHOD = "/etc/patroni/config/30-restore.yml"
METHOD_CONTENT = """# written by a restore in place, which removes it at its end
bootstrap:
  method: pgha_restore
  pgha_restore:
    command: /usr/local/lib/pgha/restore-in-place bootstrap
    keep_existing_recovery_conf: true
    no_params: true
"""
IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
# a fast shutdown writes a checkpoint, and archives what is left while a repository may be away
STOP_SECONDS = 100


def read_gate():
    try:
        with open(GATE, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def write_gate(gate):
    """In one step and on the disk: a power cut right behind it must find it."""
    os.makedirs(os.path.dirname(GATE), mode=0o755, exist_ok=True)
    with open(f"{GATE}.new", "w", encoding="utf-8") as file:
        json.dump(gate, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{GATE}.new", GATE)
    pgha_scratch.sync_directory(os.path.dirname(GATE))


def require_gate(identifier):
    gate = read_gate()
    if gate is None or gate["id"] != identifier:
        held = "not reserved" if gate is None else f"reserved for {gate['id']}"
        raise SystemExit(f"this node is {held}, not for {identifier}")
    return gate


def systemctl(*arguments, check=True):
    return subprocess.run(["systemctl", *arguments], check=check, capture_output=True, text=True).stdout.strip()


def postmaster(settings):
    """The process id of the server of the member's own data directory, or None."""
    try:
        with open(f"{settings['dataDirectory']}/postmaster.pid", encoding="utf-8") as file:
            pid = int(file.readline())
        with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            return pid if file.read().strip() == "postgres" else None
    except (FileNotFoundError, ValueError):
        return None


def control_state(settings):
    """As pg_controldata says it, `in production` or `shut down`; None where there is no such file."""
    try:
        return pgha_scratch.control_file(settings, settings["dataDirectory"]).get("Database cluster state")
    except subprocess.CalledProcessError:
        return None


def is_finished_primary(settings):
    """Recovery has ended and the server has been promoted: from here on a start of Patroni is as any other."""
    data = settings["dataDirectory"]
    signals = [name for name in ("recovery.signal", "standby.signal") if os.path.exists(f"{data}/{name}")]
    return not signals and control_state(settings) in ("in production", "shut down", "shutting down")


def kept(settings):
    folder = settings["kept"]
    with contextlib.suppress(FileNotFoundError):
        return [
            {"id": name, "sizeBytes": pgha_scratch.size_of(f"{folder}/{name}/main"), "createdAt": os.stat(f"{folder}/{name}").st_mtime}
            for name in sorted(os.listdir(folder))
            if IDENTIFIER.fullmatch(name)
        ]
    return []


def restore_log(settings, identifier):
    return f"{settings['kept']}/{identifier}/restore.log"


def state(settings):
    gate, data = read_gate(), settings["dataDirectory"]
    tail = b"" if gate is None else pgha_scratch.tail_of(restore_log(settings, gate["id"]))
    links = f"{data}/pg_tblspc"
    return {
        "gate": None if gate is None else {"id": gate["id"], "phase": gate["phase"]},
        "patroni": systemctl("show", "--property=ActiveState", "--value", "patroni.service"),
        "isPostgresUp": postmaster(settings) is not None,
        "controlState": control_state(settings),
        "hasMethod": os.path.exists(METHOD),
        "tablespaces": os.listdir(links) if os.path.isdir(links) else [],
        "kept": kept(settings),
        "percent": pgha_scratch.percent_of(tail),
        "lastLine": tail.decode(errors="replace").strip().splitlines()[-1] if tail.strip() else None,
        "dataBytes": pgha_scratch.size_of(data),
        **pgha_scratch.room(settings),
    }


def hold(identifier):
    gate = read_gate()
    if gate is not None and gate["id"] != identifier:
        raise SystemExit(f"this node is reserved for {gate['id']}: finish that restore, or release it")
    if gate is None:
        write_gate({"id": identifier, "phase": "held"})


def stop(settings):
    systemctl("stop", "patroni.service", check=False)
    for how in (signal.SIGINT, signal.SIGQUIT):
        pid = postmaster(settings)
        if pid is None:
            break
        # fast, then at once; it outlives a Patroni that was killed
        os.kill(pid, how)
        wait = ["timeout", str(STOP_SECONDS), "tail", f"--pid={pid}", "-f", "/dev/null"]
        subprocess.run(wait, check=False)
    if postmaster(settings) is not None:
        raise SystemExit("PostgreSQL does not stop")


def aside(settings, identifier):
    require_gate(identifier)
    if postmaster(settings) is not None:
        raise SystemExit("PostgreSQL is running: stop it first")
    pgha_scratch.keep(settings, identifier)


def begin(settings, identifier):
    """From scratch, whatever an earlier try left: its data directory is ours as soon as the old one is aside."""
    spec = json.load(sys.stdin)
    gate = require_gate(identifier)
    data = settings["dataDirectory"]
    if not os.path.exists(f"{settings['kept']}/{identifier}"):
        raise SystemExit("the previous data directory has not been moved yet")
    stop(settings)
    for path in (data, f"{data}.failed"):
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(restore_log(settings, identifier))
    with open(METHOD, "w", encoding="utf-8") as file:
        file.write(METHOD_CONTENT)
    write_gate({**gate, "phase": "permitted", "spec": spec})
    systemctl("reset-failed", "patroni.service", check=False)
    systemctl("start", "--no-block", "patroni.service")


def release(identifier):
    gate = read_gate()
    if gate is not None and gate["id"] != identifier:
        raise SystemExit(f"this node is reserved for {gate['id']}")
    had_method = os.path.exists(METHOD)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(METHOD)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(GATE)
        pgha_scratch.sync_directory(os.path.dirname(GATE))
    is_active = systemctl("is-active", "patroni.service", check=False) == "active"
    if is_active and had_method:
        systemctl("reload", "patroni.service")
    elif not is_active:
        systemctl("reset-failed", "patroni.service", check=False)
        systemctl("start", "--no-block", "patroni.service")


def drop(settings, identifier):
    gate = read_gate()
    if gate is not None and gate["id"] == identifier:
        raise SystemExit("the restore that retained it has not finished")
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(f"{settings['kept']}/{identifier}")


def may_start(settings):
    gate = read_gate()
    if gate is None:
        return
    if gate["phase"] == "permitted":
        write_gate({**gate, "phase": "begun"})
    elif gate["phase"] != "begun" or not is_finished_primary(settings):
        # systemd neither fails nor restarts a unit whose condition does not hold
        print(f"an in-place restore ({gate['id']}) is in progress on this member", file=sys.stderr)
        sys.exit(1)


def bootstrap(settings):
    gate = read_gate()
    if gate is None or gate["phase"] != "begun":
        raise SystemExit("no in-place restore is in progress on this node")
    spec = gate["spec"]
    arguments = pgha_scratch.restore_arguments(settings, settings["dataDirectory"], spec)
    with open(restore_log(settings, gate["id"]), "ab") as log:
        done = subprocess.run([*arguments, "restore"], check=False, stdout=log, stderr=subprocess.STDOUT)
    # Patroni takes any other end for a failure, and removes what there is
    sys.exit(0 if done.returncode == 0 else 1)


def main(arguments):
    settings = pgha_scratch.read_settings()
    verb, identifier = [*arguments, None, None][:2]
    alone = {"stop": stop, "gate": may_start, "bootstrap": bootstrap}
    named = {"aside": aside, "begin": begin, "drop": drop}
    if verb == "state" and identifier is None:
        print(json.dumps(state(settings)))
    elif verb in alone and identifier is None:
        alone[verb](settings)
    elif identifier is not None and IDENTIFIER.fullmatch(identifier):
        if verb in named:
            named[verb](settings, identifier)
        elif verb in ("hold", "release"):
            {"hold": hold, "release": release}[verb](identifier)
        else:
            raise SystemExit(__doc__)
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
