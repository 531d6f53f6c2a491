"""Positions of the WAL: every program that reads one reads the same number."""

import subprocess
import tempfile
import unittest
import unittest.mock

import loading
import pgha_wal

restore_replica = loading.load("pgha-restore-replica")
TIMELINES = loading.PROGRAMS / "pgha-timelines.sh"
SEGMENT = 1 << 24


def any_position(source):
    """Short ones as often as long ones: most clusters never see the upper half."""
    return source.getrandbits(source.randint(1, 64))


class Positions(unittest.TestCase):
    def test_are_read_as_the_manual_says(self):
        known = {"0/0": 0, "0/3000148": 0x3000148, "1/0": 1 << 32, "16/B374D848": 0x16B374D848, "FFFFFFFF/FFFFFFFF": (1 << 64) - 1}
        for text, number in known.items():
            with self.subTest(text):
                self.assertEqual((pgha_wal.position(text), restore_replica.position(text)), (number, number))

    def test_are_read_alike_by_every_program_in_either_case(self):
        for number in loading.cases(any_position):
            text = pgha_wal.lsn_at(number)
            for spelled in (text, text.lower()):
                self.assertEqual(pgha_wal.position(spelled), number)
                self.assertEqual(restore_replica.position(spelled), number)

    def test_are_written_without_leading_zeros_in_upper_case(self):
        for number in loading.cases(any_position):
            self.assertRegex(pgha_wal.lsn_at(number), r"^(0|[1-9A-F][0-9A-F]*)/(0|[1-9A-F][0-9A-F]*)$")

    def test_are_of_the_segment_that_the_shell_computes(self):
        # the shell's numbers are signed
        numbers = [number >> 1 for number in loading.cases(any_position, 100)]
        halves = [pgha_wal.lsn_at(number).split("/") for number in numbers]
        script = f". {TIMELINES}\n" + "\n".join(f"segment_at {high} {low} {SEGMENT}" for high, low in halves)
        told = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True).stdout.split()
        self.assertEqual([int(each) for each in told], [number // SEGMENT for number in numbers])

    def test_without_a_slash_are_none(self):
        for read in (pgha_wal.position, restore_replica.position):
            for text in ("", "3000148", "1/2/3", "x/y"):
                with self.subTest(text), self.assertRaises(ValueError):
                    read(text)


def backup(timeline, stop):
    return {"archive": {"stop": f"{timeline:08X}0000000000000003"}, "lsn": {"stop": stop}}


class IsContained(unittest.TestCase):
    """Whether the leader's history has everything that a backup has."""

    switches = {1: pgha_wal.position("0/5000000"), 2: pgha_wal.position("0/8000000")}

    def test_of_the_leaders_own_timeline_always(self):
        self.assertTrue(restore_replica.is_contained(backup(3, "FF/0"), 3, self.switches))

    def test_of_an_earlier_timeline_up_to_where_the_leader_left_it(self):
        ends = ("0/4FFFFFF", "0/5000000", "0/5000001", "1/0")
        found = [restore_replica.is_contained(backup(1, end), 3, self.switches) for end in ends]
        self.assertEqual(found, [True, True, False, False])

    def test_not_of_a_timeline_that_the_leader_never_had(self):
        self.assertFalse(restore_replica.is_contained(backup(4, "0/1000000"), 3, self.switches))
        self.assertFalse(restore_replica.is_contained(backup(10, "0/1000000"), 3, {10 << 4: 1 << 40}))

    def test_reads_the_timeline_as_a_hexadecimal_number(self):
        self.assertTrue(restore_replica.is_contained(backup(26, "0/1"), 26, {}))

    def test_of_any_history_exactly_the_shared_part(self):
        def drawn(source):
            timeline = source.randint(1, 40)
            switches = {each: any_position(source) for each in range(1, timeline) if source.random() < 0.8}
            return timeline, switches, source.randint(1, 42), any_position(source)

        for timeline, switches, own, stop in loading.cases(drawn):
            shared_up_to = float("inf") if own == timeline else switches.get(own, -1)
            self.assertEqual(
                restore_replica.is_contained(backup(own, pgha_wal.lsn_at(stop)), timeline, switches), stop <= shared_up_to
            )


class HistoryOf(unittest.TestCase):
    """The answers are psql's, unaligned, of PostgreSQL 17."""

    def read(self, answers):
        asked = []

        def ask(_connection, command):
            asked.append(command)
            return answers[command]

        with unittest.mock.patch.object(restore_replica, "ask", ask):
            return restore_replica.history_of("host=pg-1"), asked

    def test_the_first_timeline_has_none(self):
        found, asked = self.read({"IDENTIFY_SYSTEM": "7300|1|0/3000148|\n"})
        self.assertEqual(found, (1, {}))
        self.assertEqual(asked, ["IDENTIFY_SYSTEM"])

    def test_a_later_one_has_a_line_for_each_before_it(self):
        lines = "1\t0/5000000\tno recovery target specified\n\n2\t1/A0\tbefore 2000-01-01\n"
        found, _ = self.read(
            {"IDENTIFY_SYSTEM": "7300|3|1/B0|\n", "TIMELINE_HISTORY 3": f"00000003.history|{lines}"}
        )
        self.assertEqual(found, (3, {1: 0x5000000, 2: (1 << 32) + 0xA0}))


class IsLeft(unittest.TestCase):
    """pgha-timelines.sh: whether a segment lies where the newer timeline had already begun another one."""

    def left(self, history, *asked):
        script = f"""
            . {TIMELINES}
            control_value() {{ echo {SEGMENT}; }}
            mkdir pg_wal && printf '%b' "$HISTORY" >pg_wal/00000003.history
            for each in {' '.join(asked)}; do if is_left "$each" 3; then echo 1; else echo 0; fi; done
        """
        with unittest.mock.patch.dict("os.environ", {"HISTORY": history}), tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True, cwd=folder)
        return [line == "1" for line in done.stdout.split()]

    def test_from_the_segment_on_in_which_it_was_left(self):
        segments = [f"000000010000000{log}000000{number:02X}" for log, number in ((0, 4), (0, 5), (0, 6), (1, 0))]
        self.assertEqual(self.left("1\t0/5000028\\twhy\n2\t0/9000000\\twhy\n", *segments), [False, True, True, True])

    def test_everything_of_a_timeline_that_is_no_ancestor(self):
        self.assertEqual(self.left("2\t0/9000000\\twhy\n", "000000010000000000000001"), [True])

    def test_nothing_of_the_timeline_itself_nor_of_a_newer_one(self):
        asked = ("000000030000000000000001", "000000040000000000000001")
        self.assertEqual(self.left("1\t0/5000028\\twhy\n", *asked), [False, False])

    def test_nothing_where_the_history_is_not_there_yet(self):
        self.assertEqual(self.left("", "000000010000000000000009"), [False])

    def test_agrees_with_the_arithmetic_of_the_positions(self):
        def drawn(source):
            return any_position(source) >> 2, any_position(source) >> 2

        for left, own in loading.cases(drawn, 30):
            log, number = divmod(own // SEGMENT, 256)
            segment = f"00000001{log:08X}{number:08X}"
            self.assertEqual(
                self.left(f"1\t{pgha_wal.lsn_at(left)}\\twhy\n", segment), [own // SEGMENT >= left // SEGMENT]
            )
