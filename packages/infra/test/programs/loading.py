"""Loads the machines' programs as modules, also those whose names have a hyphen, and what their tests share."""

import importlib.util
import pathlib
import random
import sys
import types
import typing

PROGRAMS = pathlib.Path(__file__).resolve().parents[2] / "src" / "machines" / "programs"
# fixed, so that a failure is seen again
SEED = 17

sys.dont_write_bytecode = True
sys.path.insert(0, str(PROGRAMS))


def _refuse(*_arguments, **_options):
    raise AssertionError("a unit test must not connect to a server")


def _provide_driver():
    """The machines have psycopg2 from Debian, a development machine need not: the programs then get its exceptions, which they
    name, and nothing that connects."""
    if importlib.util.find_spec("psycopg2") is not None:
        return
    driver: typing.Any
    driver, errors, sql = (types.ModuleType(name) for name in ("psycopg2", "psycopg2.errors", "psycopg2.sql"))
    driver.Error = type("Error", (Exception,), {})
    driver.OperationalError = type("OperationalError", (driver.Error,), {})
    for name in (
        "DeadlockDetected",
        "FeatureNotSupported",
        "InsufficientPrivilege",
        "LockNotAvailable",
        "SyntaxError",
        "UndefinedTable",
    ):
        setattr(errors, name, type(name, (driver.Error,), {}))
    driver.connect, driver.errors, driver.sql = _refuse, errors, sql
    sys.modules |= {"psycopg2": driver, "psycopg2.errors": errors, "psycopg2.sql": sql}


_provide_driver()


def load(name):
    """A program of its own, so that what a test sets in it is seen by no other: load("pgha-guard")."""
    specification = importlib.util.spec_from_file_location(name.replace("-", "_"), PROGRAMS / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def cases(make, number=500):
    """As many values as asked for, each made from the same sequence of random numbers."""
    source = random.Random(SEED)
    return [make(source) for _ in range(number)]


class Cursor:
    """A cursor that answers from a transcript: what `answer` gives for a query and its parameters, or raises."""

    def __init__(self, answer):
        self.answer, self.asked, self.rows = answer, [], []

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return False

    @property
    def rowcount(self):
        return len(self.rows)

    def execute(self, query, parameters=None):
        self.asked.append(query)
        self.rows = self.answer(query, parameters) or []

    def fetchone(self):
        return self.rows[0] if self.rows else None

    def fetchall(self):
        return self.rows


class Connection:
    """A connection whose cursors answer from the same transcript."""

    def __init__(self, answer):
        self.the_cursor, self.autocommit, self.is_closed = Cursor(answer), False, False

    def cursor(self):
        return self.the_cursor

    def close(self):
        self.is_closed = True
