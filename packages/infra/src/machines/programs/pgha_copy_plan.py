"""What a copy of a table brings, what stands in its way, and in which order it is done. Nothing here changes anything."""

import re
from dataclasses import dataclass

from psycopg2 import sql

import pgha_tables

KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "i": "an index",
    "I": "an index",
    "c": "a composite type",
    "t": "a TOAST table",
}
FIND = """
select c.oid, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = %s and c.relname = %s
"""
FAMILY = """
with recursive family (oid, depth) as (
  select %s::oid, 0 union select inhrelid, depth + 1 from pg_inherits join family on inhparent = family.oid
)
select c.oid, n.nspname, c.relname, format('%%I.%%I', n.nspname, c.relname), c.relkind, c.relpersistence, r.rolname,
  pg_table_size(c.oid),
  (select e.extname from pg_depend d join pg_extension e on e.oid = d.refobjid
   where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'),
  array(select a.attname::text from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum)
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles r on r.oid = c.relowner
join (select oid, min(depth) as depth from family group by oid) f on f.oid = c.oid
order by f.depth, n.nspname, c.relname
"""
# its indexes and the sequences that belong to its columns
MADE = """
select n.nspname, c.relname, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid = any (%(family)s)
  or c.oid in (select indexrelid from pg_index where indrelid = any (%(family)s))
  or c.relkind = 'S' and c.oid in (
    select objid from pg_depend where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass
      and refobjid = any (%(family)s) and deptype in ('a', 'i'))
"""
TAKEN = """
select format('%%I.%%I', n.nspname, c.relname), c.relkind, n.nspname, i.indrelid::regclass::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_index i on i.indexrelid = c.oid
join unnest(%s::text[], %s::text[]) as wanted (schema, name) on n.nspname = wanted.schema and c.relname = wanted.name
order by c.relkind in ('r', 'p', 'f', 'v', 'm') desc, 1
"""
PARENTS = """
select distinct n.nspname, c.relname, format('%%I.%%I', n.nspname, c.relname), c.relkind
from pg_inherits join pg_class c on c.oid = inhparent join pg_namespace n on n.oid = c.relnamespace
where inhrelid = any (%(family)s) and not inhparent = any (%(family)s)
"""
INCOMING = """
select n.nspname, c.relname, format('%%I.%%I', n.nspname, c.relname), f.conname, pg_get_constraintdef(f.oid)
from pg_constraint f join pg_class c on c.oid = f.conrelid join pg_namespace n on n.oid = c.relnamespace
where f.contype = 'f' and f.conparentid = 0 and f.confrelid = any (%(family)s) and not f.conrelid = any (%(family)s)
order by 3, 4
"""
# pg_dump leaves them behind when it is asked for a table
STATISTICS = """
select format('%%I.%%I', n.nspname, s.stxname), pg_get_statisticsobjdef(s.oid), s.stxstattarget, quote_ident(r.rolname),
  quote_literal(obj_description(s.oid, 'pg_statistic_ext'))
from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace join pg_roles r on r.oid = s.stxowner
where s.stxrelid = any (%(family)s) order by 1
"""
VIEWS = """
select distinct n.nspname, v.relname, format('%%I.%%I', n.nspname, v.relname), v.relkind
from pg_depend d join pg_rewrite w on w.oid = d.objid join pg_class v on v.oid = w.ev_class
join pg_namespace n on n.oid = v.relnamespace
where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = any (%(family)s)
  and v.relkind in ('v', 'm') order by 3
"""
PUBLICATIONS = """
select p.pubname, format('%%I.%%I', n.nspname, c.relname), format('alter publication %%I add table %%I.%%I', p.pubname, n.nspname, c.relname)
from pg_publication_rel r join pg_publication p on p.oid = r.prpubid join pg_class c on c.oid = r.prrelid
join pg_namespace n on n.oid = c.relnamespace where r.prrelid = any (%(family)s) order by 1, 2
"""
LARGE_OBJECTS = """
select format('%%I.%%I.%%I', n.nspname, c.relname, a.attname) from pg_attribute a join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace join pg_type t on t.oid = a.atttypid
where a.attrelid = any (%(family)s) and a.attnum > 0 and not a.attisdropped and t.typname in ('oid', 'lo')
  and exists (select from pg_largeobject_metadata) order by 1
"""
OUTER_INDEXES = """
select n.nspname, x.relname from pg_index i join pg_class x on x.oid = i.indexrelid join pg_namespace n on n.oid = x.relnamespace
join pg_inherits h on h.inhrelid = i.indexrelid where i.indrelid = %s
"""
EXISTS = "select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = %s and c.relname = %s"
INHERITED_TRIGGERS = "select oid::text from pg_trigger where tgrelid = any (%(family)s) and tgparentid <> 0"
ENTRY = re.compile(r"(\d+); (\d+) (\d+) (.*)", re.DOTALL)


@dataclass(frozen=True)
class Table:
    oid: int
    schema: str
    name: str
    shown: str
    kind: str
    persistence: str
    owner: str
    size: int
    extension: str
    columns: tuple

    @property
    def names(self):
        return (self.schema, self.name)

    @property
    def has_rows(self):
        """Rows of its own that a backup has: a partitioned table has none, a foreign table's are elsewhere."""
        return self.kind == "r" and self.persistence == "p"


def family_of(cursor, schema, name):
    """The table and everything below it, the table first."""
    cursor.execute(FIND, (schema, name))
    row = cursor.fetchone()
    if row is None:
        cursor.execute("select format('%%I.%%I', %s::text, %s::text)", (schema, name))
        raise SystemExit(f"nothing was copied: the scratch server has no table {cursor.fetchone()[0]}")
    cursor.execute(FAMILY, (row[0],))
    return [Table(*values, tuple(columns)) for *values, columns in cursor.fetchall()]


def ids(family):
    return {"family": [each.oid for each in family]}


def problems_of(cursor, there, family, is_without_owner):
    """Why the table cannot be copied, and what would help; `cursor` asks the scratch server, `there` the primary."""
    root = family[0]
    if root.kind in KINDS:
        return [f"{root.shown} is {KINDS[root.kind]}, not a table"]
    if root.schema.startswith("pg_") or root.schema in ("information_schema", "heartbeat", "pgbouncer"):
        return [f"schema {root.schema} belongs to PostgreSQL or to the nodes"]
    stored = [each for each in family if each.kind == "r"]
    problems = [
        f"{each.shown} belongs to the extension {each.extension}; create extension restores it"
        for each in family
        if each.extension is not None
    ]
    if stored and all(each.persistence == "u" for each in stored):
        problems.append(f"{root.shown} is unlogged, and no backup contains the rows of an unlogged table")
    return problems + taken(cursor, there, family) + missing(cursor, there, family, is_without_owner)


def taken(cursor, there, family):
    """What the primary has under a name that the copy needs. `set schema` takes indexes and sequences along; a rename does not."""
    cursor.execute(MADE, ids(family))
    made = cursor.fetchall()
    there.execute(TAKEN, ([schema for schema, _, _ in made], [name for _, name, _ in made]))
    problems, moved = [], set()
    for shown, kind, _, table in there.fetchall():
        if kind in ("i", "I"):
            if table not in moved:
                problems.append(f"the primary has an index {shown} already, of the table {table}; rename it: alter index {shown} rename to ...")
            continue
        what = "table" if kind in ("r", "p") else KINDS.get(kind, "a relation").split(" ", 1)[1]
        if what == "table":
            there.execute("select %s::regclass::text", (shown,))
            moved.add(there.fetchone()[0])
            remedy = f"move it: create schema if not exists set_aside; alter table {shown} set schema set_aside"
        else:
            remedy = f"rename it: alter {what} {shown} rename to ..."
        if what != "sequence" or not owned_by_any(there, shown, moved):
            problems.append(f"the primary has a {what} {shown} already; {remedy}")
    return problems


def owned_by_any(there, sequence, tables):
    there.execute(
        "select refobjid::regclass::text from pg_depend where classid = 'pg_class'::regclass and objid = %s::regclass"
        " and refclassid = 'pg_class'::regclass and deptype in ('a', 'i')",
        (sequence,),
    )
    return any(owner in tables for (owner,) in there.fetchall())


def missing(cursor, there, family, is_without_owner):
    """What the primary must have before the table can come."""
    problems = []
    for schema in sorted({each.schema for each in family}):
        there.execute("select quote_ident(%s), exists (select from pg_namespace where nspname = %s)", (schema, schema))
        quoted, exists = there.fetchone()
        if not exists:
            problems.append(f"the primary has no schema {quoted}; create it: create schema {quoted}")
    cursor.execute(PARENTS, ids(family))
    for schema, name, shown, kind in cursor.fetchall():
        there.execute(EXISTS, (schema, name))
        if there.rowcount == 0:
            relation = "a partition of" if kind == "p" else "an inheritance child of"
            problems.append(f"{family[0].shown} is {relation} {shown}, which the primary does not have; copy {shown}, and all below it comes")
    for owner in sorted({each.owner for each in family}) if not is_without_owner else []:
        there.execute("select pg_has_role(current_user, oid, 'SET'), current_user from pg_roles where rolname = %s", (owner,))
        may, user = there.fetchone() or (None, "")
        if may is None:
            problems.append(f'its owner, the role "{owner}", does not exist in the primary; create the role, or pass --no-owner')
        elif not may:
            problems.append(
                f'its owner is "{owner}", and {user} may not give tables to that role; pass --no-owner, and {user} becomes the owner'
            )
    return problems


def notes_of(cursor, there, family):
    """What does not come with a table."""
    notes = [
        f"{each.shown} is unlogged: it has no rows, because no backup contains them"
        for each in family
        if each.kind == "r" and each.persistence == "u"
    ]
    notes += [f"{each.shown} is a foreign table: only its definition was copied" for each in family if each.kind == "f"]
    cursor.execute(VIEWS, ids(family))
    for schema, name, shown, kind in cursor.fetchall():
        there.execute(EXISTS, (schema, name))
        if there.rowcount == 0:
            notes.append(f"{KINDS[kind][2:]} {shown} reads it and does not exist in the primary; create it again")
    cursor.execute(PUBLICATIONS, ids(family))
    notes += [f"{table} was published by {name} and is no longer: {statement}" for name, table, statement in cursor.fetchall()]
    cursor.execute(LARGE_OBJECTS, ids(family))
    notes += [f"large objects that {column} may refer to were not copied" for (column,) in cursor.fetchall()]
    return notes


def incoming_keys(cursor, there, family):
    """Foreign keys of other tables that refer to it and went with it; only of tables that the primary has."""
    cursor.execute(INCOMING, ids(family))
    keys = cursor.fetchall()
    present = []
    for schema, name, shown, key, definition in keys:
        there.execute(EXISTS, (schema, name))
        if there.rowcount == 1:
            present.append((shown, key, definition))
    return present


def pattern_of(table):
    """The table's name as pg_dump takes it: quoted, nothing in it is a wildcard."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in table.names)


def as_listed(text):
    """As pg_restore writes a name into its list."""
    return text.replace("\n", " ").replace("\r", " ")


def sort_entries(lines, cursor, family, wanted):
    """Numbers of the dump's entries up to the last row, those behind it, those from row security on, and what is left out.

    A partition is attached to a table that stays behind only once it has its own indexes: the parent's would be built a second time,
    under the same names. PostgreSQL takes those that fit. A trigger that a partition has from its parent is only altered, and pg_dump
    does not know that the parent's comes first when there are levels between them.
    """
    root = family[0]
    cursor.execute(OUTER_INDEXES, (root.oid,))
    outer = {f"INDEX ATTACH {as_listed(schema)} {as_listed(name)}" for schema, name in cursor.fetchall()}
    attach = f"TABLE ATTACH {as_listed(root.schema)} {as_listed(root.name)}"
    cursor.execute(INHERITED_TRIGGERS, ids(family))
    inherited = {oid for (oid,) in cursor.fetchall()}
    entries, attached, altered, left_out = [], [], [], []
    for line in lines:
        number, catalog, oid, rest = ENTRY.fullmatch(line).groups()
        if catalog == "0" and named(rest, {attach}, root.owner):
            attached.append(number)
        elif catalog == "0" and named(rest, outer, root.owner):
            continue
        elif catalog == "2620" and oid in inherited:
            altered.append(number)
        elif catalog == "2606" and rest.startswith("FK CONSTRAINT ") and wanted.get("skipForeignKeys"):
            left_out.append(f"not copied: {rest}")
        else:
            entries.append((number, catalog, rest))
    end = 1 + max((index for index, (_, _, rest) in enumerate(entries) if is_data(rest)), default=len(entries) - 1)
    if end == len(entries):
        end = next((index for index, entry in enumerate(entries) if is_built(entry)), end)
    first, second = entries[:end], entries[end:]
    after = 1 + max((index for index, entry in enumerate(second) if is_built(entry)), default=-1)
    # a foreign key cannot be checked by an owner who must not see the rows
    secure = next((index for index, (_, _, rest) in enumerate(second) if is_policy(rest)), len(second))
    later = [number for number, _, _ in second]
    parts = [number for number, _, _ in first], [*later[:after], *attached, *later[after:secure], *altered], later[secure:]
    return parts, left_out


def named(rest, names, owner):
    return any(rest in (name, f"{name} ", f"{name} {as_listed(owner)}") for name in names)


def is_data(rest):
    return rest.startswith(("TABLE DATA ", "SEQUENCE SET "))


def is_policy(rest):
    return rest.startswith(("ROW SECURITY ", "POLICY "))


def is_built(entry):
    """An index, a constraint that has one, or an index that is attached to its parent."""
    _, catalog, rest = entry
    return (catalog in ("1259", "2606") and rest.startswith(("INDEX ", "CONSTRAINT "))) or rest.startswith("INDEX ATTACH ")


def check_of(connection, table, rows, total):
    """A statement that ends the transaction unless the table has these rows."""
    counting = pgha_tables.counting(table.names, table.columns).as_string(connection)
    code = sql.SQL(
        "declare arrived text; begin select rows || ' ' || total into arrived from ({}) as counted;"
        " if arrived <> {} then raise exception using message = {} || arrived; end if; end"
    ).format(
        sql.SQL(counting),
        sql.Literal(f"{rows} {total}"),
        sql.Literal(f"{table.shown}: the scratch server has {rows} {total} (rows and their sum), and what arrived is "),
    )
    return f"do {literal(connection, code.as_string(connection))};\n"


def additions(cursor, keys, family, is_without_owner):
    """What is no part of a table's dump but went with it, each with the statements that bring it."""
    for shown, name, definition in keys:
        quoted = '"' + name.replace('"', '""') + '"'
        yield f"the foreign key {name} of {shown}", [f"alter table {shown} add constraint {quoted} {definition}"]
    cursor.execute(STATISTICS, ids(family))
    for shown, definition, target, owner, comment in cursor.fetchall():
        statements = [definition]
        if target is not None and target >= 0:
            statements.append(f"alter statistics {shown} set statistics {target}")
        if comment is not None:
            statements.append(f"comment on statistics {shown} is {comment}")
        if not is_without_owner:
            statements.append(f"alter statistics {shown} owner to {owner}")
        yield f"the statistics object {shown}", statements


def attempt(connection, what, statements):
    """A statement that executes these, and notes why where they fail: rows are worth more than what they are checked by."""
    note = f"{what} could not be recreated: {'; '.join(statements)}; reason: "
    done = sql.SQL(" ").join(sql.SQL("execute {};").format(sql.Literal(statement)) for statement in statements)
    code = sql.SQL(
        "begin {} exception when others then perform set_config('pgha.notes',"
        " coalesce(current_setting('pgha.notes', true), '') || {} || sqlerrm || chr(30), false); end"
    ).format(done, sql.Literal(note))
    return f"do {literal(connection, code.as_string(connection))};\n"


def literal(connection, text):
    return sql.Literal(text).as_string(connection)


def complaint(log):
    """The errors in what psql said, with their details."""
    lines = [re.sub(r"^psql:<stdin>:\d+: ", "", line) for line in log.splitlines()]
    kept = [line for line in lines if line.startswith(("ERROR:", "DETAIL:", "HINT:", "psql: error"))]
    return "; ".join(" ".join(line.split()) for line in (kept or lines)).strip()
