"""Counting every table of a database in a way that two servers can be compared by, at one position of the log."""

import contextlib
import threading
import time

import psycopg2
from psycopg2 import sql

# writers wait behind a lock that waits: rather many short tries than a long one
LOCK_TRIES, LOCK_TIMEOUT, LOCK_PAUSE_SECONDS = 60, "500ms", 2
# a row's text must be the same wherever it is written
TEXT_FORM = """
set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres'; set timezone = 'UTC'; set extra_float_digits = 1;
set bytea_output = 'hex'; set lc_monetary = 'C'; set search_path = 'pg_catalog'; set row_security = off
"""
# the nodes' own schemas change all the time
TABLES = """
select pg_class.oid, format('%I.%I', nspname, relname), pg_relation_filenode(pg_class.oid)
from pg_class join pg_namespace on pg_namespace.oid = relnamespace
where relkind = 'r' and relpersistence = 'p' and nspname !~ '^pg_'
  and nspname not in ('information_schema', 'heartbeat', 'pgbouncer')
order by nspname, relname
"""
# what a backup does not have, or what is not kept here
LEFT_OUT = """
select format('%I.%I', nspname, relname), case
    when relkind = 'm' then 'a materialized view: refreshed, not written'
    when relkind = 'f' then 'a foreign table: its rows are elsewhere'
    else 'unlogged: a backup does not contain its rows' end
from pg_class join pg_namespace on pg_namespace.oid = relnamespace
where (relkind in ('m', 'f') or relkind = 'r' and relpersistence = 'u') and nspname !~ '^pg_' and nspname <> 'information_schema'
union all
select quote_ident(datname), 'another database'
from pg_database where datallowconn and not datistemplate and datname not in (current_database(), 'postgres')
order by 2, 1
"""
READY = "select to_regprocedure('restore_comparison.count_rows(regclass)') is not null"


def connect_as_owner(settings, application="restore-test"):
    owner = settings["owner"]
    with open(owner["passwordFile"], encoding="utf-8") as file:
        return psycopg2.connect(owner["connection"], password=file.read().strip(), application_name=application)


def counting(names, columns):
    """Rows, and a sum over all rows, of a table's own rows: the sum of a 64-bit hash of each row's text is the same in any order."""
    # a row of columns, not the table's own type: somebody may have made a cast of that to text
    row = sql.SQL(", ").join(sql.SQL("pgha_table.{}").format(sql.Identifier(column)) for column in columns)
    query = (
        "select count(*) as rows, coalesce(sum(pg_catalog.hashtextextended(row({})::text, 0)::numeric), 0) as total"
        " from only {} as pgha_table"
    )
    return sql.SQL(query).format(row, sql.Identifier(*names))


def count_rows(cursor, names, columns):
    cursor.execute(counting(names, columns))
    rows, total = cursor.fetchone()
    return rows, str(total)


def tables_of(cursor):
    cursor.execute(TABLES)
    return cursor.fetchall()


def left_out_of(cursor):
    cursor.execute(LEFT_OUT)
    return [{"table": table, "reason": reason} for table, reason in cursor.fetchall()]


def is_ready(cursor):
    """Whether the primary has the functions that compare: a cluster that was not brought up to date yet has none."""
    cursor.execute(READY)
    return cursor.fetchone()[0]


def pin(settings):
    """A transaction whose snapshot is exactly what the log says up to a position: both are taken while every table is locked
    against writers, which takes no longer than these few questions. Returns it, its tables and the position."""
    for _ in range(LOCK_TRIES):
        try:
            with contextlib.closing(connect_as_owner(settings)) as locking, locking.cursor() as cursor:
                cursor.execute(sql.SQL("set lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
                cursor.execute("select restore_comparison.lock_tables()")
                tables = tables_of(cursor)
                reading = connect_as_owner(settings)
                reading.set_session(isolation_level="REPEATABLE READ", readonly=True)
                with reading.cursor() as snapshot:
                    snapshot.execute("select pg_current_wal_insert_lsn()::text")
                    (position,) = snapshot.fetchone()
                    # a table that appeared meanwhile was not locked
                    if tables_of(snapshot) == tables:
                        return reading, tables, position
                reading.close()
        except (psycopg2.errors.LockNotAvailable, psycopg2.errors.DeadlockDetected, psycopg2.errors.UndefinedTable):
            pass
        time.sleep(LOCK_PAUSE_SECONDS)
    raise SystemExit(f"transactions held locks at each of {LOCK_TRIES} tries: the tables could not be compared at one point in time")


def count(connection, tables):
    """Rows and their sum of each table, and what cannot be told: a table that is emptied, rewritten or dropped meanwhile does not
    show what the snapshot had."""
    counted, left_out = {}, []
    with connection.cursor() as cursor:
        for identifier, shown, filenode in tables:
            # its lock goes with the savepoint: whoever changes the table waits for this table alone
            cursor.execute("savepoint counting")
            reason = "truncated, rewritten or dropped while it was compared"
            try:
                rows, total = count_one(cursor, identifier)
                cursor.execute("select pg_relation_filenode(%s::oid)", (identifier,))
                if cursor.fetchone()[0] == filenode:
                    counted[shown], reason = {"rows": rows, "sum": total}, None
            except (psycopg2.errors.UndefinedTable, psycopg2.errors.SyntaxError):
                pass
            except psycopg2.errors.InsufficientPrivilege:
                reason = "an index of it calls a function, and its rows are hidden from the role that compares"
            cursor.execute("rollback to savepoint counting")
            if reason is not None:
                left_out.append({"table": shown, "reason": reason})
    return counted, left_out


def count_one(cursor, identifier):
    """As the role that sees every row, or as whoever asks where a function of somebody would run as that role."""
    cursor.execute("savepoint asking")
    try:
        cursor.execute("select counted, total from restore_comparison.count_rows(%s::oid)", (identifier,))
    except psycopg2.errors.FeatureNotSupported:
        cursor.execute("rollback to savepoint asking")
        cursor.execute(TEXT_FORM)
        cursor.execute("select %s::oid::regclass::text", (identifier,))
        (shown,) = cursor.fetchone()
        cursor.execute(
            "select count(*), coalesce(sum(hashtextextended(row(pgha_table.*)::text, 0)::numeric), 0)::text"
            f" from only {shown} as pgha_table"
        )
    return cursor.fetchone()


class LiveCount(threading.Thread):
    """Counts the primary's tables while the restore runs."""

    def __init__(self, connection, tables):
        super().__init__(daemon=True)
        self.connection, self.tables, self.counted, self.left_out, self.problem = connection, tables, None, [], None

    def run(self):
        try:
            started = time.monotonic()
            self.counted, self.left_out = count(self.connection, self.tables)
            with self.connection.cursor() as cursor:
                self.left_out += left_out_of(cursor)
            self.seconds = time.monotonic() - started
        except psycopg2.Error as error:
            self.problem = str(error).strip()
        finally:
            self.connection.close()

    def result(self):
        self.join()
        if self.problem is not None:
            raise SystemExit(f"the primary's tables could not be counted: {self.problem}")
        return {"counted": self.counted, "leftOut": self.left_out}
