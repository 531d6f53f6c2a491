#!/usr/bin/python3
"""Pauses the pooler while there is no primary that accepts writes, and resumes it when there is one.

pgha-guard watch         the service
pgha-guard hold SECONDS  before a planned switchover: the pooler waits for the next primary, at most this long; returns once it
                         has let the running transactions end
pgha-guard resume        run by systemd after the service has ended, however it ended

Without a server to log in to, PgBouncer drops every new query at once; while it is paused it keeps them (query_wait_timeout
bounds how long). A pause that nobody lifts would be worse than the drops, hence the watchdog and the resume.

Patroni, and so the router, calls a server the primary from when it holds the leader key until it gives it up: a moment before
it accepts writes, and seconds after it was killed. So the guard holds a connection of its own by way of the router, as the
pooler does, and believes what it sees there.
"""

import contextlib
import json
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
# what a hold waits for: transactions that are still at work when it gives up are cut by the switchover
HOLD_PATIENCE_SECONDS = 5
RUNTIME = "/run/pgha-guard"
# a primary that the router vouches for this long gets its clients whatever the guard's own connection says
LAST_RESORT_SECONDS = 15


# null on a server that does not accept writes
TIMELINE_QUERY = """
select case when not pg_is_in_recovery()
  then ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end
"""


def read_login(settings):
    """The login in use of the two that alternate when their password changes."""
    with open(settings["login_file"], encoding="utf-8") as file:
        return file.read().strip()


def connect(settings, login):
    return psycopg2.connect(f"{settings['primary']} user={login}")


class Primary:
    """A connection to the primary, held by a thread of its own because a server that hangs would block it."""

    def __init__(self, settings):
        self.settings = settings
        self.tried = threading.Event()
        self.last_seen = None
        self.timeline = None
        threading.Thread(target=self.hold_for_ever, daemon=True).start()

    def accepts_writes(self):
        last_seen = self.last_seen
        return last_seen is not None and time.monotonic() - last_seen < SILENCE_SECONDS

    def hold_for_ever(self):
        while True:
            try:
                # ended by another login: what was seen a moment ago still holds
                self.hold()
            except (psycopg2.Error, OSError):
                self.last_seen = None
                self.tried.set()
                time.sleep(INTERVAL_SECONDS)

    def hold(self):
        """Returns when another login is in use; raises when the connection is lost or refused."""
        login = read_login(self.settings)
        with contextlib.closing(connect(self.settings, login)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                while read_login(self.settings) == login:
                    cursor.execute(TIMELINE_QUERY)
                    (timeline,) = cursor.fetchone()
                    self.timeline = timeline
                    self.last_seen = None if timeline is None else time.monotonic()
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


def write_runtime(name, value):
    """Replaces a file that another process of this program reads."""
    path = f"{RUNTIME}/{name}"
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.rename(f"{path}.new", path)


def read_runtime(name):
    try:
        with open(f"{RUNTIME}/{name}", encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def is_held(timeline):
    """Whether a switchover has asked to wait for the next primary: one of a later timeline than it began with."""
    asked = read_runtime("hold")
    if asked is None or time.time() > asked["until"]:
        return False
    return timeline is None or timeline <= asked["timeline"]


def hold(settings, seconds):
    """Asks the service to pause now, and returns once it has."""
    with contextlib.closing(connect(settings, read_login(settings))) as connection, connection.cursor() as cursor:
        cursor.execute(TIMELINE_QUERY)
        (timeline,) = cursor.fetchone()
    if timeline is None:
        raise SystemExit("there is no primary to pause PgBouncer for: HAProxy's primary does not accept writes")
    write_runtime("hold", {"until": time.time() + seconds, "timeline": timeline})
    deadline = time.monotonic() + HOLD_PATIENCE_SECONDS
    while read_runtime("state") != "paused" and time.monotonic() < deadline:
        time.sleep(0.02)
    print(json.dumps({"state": read_runtime("state"), "timeline": timeline}))


def pause(settings):
    """PAUSE holds new queries from the moment it is given and returns when the running ones are done, which a server that
    is gone may keep it from: so it is given from a thread that nobody waits for."""

    def wait_for_it():
        try:
            give(settings, "PAUSE", None)
            write_runtime("state", "paused")
        except pgha_pooler.PoolerError as error:
            # also when a RESUME overtook it
            print(f"PAUSE ended: {error}", file=sys.stderr, flush=True)

    write_runtime("state", "pausing")
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
        if is_held(primary.timeline) or not pgha_pooler.router_says(settings, "/primary"):
            serving, doubtful_since = False, None
        elif primary.accepts_writes():
            serving, doubtful_since = True, None
        else:
            doubtful_since = doubtful_since or time.monotonic()
            serving = time.monotonic() - doubtful_since > LAST_RESORT_SECONDS
        if not serving and paused is not True:
            print("no primary, or a switchover is in progress: pausing PgBouncer", file=sys.stderr, flush=True)
            pause(settings)
            paused = True
        elif serving and paused is not False and resume(settings):
            # also the first time around: an earlier guard may have been lost together with its word
            if paused:
                print("there is a primary: PgBouncer is resumed", file=sys.stderr, flush=True)
            paused = False
            write_runtime("state", "serving")
        time.sleep(INTERVAL_SECONDS)


def main(arguments):
    settings = pgha_pooler.read_settings()
    if arguments == ["watch"]:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        watch(settings)
    elif arguments == ["resume"]:
        resume(settings)
    elif len(arguments) == 2 and arguments[0] == "hold" and arguments[1].isdigit():
        hold(settings, int(arguments[1]))
    else:
        raise SystemExit("usage: pgha-guard watch | hold SECONDS | resume")


if __name__ == "__main__":
    main(sys.argv[1:])
