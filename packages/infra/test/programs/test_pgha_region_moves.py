"""The moves between regions: what a rebuild takes for lost, and where a promotion says that the timeline was left."""

import os
import pathlib
import tempfile
import unittest
from unittest import mock

import loading
import pgha_wal

rebuild = loading.load("pgha-region-rebuild")
promote = loading.load("pgha-region-promote")


class DataDirectory(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.settings = {"dataDirectory": folder.name}
        self.wal = pathlib.Path(folder.name, "pg_wal")
        self.wal.mkdir()

    def history(self, timeline, *lines):
        (self.wal / f"{timeline:08X}.history").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


class CurrentTimeline(DataDirectory):
    def test_is_the_newest_that_has_a_segment(self):
        for name in ("00000001" + "0" * 16, "0000000A" + "0" * 15 + "1", "0000000B.history", "archive_status"):
            (self.wal / name).touch()
        self.assertEqual(rebuild.current_timeline(self.settings), 10)

    def test_is_none_without_any(self):
        self.assertIsNone(rebuild.current_timeline(self.settings))
        self.assertIsNone(rebuild.current_timeline({"dataDirectory": "/nonexistent"}))


class LeftAt(DataDirectory):
    """The active region's history: what it left each timeline with."""

    active = [{"timeline": 1, "endLsn": "0/5000000"}, {"timeline": 2, "endLsn": "0/8000000"}]

    def left(self, timeline, history=None):
        return rebuild.left_at(self.settings, timeline, self.active if history is None else history)

    def test_is_where_the_active_region_left_the_same_timeline(self):
        self.assertEqual([self.left(1), self.left(2)], ["0/5000000", "0/8000000"])

    def test_is_unknown_without_a_history(self):
        self.assertIsNone(self.left(3))

    def test_is_none_where_both_began_the_timeline_at_the_same_place(self):
        self.history(3, "1\t0/5000000\twhy", "", "2\t0/8000000\twhy")
        self.assertIsNone(self.left(3))

    def test_is_where_it_began_when_only_its_number_is_the_same(self):
        self.history(3, "1\t0/5000000\twhy", "2\t0/7000000\twhy")
        self.assertEqual(self.left(3), "0/7000000")
        self.history(3, "1\t0/8000000\twhy")
        self.assertEqual(self.left(3), "0/8000000")

    def test_is_where_it_began_when_the_active_region_never_left_one(self):
        self.history(2, "1\t0/6000000\twhy")
        self.assertEqual(self.left(2, []), "0/6000000")

    def test_tells_apart_any_two_beginnings(self):
        def drawn(source):
            return [(source.randint(1, 3), pgha_wal.lsn_at(source.randint(1, 3) << 24)) for _ in range(2)]

        for (parent, begun), (own_parent, own_begun) in loading.cases(drawn, 100):
            self.history(4, f"{own_parent}\t{own_begun}\twhy")
            found = self.left(4, [{"timeline": parent, "endLsn": begun}])
            self.assertEqual(found, None if (parent, begun) == (own_parent, own_begun) else own_begun)


class ReadLost(unittest.TestCase):
    def lost(self, lines):
        with mock.patch.object(pgha_wal, "dump", lambda *_: lines):
            return rebuild.read_lost({}, 1, "0/5000000")

    def test_reaches_to_the_last_commit(self):
        line = "tx: 750, lsn: 1/00000028, prev 0/30000A8, desc: COMMIT 2026-03-01 10:00:01.500000 UTC"
        found = self.lost([line])
        self.assertEqual((found["commits"], found["toLsn"], found["bytes"]), (1, "1/00000028", (1 << 32) + 0x28 - 0x5000000))

    def test_is_nothing_without_a_commit(self):
        found = self.lost([])
        self.assertEqual((found["commits"], found["fromLsn"], found["toLsn"], found["bytes"]), (0, "0/5000000", "0/5000000", 0))


def known(epoch=1, standby=False, answers=True):
    return {"answers": answers, "known": answers, "standby": standby, "epoch": epoch}


class RefuseUnlessGivenUp(unittest.TestCase):
    """The data of a region is replaced only beside an active peer with a higher epoch, or as its standby."""

    def is_refused(self, own, peer):
        regions = mock.Mock(read=lambda: (own, peer, True))
        clock = mock.Mock(monotonic=mock.Mock(side_effect=[0, rebuild.ANSWER_PATIENCE_SECONDS + 1]))
        with (
            mock.patch.object(rebuild.pgha_region, "Regions", lambda _settings: regions),
            mock.patch.object(rebuild, "time", clock),
        ):
            try:
                rebuild.refuse_unless_given_up({})
            except SystemExit:
                return True
        return False

    def test_of_every_pair_of_epochs(self):
        for own in (1, 2, 3):
            for peer in (1, 2, 3):
                self.assertEqual(self.is_refused(known(own), known(peer)), peer <= own)
                self.assertFalse(self.is_refused(known(own, standby=True), known(peer)))
                self.assertTrue(self.is_refused(known(own), known(peer, standby=True)))

    def test_while_either_is_silent(self):
        self.assertTrue(self.is_refused(known(1), known(2, answers=False)))
        self.assertTrue(self.is_refused(known(1, answers=False), known(2)))


class Promotion(DataDirectory):
    def test_a_fork_is_the_last_line_of_the_timelines_history(self):
        self.history(16, "1\t0/5000000\twhy", "", "# a remark", "15\t1/A0\tno recovery target specified")
        with mock.patch.object(promote, "query", lambda *_: "00000010"):
            self.assertEqual(promote.read_fork(self.settings), {"timeline": 16, "parent": 15, "forkLsn": "1/A0"})

    def test_offers_the_parents_segments_alone_to_the_archive(self):
        status = self.wal / "archive_status"
        status.mkdir()
        own, other = "00000001" + "0" * 15 + "5", "00000002" + "0" * 15 + "5"
        for name in (f"{own}.done", f"{other}.done", f"{own[:-1]}6.ready", "00000002.history.done"):
            (status / name).touch()
        promote.offer_to_archive(self.settings, 1)
        promote.offer_to_archive(self.settings, 1)
        left = [f"{own}.ready", f"{own[:-1]}6.ready", "00000002.history.done", f"{other}.done"]
        self.assertEqual(sorted(os.listdir(status)), sorted(left))

    def test_reads_the_pace_of_the_segment_that_was_left_and_of_the_one_before(self):
        size, stretches = 1 << 24, []

        def dump(_settings, timeline, start, end):
            stretches.append((timeline, pgha_wal.position(start), pgha_wal.position(end)))
            return []

        for fork in loading.cases(lambda source: source.randint(2 * size, 1 << 40), 50):
            stretches.clear()
            measured = {"forkLsn": pgha_wal.lsn_at(fork), "parent": 3, "timeline": 4}
            with (
                mock.patch.object(promote.pgha_region, "read_json", mock.Mock(return_value=measured)),
                mock.patch.object(promote, "query", lambda *_: str(size)),
                mock.patch.object(pgha_wal, "dump", dump),
            ):
                promote.read_pace(self.settings)
            begin = fork - fork % size
            self.assertEqual(stretches, [(3, begin - size, begin), (4, begin, fork)])

    def test_has_no_pace_where_nothing_was_measured(self):
        for measured in (None, {"epoch": 2}):
            with mock.patch.object(promote.pgha_region, "read_json", mock.Mock(return_value=measured)), self.assertRaises(SystemExit):
                promote.read_pace(self.settings)
