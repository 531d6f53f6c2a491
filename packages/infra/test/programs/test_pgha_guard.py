"""The guard's loop by transcripts: what the router and the primary say in each round, and what PgBouncer is told.

Router and PgBouncer are sockets that speak their protocols, so the guard's own client is tested with it; the clock is the test's.
"""

import json
import os
import socketserver
import struct
import tempfile
import threading
import unittest
from unittest import mock

import loading

guard = loading.load("pgha-guard")
ROUNDS_PER_SECOND = round(1 / guard.INTERVAL_SECONDS)
SILENT = "silent"


class Finished(Exception):
    """The transcript has ended."""


class Clock:
    """In place of the module `time`: sleeping is what ends a round."""

    def __init__(self, ended):
        self.now, self.ended = 1_000.0, ended

    def monotonic(self):
        return self.now

    time = monotonic

    def sleep(self, seconds):
        self.now += seconds
        self.ended()


class RouterRequest(socketserver.StreamRequestHandler):
    def handle(self):
        asked = self.rfile.readline().split()
        is_up = asked[1] == b"/primary" and self.server.is_up
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" if is_up else b"HTTP/1.0 503 Service Unavailable\r\n\r\n")


def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


class PoolerSession(socketserver.StreamRequestHandler):
    """PgBouncer's administration console: one statement, accepted or refused."""

    def handle(self):
        (length,) = struct.unpack("!I", self.rfile.read(4))
        self.rfile.read(length - 4)
        ready = message(b"Z", b"I")
        self.wfile.write(message(b"R", b"\0\0\0\0") + ready)
        (length,) = struct.unpack("!xI", self.rfile.read(5))
        statement = self.rfile.read(length - 4).rstrip(b"\0").decode()
        self.server.statements.append(statement)
        refusals = self.server.refusals
        refusal = refusals.pop(0) if refusals and statement.startswith("RESUME") else None
        if refusal is None:
            self.wfile.write(message(b"C", b"DONE\0") + ready)
        else:
            self.wfile.write(message(b"E", f"SERROR\0M{refusal}\0\0".encode()))
        # its word of farewell, or the end: a client that still writes must not find the connection closed
        self.rfile.read()


class Loop(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.runtime = folder.name
        self.router = socketserver.ThreadingTCPServer(("127.0.0.1", 0), RouterRequest)
        self.pooler = socketserver.ThreadingUnixStreamServer(f"{folder.name}/.s.PGSQL.6432", PoolerSession)
        self.pooler.statements, self.pooler.refusals = [], []
        for server in (self.router, self.pooler):
            server.daemon_threads = True
            serving = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            serving.start()
            self.addCleanup(server.server_close)
            self.addCleanup(serving.join)
            self.addCleanup(server.shutdown)
        self.settings = {
            "pooler_socket": folder.name,
            "pooler_port": 6432,
            "router_port": self.router.server_address[1],
            "database": "app",
        }

    def state(self):
        with open(f"{self.runtime}/state", encoding="utf-8") as file:
            return json.load(file)

    def ask_to_hold(self, until, timeline):
        with open(f"{self.runtime}/hold", "w", encoding="utf-8") as file:
            json.dump({"until": until, "timeline": timeline}, file)

    def watch(self, transcript, refusals=()):
        """Runs the loop over the rounds, each (router is up, timeline or None or SILENT), and returns the verbs that PgBouncer
        was told in each of them."""
        self.pooler.statements.clear()
        self.pooler.refusals[:] = refusals
        rounds, told, primaries = iter(transcript), [], []

        def begin():
            try:
                is_up, timeline = next(rounds)
            except StopIteration:
                raise Finished from None
            (primary,) = primaries
            self.router.is_up = is_up
            if timeline != SILENT:
                primary.timeline = timeline
                primary.last_seen = None if timeline is None else clock.now

        def ended():
            # a PAUSE is given by a thread, which the guard does not wait for
            for thread in threading.enumerate():
                if "wait_for_it" in thread.name:
                    thread.join(10)
            told.append([statement.split()[0] for statement in self.pooler.statements])
            self.pooler.statements.clear()
            begin()

        def connect(primary):
            primaries.append(primary)
            begin()
            primary.tried.set()

        clock = Clock(ended)
        with (
            mock.patch.object(guard, "RUNTIME", self.runtime),
            mock.patch.object(guard, "time", clock),
            mock.patch.object(guard.Primary, "hold_for_ever", connect),
            self.assertRaises(Finished),
        ):
            guard.watch(self.settings)
        return told

    def test_tells_the_pooler_once_that_there_is_a_primary(self):
        self.assertEqual(self.watch([(True, 3)] * 5), [["RESUME"], [], [], [], []])
        self.assertEqual(self.state(), "serving")

    def test_pauses_once_without_a_primary_and_resumes_with_the_next(self):
        told = self.watch([(True, 3), (False, 3), (False, None), (True, 4), (True, 4)])
        self.assertEqual(told, [["RESUME"], ["PAUSE"], [], ["RESUME"], []])

    def test_pauses_at_once_where_it_begins_without_a_primary(self):
        self.assertEqual(self.watch([(False, None)] * 3), [["PAUSE"], [], []])
        self.assertEqual(self.state(), "paused")

    def test_names_the_database(self):
        with mock.patch.object(guard.pgha_pooler, "ask_pooler") as ask:
            guard.give(self.settings, "PAUSE", None)
        ask.assert_called_once_with(self.settings, 'PAUSE "app"', None)

    def test_does_not_believe_the_router_alone_until_the_last_resort(self):
        rounds = guard.LAST_RESORT_SECONDS * ROUNDS_PER_SECOND
        told = self.watch([(True, 3), *[(True, None)] * (rounds + 2)])
        self.assertEqual(told[:2], [["RESUME"], ["PAUSE"]])
        self.assertEqual(sum(told[2 : rounds + 2], []), [])
        self.assertEqual(told[rounds + 2], ["RESUME"])

    def test_begins_the_last_resort_anew_when_the_router_takes_its_word_back(self):
        nearly = [(True, None)] * (guard.LAST_RESORT_SECONDS * ROUNDS_PER_SECOND)
        told = self.watch([*nearly, (False, None), *nearly])
        self.assertEqual(sum(told, []), ["PAUSE"])

    def test_takes_a_connection_that_hangs_for_gone_after_its_time(self):
        silence = round(guard.SILENCE_SECONDS * ROUNDS_PER_SECOND)
        told = self.watch([(True, 3), *[(True, SILENT)] * silence])
        self.assertEqual(told, [["RESUME"], *[[]] * (silence - 1), ["PAUSE"]])

    def test_resumes_again_until_the_pooler_accepts_it(self):
        told = self.watch([(False, None), *[(True, 3)] * 4], refusals=["server login failed", "server login failed"])
        self.assertEqual(told, [["PAUSE"], ["RESUME"], ["RESUME"], ["RESUME"], []])

    def test_takes_not_paused_for_resumed(self):
        self.assertEqual(self.watch([(True, 3)] * 3, refusals=['database "app" is not paused']), [["RESUME"], [], []])

    def test_waits_during_a_switchover_for_a_primary_of_a_later_timeline(self):
        self.ask_to_hold(until=2_000, timeline=3)
        self.assertEqual(self.watch([(True, 3), (True, 3), (True, 4)]), [["PAUSE"], [], ["RESUME"]])

    def test_gives_up_a_switchover_that_does_not_come(self):
        self.ask_to_hold(until=1_000 + 2 * guard.INTERVAL_SECONDS, timeline=3)
        self.assertEqual(self.watch([(True, 3)] * 4), [["PAUSE"], [], [], ["RESUME"]])

    def test_never_contradicts_what_it_was_told(self):
        """Of any transcript: PAUSE and RESUME take turns; no RESUME without the router's word; clients wait wherever it says no."""

        def transcript(source):
            return [
                (source.random() < 0.7, source.choice([None, SILENT, 3, 4])) for _ in range(source.randint(1, 20))
            ]

        for rounds in loading.cases(transcript, 40):
            with self.subTest(rounds=rounds):
                told, is_paused = self.watch(rounds), None
                for (is_up, timeline), verbs in zip(rounds, told, strict=True):
                    for verb in verbs:
                        self.assertNotEqual(verb == "PAUSE", is_paused)
                        is_paused = verb == "PAUSE"
                    if not is_up or timeline is None:
                        self.assertTrue(is_paused)
                    elif timeline != SILENT:
                        self.assertFalse(is_paused)


class Hold(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        patch = mock.patch.object(guard, "RUNTIME", folder.name)
        patch.start()
        self.addCleanup(patch.stop)
        self.login_file = f"{folder.name}/login"
        self.log_in_as("guard_a")

    def log_in_as(self, login):
        with open(self.login_file, "w", encoding="utf-8") as file:
            file.write(f"{login}\n")

    def test_is_off_where_nobody_asked(self):
        self.assertFalse(guard.is_held(3))

    def test_lasts_while_the_timeline_is_unknown_or_the_same(self):
        guard.write_runtime("hold", {"until": guard.time.time() + 60, "timeline": 3})
        self.assertEqual([guard.is_held(timeline) for timeline in (None, 2, 3, 4)], [True, True, True, False])

    def test_ends_with_its_time(self):
        guard.write_runtime("hold", {"until": guard.time.time() - 1, "timeline": 3})
        self.assertFalse(guard.is_held(3))

    def test_is_refused_without_a_primary(self):
        connection = loading.Connection(lambda _query, _parameters: [(None,)])
        with mock.patch.object(guard, "connect", lambda *_: connection), self.assertRaises(SystemExit):
            guard.hold({"login_file": self.login_file}, 10)
        self.assertIsNone(guard.read_runtime("hold"))
        self.assertTrue(connection.is_closed)

    def test_returns_once_the_service_has_paused(self):
        guard.write_runtime("state", "paused")
        connection = loading.Connection(lambda _query, _parameters: [(3,)])
        with mock.patch.object(guard, "connect", lambda *_: connection):
            guard.hold({"login_file": self.login_file}, 10)
        self.assertEqual(guard.read_runtime("hold")["timeline"], 3)
        self.assertTrue(guard.is_held(3))

    def test_a_connection_is_given_up_when_another_login_is_in_use(self):
        timelines = [3, None]

        def answer(_query, _parameters):
            if len(timelines) == 1:
                self.log_in_as("guard_b")
            return [(timelines.pop(0),)]

        connection = loading.Connection(answer)
        with (
            mock.patch.object(guard, "connect", lambda *_: connection),
            mock.patch.object(guard.Primary, "hold_for_ever", lambda _self: None),
            mock.patch.object(guard.time, "sleep", lambda _seconds: seen.append(primary.accepts_writes())),
        ):
            seen, primary = [], guard.Primary({"login_file": self.login_file})
            primary.hold()
        # a server in recovery is no primary
        self.assertEqual(seen, [True, False])
        self.assertEqual((timelines, connection.is_closed), ([], True))


class Notify(unittest.TestCase):
    def test_says_nothing_outside_of_a_unit(self):
        with mock.patch.dict(os.environ):
            os.environ.pop("NOTIFY_SOCKET", None)
            guard.notify("READY=1")
