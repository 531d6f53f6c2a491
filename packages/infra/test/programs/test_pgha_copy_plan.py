"""A copy of a table: the order of a dump's entries, what stands in its way, and what psql complained of.

The entries are lines of `pg_restore --list` of PostgreSQL 17; the servers answer from a transcript.
"""

import unittest

import loading
import pgha_copy_plan as plan


def table(name="items", **change):
    values = {
        "oid": 16_400,
        "schema": "public",
        "name": name,
        "shown": f"public.{name}",
        "kind": "r",
        "persistence": "p",
        "owner": "app",
        "size": 8192,
        "extension": None,
        "columns": ("id",),
    }
    return plan.Table(**{**values, **change})


def sorted_entries(lines, family=None, outer=(), inherited=(), **wanted):
    answers = {plan.OUTER_INDEXES: list(outer), plan.INHERITED_TRIGGERS: [(oid,) for oid in inherited]}
    cursor = loading.Cursor(lambda query, _parameters: answers[query])
    return plan.sort_entries(lines, cursor, family or [table()], wanted)


TABLE = "215; 1259 16400 TABLE public items app"
DATA = "3300; 0 16400 TABLE DATA public items app"
SEQUENCE = "3301; 0 0 SEQUENCE SET public items_id_seq app"
KEY = "3150; 2606 16410 CONSTRAINT public items items_pkey app"
INDEX = "3151; 1259 16411 INDEX public items_name app"
TRIGGER = "3152; 2620 16420 TRIGGER public items touched app"
FOREIGN_KEY = "3153; 2606 16412 FK CONSTRAINT public items items_owner_fkey app"
SECURITY = "3200; 0 16400 ROW SECURITY public items app"
POLICY = "3201; 3256 16430 POLICY public items own app"
ATTACH = "216; 0 0 TABLE ATTACH public items app"


class SortEntries(unittest.TestCase):
    def test_rows_come_before_what_is_built_on_them_and_row_security_last(self):
        parts, left_out = sorted_entries([TABLE, DATA, SEQUENCE, KEY, INDEX, TRIGGER, FOREIGN_KEY, SECURITY, POLICY])
        self.assertEqual(parts, (["215", "3300", "3301"], ["3150", "3151", "3152", "3153"], ["3200", "3201"]))
        self.assertEqual(left_out, [])

    def test_a_partition_is_attached_behind_its_own_indexes(self):
        parts, _ = sorted_entries([TABLE, ATTACH, DATA, KEY, INDEX, TRIGGER])
        self.assertEqual(parts, (["215", "3300"], ["3150", "3151", "216", "3152"], []))

    def test_an_index_that_is_attached_to_a_parent_that_stays_behind_is_not_copied(self):
        attached = "3160; 0 0 INDEX ATTACH public items_pkey app"
        parts, _ = sorted_entries([TABLE, DATA, KEY, attached], outer=[("public", "items_pkey")])
        self.assertEqual(parts, (["215", "3300"], ["3150"], []))
        parts, _ = sorted_entries([TABLE, DATA, KEY, attached])
        self.assertEqual(parts, (["215", "3300"], ["3150", "3160"], []))

    def test_a_trigger_that_a_partition_inherits_is_altered_last(self):
        parts, _ = sorted_entries([TABLE, DATA, TRIGGER, FOREIGN_KEY], inherited=["16420"])
        self.assertEqual(parts, (["215", "3300"], ["3153", "3152"], []))

    def test_foreign_keys_are_left_out_when_that_is_asked_for_and_named(self):
        parts, left_out = sorted_entries([TABLE, DATA, KEY, FOREIGN_KEY], skipForeignKeys=True)
        self.assertEqual(parts, (["215", "3300"], ["3150"], []))
        self.assertEqual(left_out, ["not copied: FK CONSTRAINT public items items_owner_fkey app"])

    def test_a_table_without_rows_of_its_own_is_split_before_its_first_index(self):
        self.assertEqual(sorted_entries([TABLE, KEY, TRIGGER])[0], (["215"], ["3150", "3152"], []))
        self.assertEqual(sorted_entries([TABLE])[0], (["215"], [], []))

    def test_a_name_with_a_line_break_is_found_as_pg_restore_lists_it(self):
        family = [table("two\nlines")]
        parts, _ = sorted_entries([TABLE, "216; 0 0 TABLE ATTACH public two lines app", DATA, KEY], family)
        self.assertEqual(parts, (["215", "3300"], ["3150", "216"], []))

    def test_no_entry_is_lost_or_done_twice(self):
        behind = [KEY, INDEX, TRIGGER, FOREIGN_KEY, ATTACH]

        def drawn(source):
            entries = [TABLE, *source.sample([DATA, SEQUENCE], source.randint(0, 2))]
            return [*entries, *source.sample(behind, source.randint(0, 5)), *source.sample([SECURITY, POLICY], source.randint(0, 2))]

        for lines in loading.cases(drawn):
            parts, _ = sorted_entries(lines, inherited=["16420"])
            self.assertEqual(sorted(sum(parts, [])), sorted(line.split(";")[0] for line in lines))


class Texts(unittest.TestCase):
    def test_a_pattern_has_no_wildcards(self):
        self.assertEqual(plan.pattern_of(table('we"ird*')), '"public"."we""ird*"')

    def test_a_complaint_is_the_errors_with_their_details(self):
        log = 'NOTICE:  x\npsql:<stdin>:12: ERROR:  relation "a"   exists\nDETAIL:  it does\nSTATEMENT:  create\n'
        self.assertEqual(plan.complaint(log), 'ERROR: relation "a" exists; DETAIL: it does')
        self.assertEqual(plan.complaint("killed\n"), "killed")
        self.assertEqual(plan.complaint(""), "")

    def test_only_an_ordinary_logged_table_has_rows_in_a_backup(self):
        for kind, persistence, wanted in (("r", "p", True), ("r", "u", False), ("p", "p", False), ("f", "p", False)):
            self.assertEqual(table(kind=kind, persistence=persistence).has_rows, wanted)


class ProblemsOf(unittest.TestCase):
    def problems(self, family, primary=None, is_without_owner=False, parents=()):
        """`primary` tells what the primary has: taken, schema, role."""
        has = {"taken": [], "schema": True, "role": (True, "postgres"), "parent": [], **(primary or {})}

        def scratch(query, _parameters):
            return {plan.MADE: [(each.schema, each.name, each.kind) for each in family], plan.PARENTS: list(parents)}[query]

        def there(query, parameters):
            if query == plan.TAKEN:
                return has["taken"]
            if query == plan.EXISTS:
                return has["parent"]
            if "pg_namespace" in query:
                return [(parameters[0], has["schema"])]
            if "pg_has_role" in query:
                return [] if has["role"] is None else [has["role"]]
            if "refobjid" in query:
                return [("public.items",)]
            return [(parameters[0],)]

        return plan.problems_of(loading.Cursor(scratch), loading.Cursor(there), family, is_without_owner)

    def test_are_none_where_nothing_is_in_the_way(self):
        self.assertEqual(self.problems([table()]), [])

    def test_are_what_is_no_table_and_what_belongs_to_the_nodes(self):
        self.assertEqual(self.problems([table(kind="v")]), ["public.items is a view, not a table"])
        for schema in ("pg_catalog", "information_schema", "heartbeat", "pgbouncer"):
            self.assertEqual(len(self.problems([table(schema=schema)])), 1)

    def test_are_rows_that_no_backup_has(self):
        self.assertIn("is unlogged", self.problems([table(persistence="u")])[0])
        # one part of it has rows: worth a note, no refusal
        self.assertEqual(self.problems([table(kind="p"), table("a", persistence="u"), table("b")]), [])

    def test_are_names_that_the_primary_has_already(self):
        taken = [("public.items", "r", "public", None), ("public.items_id_seq", "S", "public", None)]
        (problem,) = self.problems([table()], {"taken": taken})
        # its sequence moves with it
        self.assertIn("alter table public.items set schema set_aside", problem)
        (problem,) = self.problems([table()], {"taken": taken[1:]})
        self.assertIn("alter sequence public.items_id_seq rename to", problem)
        (problem,) = self.problems([table()], {"taken": [("public.items", "v", "public", None)]})
        self.assertIn("alter view public.items rename to", problem)

    def test_are_a_schema_a_parent_and_an_owner_that_the_primary_lacks(self):
        self.assertIn("create schema public", self.problems([table()], {"schema": False})[0])
        parent = [("public", "all", "public.all", "p")]
        self.assertIn("is a partition of public.all", self.problems([table()], parents=parent)[0])
        self.assertIn("does not exist", self.problems([table()], {"role": None})[0])
        self.assertIn("may not give", self.problems([table()], {"role": (False, "admin")})[0])
        self.assertEqual(self.problems([table()], {"role": None}, is_without_owner=True), [])
