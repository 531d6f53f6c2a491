"""Regions: what is read of them, the gate's loop, and what a merge of configurations leaves. What the gate decides of all facts is
tested in region-gate.test.ts."""

import json
import tempfile
import unittest
from unittest import mock

import loading
import pgha_etcd
import pgha_region

program = loading.load("pgha-region")


class Etcd:
    """An etcd that answers with these keys, or not at all."""

    def __init__(self, keys):
        self.keys, self.swapped = keys, []

    def read(self, wanted):
        if self.keys is None:
            raise pgha_etcd.Silence("nobody answers")
        return {key: (self.keys[key], 1) for key in wanted if key in self.keys}

    def swap(self, key, revision, text):
        self.swapped.append((key, revision, text))
        return True


def regions(own, peer, data_directory="/nonexistent"):
    found = pgha_region.Regions.__new__(pgha_region.Regions)
    found.settings, found.prefix = {"dataDirectory": data_directory}, "/service/pg"
    found.own, found.peer = Etcd(own), Etcd(peer)
    return found


class Read(unittest.TestCase):
    active = {"/service/pg/config": json.dumps({"pgha_region_epoch": 4}), "/service/pg/leader": "pg-1"}
    standby = {"/service/pg/config": json.dumps({"standby_cluster": {"host": "pg-1"}, "pgha_region_epoch": 4})}

    def test_tells_both_regions_apart(self):
        status = {"/service/pg/status": json.dumps({"optime": 83886080})}
        own, peer, met = regions({**self.active, **status, "/service/pg-regions/met": "yes"}, self.standby).read()
        self.assertEqual((own["epoch"], own["standby"], own["leader"], own["position"]), (4, False, "pg-1", 83886080))
        self.assertEqual((peer["epoch"], peer["standby"], peer["leader"], met), (4, True, None, True))
        self.assertEqual((pgha_region.acts(own), pgha_region.acts(peer)), (True, False))

    def test_remembers_once_that_the_peer_was_met(self):
        found = regions(self.active, self.standby)
        _, _, met = found.read()
        self.assertFalse(met)
        self.assertEqual(found.own.swapped, [("/service/pg-regions/met", 0, "yes")])
        again = regions({**self.active, "/service/pg-regions/met": "yes"}, self.standby)
        again.read()
        self.assertEqual(again.own.swapped, [])

    def test_never_met_a_peer_that_is_silent_or_empty(self):
        for peer in (None, {}):
            found = regions(self.active, peer)
            self.assertFalse(found.read()[2])
            self.assertEqual(found.own.swapped, [])

    def test_of_silence_is_nothing_but_its_reason(self):
        own, _, _ = regions(None, self.active).read()
        self.assertEqual(own, {**pgha_region.UNHEARD, "reason": "nobody answers"})
        self.assertFalse(pgha_region.acts(own))

    def test_of_an_empty_etcd_takes_what_patroni_kept_beside_the_data(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertFalse(regions({}, None, folder).read()[0]["known"])
            with open(f"{folder}/patroni.dynamic.json", "w", encoding="utf-8") as file:
                json.dump({"pgha_region_epoch": 7}, file)
            own, _, _ = regions({}, None, folder).read()
            self.assertEqual((own["known"], own["epoch"], own["standby"]), (True, 7, False))
            # and not where etcd knows better
            self.assertEqual(regions(self.standby, None, folder).read()[0]["standby"], True)

    def test_of_half_a_cached_file_is_none(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/patroni.dynamic.json", "w", encoding="utf-8") as file:
                file.write('{"pgha_region_')
            self.assertFalse(regions({}, None, folder).read()[0]["known"])

    def test_takes_a_configuration_without_an_epoch_for_the_first(self):
        self.assertEqual(pgha_region.described({"ttl": 30}), {"known": True, "standby": False, "epoch": 1})
        self.assertEqual(pgha_region.described(None), {"known": False, "standby": False, "epoch": 0})


def region(epoch=1, standby=False, **more):
    return {"answers": True, "known": True, "standby": standby, "epoch": epoch, "leader": None, **more}


SILENT = {**pgha_region.UNHEARD, "leader": None}


class Program(unittest.TestCase):
    """The program's loops, in which each pass reads what comes next in a transcript."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        places = {name: f"{folder.name}/{name.lower()}.json" for name in ("GATE", "SEEN", "CONFIRMED")}
        for name, path in places.items():
            self.replace(name, path)
        self.now, self.stopped = 1_000.0, []
        clock = mock.Mock(monotonic=lambda: self.now, time=lambda: self.now, sleep=self.sleep)
        self.replace("time", clock)
        self.replace("stop_server", lambda _settings: self.stopped.append(self.now))

    def replace(self, name, value):
        patch = mock.patch.object(program, name, value)
        patch.start()
        self.addCleanup(patch.stop)

    def sleep(self, seconds):
        self.now += seconds

    def read(self, *transcript):
        """The last one is read again for ever."""
        rest = list(transcript)

        class Regions:
            def __init__(self, _settings):
                pass

            def read(self):
                own, peer, met = rest.pop(0) if len(rest) > 1 else rest[0]
                return dict(own), dict(peer), met

            def another_leads(self, leader):
                return leader == "pg-2"

        patch = mock.patch.object(pgha_region, "Regions", Regions)
        patch.start()
        self.addCleanup(patch.stop)

    def verdict(self):
        gate = pgha_region.read_json(program.GATE)
        return gate["open"], gate["reason"]

    def test_the_gate_waits_until_the_peer_tells_that_it_is_a_standby(self):
        self.read((region(), SILENT, True), (region(), SILENT, True), (region(), region(standby=True), True))
        program.gate({})
        self.assertEqual(self.verdict(), (True, "the peer region is a standby"))
        self.assertEqual((self.now, self.stopped), (1_000 + 2 * program.GATE_INTERVAL_SECONDS, []))

    def test_the_gate_stays_closed_beside_a_peer_with_a_higher_epoch_and_stops_the_server(self):
        self.read((region(1), region(2), True))
        with self.assertRaises(SystemExit):
            program.gate({})
        self.assertFalse(self.verdict()[0])
        self.assertGreaterEqual(self.now, 1_000 + program.GATE_PATIENCE_SECONDS)
        self.assertGreater(len(self.stopped), 0)

    def test_the_gate_leaves_the_server_running_while_the_peer_is_only_silent(self):
        self.read((region(), SILENT, True))
        with self.assertRaises(SystemExit):
            program.gate({})
        self.assertEqual(self.stopped, [])

    def test_the_gate_opens_on_an_operators_word_and_beside_a_leader(self):
        pgha_region.write_json(program.CONFIRMED, {"at": 1})
        self.read((region(), SILENT, True))
        program.gate({})
        self.assertTrue(self.verdict()[0])

    def test_the_gate_opens_for_a_member_whose_region_has_a_leader(self):
        self.read((region(leader="pg-2"), SILENT, True))
        program.gate({})
        self.assertEqual(self.verdict(), (True, "this region has a leader"))

    def test_the_gate_asks_nobody_once_it_was_open_in_this_boot(self):
        pgha_region.write_json(program.GATE, {"open": True, "reason": "a new cluster", "since": 1})
        self.read((region(1), region(2), True))
        program.gate({})
        self.assertTrue(self.verdict()[0])

    def watch(self, *transcript):
        """Runs the watch once per entry of the transcript; returns the reason of each call of `give_up`."""
        given_up, passes = [], []

        def ended(_seconds):
            passes.append(None)
            if len(passes) == len(transcript):
                raise StopIteration

        self.replace("give_up", given_up.append)
        self.replace("time", mock.Mock(time=lambda: self.now, sleep=ended))
        self.read(*transcript)
        with self.assertRaises(StopIteration):
            program.watch({"metrics": None})
        return given_up

    def test_the_watch_gives_up_beside_an_active_peer_with_a_higher_epoch_alone(self):
        for own in (SILENT, *(region(epoch, standby) for epoch in (1, 2, 3) for standby in (False, True))):
            for peer in (SILENT, *(region(epoch, standby) for epoch in (1, 2, 3) for standby in (False, True))):
                with self.subTest(own=own, peer=peer):
                    both = pgha_region.acts(own) and pgha_region.acts(peer)
                    self.assertEqual(bool(self.watch((own, peer, True))), both and peer["epoch"] > own["epoch"])

    def test_the_watch_remembers_what_a_peer_told_last(self):
        self.watch((region(), region(1, True), True), (region(), SILENT, True))
        seen = pgha_region.read_json(program.SEEN)
        self.assertEqual((seen["peer"]["answers"], seen["peerLast"]["standby"]), (False, True))

    def test_an_operators_word_is_refused_beside_an_active_peer(self):
        self.read((region(2), region(2), True))
        with self.assertRaises(SystemExit):
            program.confirm({})
        self.assertIsNone(pgha_region.read_json(program.CONFIRMED))
        self.read((region(3), region(2), True))
        program.confirm({})
        self.assertIsNotNone(pgha_region.read_json(program.CONFIRMED))


class Merged(unittest.TestCase):
    def drawn(self, source, depth=3):
        return {
            key: self.drawn(source, depth - 1) if depth and source.random() < 0.4 else source.choice([None, 0, "x", True])
            for key in source.sample("abcde", source.randint(0, 4))
        }

    def test_null_removes_and_objects_are_merged_key_by_key(self):
        config = {"ttl": 30, "postgresql": {"parameters": {"a": 1, "b": 2}}, "standby_cluster": {"host": "x"}}
        patch = {"ttl": 20, "postgresql": {"parameters": {"a": None, "c": 3}}, "standby_cluster": None, "absent": None}
        self.assertEqual(
            program.merged(config, patch), {"ttl": 20, "postgresql": {"parameters": {"b": 2, "c": 3}}}
        )

    def test_keeps_the_nulls_of_an_object_that_is_new_as_patroni_does(self):
        self.assertEqual(program.merged({}, {"a": {"b": None}}), {"a": {"b": None}})

    def test_changes_neither_and_comes_to_rest(self):
        for config, patch in loading.cases(lambda source: (self.drawn(source), self.drawn(source))):
            before = json.dumps([config, patch])
            once = program.merged(config, patch)
            self.assertEqual(json.dumps([config, patch]), before)
            # the second time around it removes the nulls that came with a new object
            twice = program.merged(once, patch)
            self.assertEqual(program.merged(twice, patch), twice)

    def test_keeps_what_the_patch_does_not_name(self):
        for config, patch in loading.cases(lambda source: (self.drawn(source), self.drawn(source))):
            found = program.merged(config, patch)
            for key in config.keys() - patch.keys():
                self.assertEqual(found[key], config[key])
            self.assertEqual({key for key in patch if patch[key] is None} & found.keys(), set())
