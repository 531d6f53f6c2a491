"""Counting tables: what may be compared, and what is left out with its reason."""

import unittest
from unittest import mock

import loading
import psycopg2

import pgha_tables

ITEMS, EVENTS = (16_400, "public.items", 1), (16_401, "public.events", 2)


def connection(counted, filenodes):
    """A server that counts these, or raises, by the table's number."""

    def answer(query, parameters):
        if "count_rows" in query:
            found = counted[parameters[0]]
            if isinstance(found, Exception):
                raise found
            return [found]
        if "pg_relation_filenode" in query:
            return [(filenodes[parameters[0]],)]
        return []

    return loading.Connection(answer)


class Count(unittest.TestCase):
    def test_tells_rows_and_their_sum(self):
        found = pgha_tables.count(connection({16_400: (3, "17"), 16_401: (0, "0")}, {16_400: 1, 16_401: 2}), [ITEMS, EVENTS])
        self.assertEqual(found, ({"public.items": {"rows": 3, "sum": "17"}, "public.events": {"rows": 0, "sum": "0"}}, []))

    def test_leaves_out_what_was_rewritten_or_dropped_and_goes_on(self):
        gone = psycopg2.errors.UndefinedTable()
        for counted, filenode in (((3, "17"), 9), (gone, 1)):
            server = connection({16_400: counted, 16_401: (1, "5")}, {16_400: filenode, 16_401: 2})
            found, left_out = pgha_tables.count(server, [ITEMS, EVENTS])
            self.assertEqual(found, {"public.events": {"rows": 1, "sum": "5"}})
            self.assertEqual(left_out, [{"table": "public.items", "reason": "truncated, rewritten or dropped while it was compared"}])

    def test_says_that_rows_are_hidden(self):
        hidden = psycopg2.errors.InsufficientPrivilege()
        _, left_out = pgha_tables.count(connection({16_400: hidden}, {}), [ITEMS])
        self.assertIn("its rows are hidden", left_out[0]["reason"])

    def test_gives_every_lock_back_before_the_next_table(self):
        server = connection({16_400: psycopg2.errors.UndefinedTable(), 16_401: (1, "5")}, {16_401: 2})
        pgha_tables.count(server, [ITEMS, EVENTS])
        ends = [query for query in server.the_cursor.asked if query.endswith("savepoint counting")]
        self.assertEqual(ends, ["savepoint counting", "rollback to savepoint counting"] * 2)

    def test_does_not_hide_another_error(self):
        with self.assertRaises(psycopg2.OperationalError):
            pgha_tables.count(connection({16_400: psycopg2.OperationalError("gone")}, {}), [ITEMS])


class LiveCount(unittest.TestCase):
    def test_ends_with_the_reason_where_the_primary_could_not_be_counted(self):
        server = connection({16_400: psycopg2.OperationalError("the connection was lost\n")}, {})
        counting = pgha_tables.LiveCount(server, [ITEMS])
        counting.start()
        with self.assertRaisesRegex(SystemExit, "could not be counted: the connection was lost$"):
            counting.result()
        self.assertTrue(server.is_closed)

    def test_adds_what_no_backup_has(self):
        with mock.patch.object(pgha_tables, "left_out_of", lambda _cursor: [{"table": "public.cache", "reason": "unlogged"}]):
            counting = pgha_tables.LiveCount(connection({16_400: (3, "17")}, {16_400: 1}), [ITEMS])
            counting.start()
            found = counting.result()
        self.assertEqual(found["counted"], {"public.items": {"rows": 3, "sum": "17"}})
        self.assertEqual(found["leftOut"], [{"table": "public.cache", "reason": "unlogged"}])
