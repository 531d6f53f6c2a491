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
# the machines' own schemas are not the owner's to lock
TABLES = """
select nspname, relname from pg_class join pg_namespace on pg_namespace.oid = relnamespace
where relkind = 'r' and relpersistence = 'p' and nspname !~ '^pg_'
  and nspname not in ('information_schema', 'heartbeat', 'pgbouncer')
order by nspname, relname
"""


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


def pin(settings):
    """A transaction whose snapshot is exactly what the log says up to a position: both are taken while every table is locked
    against writers, which takes no longer than these few questions. Returns it, its tables and the position."""
    for _ in range(LOCK_TRIES):
        try:
            with contextlib.closing(connect_as_owner(settings)) as locking, locking.cursor() as cursor:
                cursor.execute(sql.SQL("set lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
                tables = tables_of(cursor)
                if tables:
                    names = sql.SQL(", ").join(sql.Identifier(*table) for table in tables)
                    cursor.execute(sql.SQL("lock table {} in share mode").format(names))
                reading = connect_as_owner(settings)
                reading.set_session(isolation_level="REPEATABLE READ", readonly=True)
                with reading.cursor() as snapshot:
                    snapshot.execute("select pg_current_wal_insert_lsn()::text")
                    (position,) = snapshot.fetchone()
                    # a table that appeared meanwhile was not locked
                    if tables_of(snapshot) == tables:
                        return reading, tables, position
                reading.close()
        except psycopg2.errors.InsufficientPrivilege as error:
            raise SystemExit(f"the tables' owner may not lock all of them: {error}".strip()) from error
        except (psycopg2.errors.LockNotAvailable, psycopg2.errors.DeadlockDetected, psycopg2.errors.UndefinedTable):
            pass
        time.sleep(LOCK_PAUSE_SECONDS)
    raise SystemExit(f"some transaction held a table at each of {LOCK_TRIES} tries: there was no moment to compare with")


def count(connection, tables):
    """Rows and a sum over all rows of each table: the sum of a 64-bit hash of the row's text is the same in any order."""
    counted = {}
    with connection.cursor() as cursor:
        cursor.execute(TEXT_FORM)
        for table in tables:
            query = "select count(*), coalesce(sum(hashtextextended(pgha_row::text, 0)::numeric), 0)::text from only {} as pgha_row"
            cursor.execute(sql.SQL(query).format(sql.Identifier(*table)))
            rows, total = cursor.fetchone()
            counted[".".join(table)] = {"rows": rows, "sum": total}
    return counted


class LiveCount(threading.Thread):
    """Counts the primary's tables while the restore runs."""

    def __init__(self, connection, tables):
        super().__init__(daemon=True)
        self.connection, self.tables, self.counted, self.problem = connection, tables, None, None

    def run(self):
        try:
            started = time.monotonic()
            self.counted = count(self.connection, self.tables)
            self.seconds = time.monotonic() - started
        except psycopg2.Error as error:
            self.problem = str(error).strip()
        finally:
            self.connection.close()

    def result(self):
        self.join()
        if self.problem is not None:
            raise SystemExit(f"the primary's tables could not be counted: {self.problem}")
        return self.counted
