#!/usr/bin/python3
"""Pauses the pooler while the router has no primary, and resumes it when it has one.

pgha-guard watch    the service
pgha-guard resume   run by systemd after the service has ended, however it ended

Without a server to log in to, PgBouncer drops every new query at once; while it is paused it keeps them (query_wait_timeout
bounds how long). A pause that nobody lifts would be worse than the drops, hence the watchdog and the resume.

Patroni, and so the router, calls a server the primary as soon as it holds the leader key, a moment before it accepts writes;
the queries that waited would then fail for having waited too little. So it is asked before it gets them.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pgha_pooler

# twice in the half second that the router takes to believe in a new primary
INTERVAL_SECONDS = 0.25
# a server that is the primary for this long and still will not say that it accepts writes gets its clients anyway
LAST_RESORT_SECONDS = 15


def notify(message):
    """systemd's notification protocol (sd_notify(3)); does nothing outside of a unit."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address is None:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect("\0" + address[1:] if address.startswith("@") else address)
        sender.send(message.encode())


def give(settings, command, deadline_seconds):
    pgha_pooler.ask_pooler(settings, f'{command} "{settings["database"]}"', deadline_seconds)


def pause(settings):
    """PAUSE holds new queries from the moment it is given and returns when the running ones are done, which a server that
    is gone may keep it from: so it is given from a thread that nobody waits for."""

    def wait_for_it():
        try:
            give(settings, "PAUSE", None)
        except pgha_pooler.PoolerError as error:
            # also when a RESUME overtook it
            print(f"PAUSE ended: {error}", file=sys.stderr, flush=True)

    threading.Thread(target=wait_for_it, daemon=True).start()


def resume(settings):
    try:
        give(settings, "RESUME", 2)
    except pgha_pooler.PoolerError as error:
        # it was not paused: that is what was wanted
        if "not paused" not in str(error):
            print(f"RESUME failed: {error}", file=sys.stderr, flush=True)
            return False
    return True


def accepts_writes(settings):
    """Asked by psql, because only a paused guard has to: it need not carry a driver all day."""
    query = [
        "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command=select pg_is_in_recovery()", settings["primary"],
    ]  # fmt: skip
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=3, check=False)
    except subprocess.TimeoutExpired:
        return False
    return answer.stdout.strip() == "f"


def watch(settings):
    paused, primary_since = None, None
    notify("READY=1")
    while True:
        notify("WATCHDOG=1")
        has_primary = pgha_pooler.router_says(settings, "/primary")
        if not has_primary:
            primary_since = None
        elif primary_since is None:
            primary_since = time.monotonic()
        if has_primary and paused and time.monotonic() - primary_since < LAST_RESORT_SECONDS:
            has_primary = accepts_writes(settings)
        if not has_primary and paused is not True:
            print("no primary: pausing the pooler", file=sys.stderr, flush=True)
            pause(settings)
            paused = True
        elif has_primary and paused is not False and resume(settings):
            # also the first time around: an earlier guard may have been lost together with its word
            if paused:
                print("the primary is back: the pooler goes on", file=sys.stderr, flush=True)
            paused = False
        time.sleep(INTERVAL_SECONDS)


def main(arguments):
    settings = pgha_pooler.read_settings()
    if arguments == ["watch"]:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        watch(settings)
    elif arguments == ["resume"]:
        resume(settings)
    else:
        raise SystemExit("usage: pgha-guard watch|resume")


if __name__ == "__main__":
    main(sys.argv[1:])
