#!/usr/bin/python3
"""Ends the acting region's primary so that nothing is lost: pgha-region-retire, on its leader, as postgres.

Patroni is paused on every member, so that none is promoted; then the server is stopped, which waits until every standby that
streams has all of it, the other region's too (PostgreSQL manual, 18.5). Tells as JSON where its WAL ends. Changes nothing when
that has been done. "pgha-region-retire --undo" ends the pause: Patroni then chooses a primary again.
"""

import json
import subprocess
import sys
import time

import pgha_etcd
import pgha_region

# every member looks at the configuration once a round, at the latest
PAUSE_PATIENCE_SECONDS = 30
STOP_PATIENCE_SECONDS = 120


def pause(settings, wanted):
    patch = json.dumps({"pause": True if wanted else None})
    configure = ["/usr/local/lib/pgha/region", "configure"]
    subprocess.run(configure, input=patch, text=True, check=True, stdout=subprocess.DEVNULL)


def is_paused(settings, context, member):
    try:
        _, text = pgha_etcd.ask(member, settings["patroniPort"], context, "GET", "/patroni")
    except OSError as error:
        raise SystemExit(f"Patroni of {member['name']} is not responding: {error}") from error
    return json.loads(text).get("pause") is True


def wait_until_paused(settings):
    """A member that has not heard of the pause would be promoted in the moment the primary stops."""
    context = pgha_etcd.tls_context(settings)
    deadline = time.monotonic() + PAUSE_PATIENCE_SECONDS
    waiting = list(settings["own"]["members"])
    while waiting:
        waiting = [member for member in waiting if not is_paused(settings, context, member)]
        if waiting and time.monotonic() > deadline:
            raise SystemExit(f"{', '.join(member['name'] for member in waiting)} did not pause")
        time.sleep(0.2 if waiting else 0)


def control_data(settings):
    """What the server left in its control file: (state, end of the WAL that the last checkpoint is in)."""
    command = [f"{settings['binDirectory']}/pg_controldata", f"--pgdata={settings['dataDirectory']}"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, env={"LC_ALL": "C"}).stdout.splitlines()
    values = {key.strip(): value.strip() for key, value in (line.split(":", 1) for line in lines if ":" in line)}
    return values["Database cluster state"], values["Latest checkpoint location"]


def stop_server(settings):
    # most of what a stop has to write is written before anybody waits
    subprocess.run(["psql", "--no-psqlrc", "--quiet", "--dbname=postgres", "--command=checkpoint"], check=True)
    stop = [f"{settings['binDirectory']}/pg_ctl", f"--pgdata={settings['dataDirectory']}", "stop", "--mode=fast"]
    subprocess.run([*stop, f"--timeout={STOP_PATIENCE_SECONDS}"], check=True, stdout=sys.stderr)


def main(arguments):
    settings = pgha_region.read_json(pgha_region.SETTINGS)
    if arguments == ["--undo"]:
        pause(settings, False)
        return
    if arguments:
        raise SystemExit("usage: pgha-region-retire [--undo]")
    pause(settings, True)
    wait_until_paused(settings)
    state, _ = control_data(settings)
    if state == "in production":
        stop_server(settings)
    state, checkpoint = control_data(settings)
    if state != "shut down":
        raise SystemExit(f"the server is not a primary that was shut down: the control file says \"{state}\"")
    json.dump({"checkpointLsn": checkpoint, "stoppedAt": time.time()}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
