#!/usr/bin/python3
"""Pauses the pooler while there is no primary that accepts writes, and resumes it when there is one.

pgha-guard watch    the service
pgha-guard resume   run by systemd after the service has ended, however it ended

Without a server to log in to, PgBouncer drops every new query at once; while it is paused it keeps them (query_wait_timeout
bounds how long). A pause that nobody lifts would be worse than the drops, hence the watchdog and the resume.

Patroni, and so the router, calls a server the primary from when it holds the leader key until it gives it up: a moment before
it accepts writes, and seconds after it was killed. So the guard holds a connection of its own by way of the router, as the
pooler does, and believes what it sees there.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
import time

import psycopg2

import pgha_pooler

INTERVAL_SECONDS = 0.25
# a server that hangs keeps its connections: this long without an answer, it counts as gone
SILENCE_SECONDS = 2.5
# a primary that the router vouches for this long gets its clients whatever the guard's own connection says
LAST_RESORT_SECONDS = 15


class Primary:
    """A connection to the primary, held by a thread of its own because a server that hangs would block it."""

    def __init__(self, settings):
        self.settings = settings
        self.tried = threading.Event()
        self.last_seen = None
        threading.Thread(target=self.hold_for_ever, daemon=True).start()

    def accepts_writes(self):
        last_seen = self.last_seen
        return last_seen is not None and time.monotonic() - last_seen < SILENCE_SECONDS

    def hold_for_ever(self):
        while True:
            with contextlib.suppress(psycopg2.Error):
                self.hold()
            self.last_seen = None
            self.tried.set()
            time.sleep(INTERVAL_SECONDS)

    def hold(self):
        """Never returns; raises when the connection is lost or refused."""
        with contextlib.closing(psycopg2.connect(self.settings["primary"])) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                while True:
                    cursor.execute("select pg_is_in_recovery()")
                    self.last_seen = None if cursor.fetchone()[0] else time.monotonic()
                    self.tried.set()
                    time.sleep(INTERVAL_SECONDS)


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


def watch(settings):
    primary, paused, doubtful_since = Primary(settings), None, None
    primary.tried.wait(SILENCE_SECONDS)
    notify("READY=1")
    while True:
        notify("WATCHDOG=1")
        if not pgha_pooler.router_says(settings, "/primary"):
            serving, doubtful_since = False, None
        elif primary.accepts_writes():
            serving, doubtful_since = True, None
        else:
            doubtful_since = doubtful_since or time.monotonic()
            serving = time.monotonic() - doubtful_since > LAST_RESORT_SECONDS
        if not serving and paused is not True:
            print("no primary: pausing the pooler", file=sys.stderr, flush=True)
            pause(settings)
            paused = True
        elif serving and paused is not False and resume(settings):
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
