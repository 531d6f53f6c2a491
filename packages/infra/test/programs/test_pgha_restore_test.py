"""The restore test: whose turn it is, what it refuses, and what counts as a difference."""

import datetime
import json
import tempfile
import unittest
from unittest import mock

import loading

restore_test = loading.load("pgha-restore-test")


def any_day(source):
    return datetime.date(2020, 1, 1) + datetime.timedelta(days=source.randint(0, 20_000))


class TurnOf(unittest.TestCase):
    def test_is_the_same_from_monday_to_sunday(self):
        for day in loading.cases(any_day):
            monday = day - datetime.timedelta(days=day.weekday())
            self.assertEqual(restore_test.turn_of([1, 2], day), restore_test.turn_of([1, 2], monday))

    def test_every_repository_has_one_in_as_many_weeks_as_there_are_repositories(self):
        """Also around the new year, and whatever their order."""
        for repositories in ([1], [2, 1], [22, 1, 12]):
            for day in loading.cases(any_day, 200):
                weeks = [day + datetime.timedelta(weeks=week) for week in range(len(repositories))]
                turns = [restore_test.turn_of(repositories, each) for each in weeks]
                self.assertEqual(sorted(turns), sorted(repositories))

    def test_goes_on_through_a_year_of_53_weeks(self):
        days = [datetime.date(2026, 12, 28), datetime.date(2027, 1, 4), datetime.date(2027, 1, 11)]
        first, second, third = (restore_test.turn_of([1, 2], day) for day in days)
        self.assertNotEqual(first, second)
        self.assertEqual(first, third)


class RequireTurn(unittest.TestCase):
    def refusal(self, wanted, *role):
        with mock.patch.object(restore_test, "own_role", lambda _settings: role):
            try:
                restore_test.require_turn({}, wanted)
            except restore_test.NotOurTurn as reason:
                return str(reason)
        return None

    def test_a_replica_that_streams_may(self):
        self.assertIsNone(self.refusal("auto", "replica", "streaming", 3))

    def test_a_primary_may_when_it_is_alone_or_asked_for(self):
        self.assertIsNone(self.refusal("auto", "leader", "running", 1))
        self.assertIsNone(self.refusal("1", "leader", "running", 3))
        self.assertIn("is the primary", self.refusal("auto", "leader", "running", 3))

    def test_nobody_may_in_a_standby_region(self):
        for wanted in ("auto", "1"):
            self.assertIn("no primary", self.refusal(wanted, "standby_leader", "running", 1))

    def test_a_replica_that_does_not_stream_may_not(self):
        for state in ("running", "starting", "stopped", None):
            self.assertEqual(self.refusal("1", "replica", state, 3), f"this node is {state}")


class MissingRoom(unittest.TestCase):
    def test_is_none_where_the_backup_fits(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertIsNone(restore_test.missing_room({"dataMount": folder}, {"info": {"size": 0}}))

    def test_tells_what_it_takes_and_what_there_is(self):
        with tempfile.TemporaryDirectory() as folder:
            reason = restore_test.missing_room({"dataMount": folder}, {"info": {"size": 1 << 70}})
        self.assertIn(f"the backup takes {1 << 50} MiB", reason)


class DifferencesOf(unittest.TestCase):
    counted = {"public.items": {"rows": 3, "sum": "17"}, "public.events": {"rows": 0, "sum": "0"}}

    def test_are_none_of_equal_tables(self):
        self.assertEqual(restore_test.differences_of(self.counted, dict(self.counted), set()), [])

    def test_are_rows_and_sums_and_tables_of_either_side(self):
        restored = {"public.items": {"rows": 3, "sum": "18"}, "public.more": {"rows": 1, "sum": "5"}}
        found = restore_test.differences_of(self.counted, restored, set())
        self.assertEqual([each["table"] for each in found], ["public.events", "public.items", "public.more"])
        self.assertEqual(found[2], {"table": "public.more", "live": None, "restored": {"rows": 1, "sum": "5"}})

    def test_are_told_of_exactly_the_tables_that_differ_and_were_not_left_out(self):
        def drawn(source):
            def side():
                return {name: {"rows": source.randint(0, 1), "sum": "0"} for name in "abcdef" if source.random() < 0.7}

            return side(), side(), {name for name in "abcdef" if source.random() < 0.2}

        for live, restored, left_out in loading.cases(drawn):
            found = [each["table"] for each in restore_test.differences_of(live, restored, left_out)]
            wanted = [name for name in "abcdef" if name not in left_out and live.get(name) != restored.get(name)]
            self.assertEqual(found, wanted)
            mirrored = restore_test.differences_of(restored, live, left_out)
            self.assertEqual([each["table"] for each in mirrored], found)


class Finish(unittest.TestCase):
    def test_a_failure_keeps_when_the_last_success_was(self):
        with tempfile.TemporaryDirectory() as folder:
            places = {"RUNTIME": folder, "RESULTS": folder, "RESULT": f"{folder}/last.json"}
            with mock.patch.multiple(restore_test, **places):
                restore_test.write_json(f"{folder}/progress.json", {"repository": 2, "backup": "20250101-000000F"})
                restore_test.finish({"machine": "pg-2"}, ok=True, differences=[])
                succeeded = restore_test.read_json(f"{folder}/last.json")
                restore_test.finish({"machine": "pg-3"}, ok=False, problem="it was interrupted", differences=[])
                failed = restore_test.read_json(f"{folder}/repository-2.json")
        self.assertEqual(succeeded["succeededAt"], succeeded["endedAt"])
        self.assertEqual(failed["succeededAt"], succeeded["endedAt"])
        self.assertEqual((failed["ok"], failed["machine"], failed["problem"]), (False, "pg-3", "it was interrupted"))
        json.dumps(failed)
