"""Copies a table of a scratch server into the primary: with everything that belongs to it, in one transaction, or not at all.

pg_dump says what belongs to a table; its partitions and inheritance children come with it. The rows are counted and summed where they
arrived, in the same transaction, and nothing is committed unless they are those of the scratch server.
"""

import contextlib
import os
import pwd
import subprocess

import psycopg2

import pgha_copy_plan as plan
import pgha_scratch
import pgha_tables

LOCK_TIMEOUT = "5s"
CHUNK_BYTES = 1 << 20


class Refused(SystemExit):
    """Nothing was changed."""

    def __init__(self, reason):
        super().__init__(f"nothing was copied: {reason}")


def as_postgres(*command):
    return ["runuser", "-u", "postgres", "--", *command]


def copy(settings, name, wanted):
    """`wanted`: schema, table, noOwner, skipForeignKeys. Returns what arrived, table by table, and what somebody has to know."""
    home = pgha_scratch.directory_of(settings, name)
    with contextlib.closing(psycopg2.connect(pgha_scratch.connection_of(settings, name, settings["database"]))) as scratch:
        with scratch.cursor() as cursor:
            cursor.execute(pgha_tables.TEXT_FORM)
            family = plan.family_of(cursor, wanted["schema"], wanted["table"])
            with contextlib.closing(pgha_tables.connect_as_owner(settings, "restore-copy")) as primary:
                primary.set_session(readonly=True)
                with primary.cursor() as there:
                    there.execute(pgha_tables.TEXT_FORM)
                    problems = plan.problems_of(cursor, there, family, wanted.get("noOwner", False))
                    if problems:
                        raise Refused("; ".join(problems))
                    notes = plan.notes_of(cursor, there, family)
                    incoming = plan.incoming_keys(cursor, there, family)
            size = sum(each.size for each in family)
            usable = pgha_scratch.room(settings)["usableBytes"]
            if size > usable:
                raise Refused(f"the dump may take {size >> 20} MiB, and of {settings['dataMount']} {usable >> 20} MiB may be used")
            counted = {each: pgha_tables.count_rows(cursor, each.names, each.columns) for each in family if each.has_rows}
            scratch.commit()
            with files_of(settings, home) as (pass_file, dump_file, list_file, log_file):
                dump(settings, home, plan.pattern_of(family[0]), dump_file)
                (first, second, secure), left_out = plan.sort_entries(table_of_contents(settings, dump_file), cursor, family, wanted)
                options = ["--no-owner"] if wanted.get("noOwner") else []
                session = Session(settings, pass_file, log_file)
                session.say(f"begin;\n{pgha_tables.TEXT_FORM};\n\\o /dev/null\n")
                session.restore(settings, dump_file, list_file, first, options)
                session.say("".join(plan.check_of(scratch, each, *expected) for each, expected in counted.items()))
                session.restore(settings, dump_file, list_file, second, options)
                added = plan.additions(cursor, incoming, family, wanted.get("noOwner", False))
                session.say("".join(plan.attempt(scratch, *each) for each in added))
                session.restore(settings, dump_file, list_file, secure, options)
                told = session.commit()
    tables = [{"table": each.shown, "rows": rows} for each, (rows, _) in counted.items()]
    return {
        "table": family[0].shown,
        "rows": sum(each["rows"] for each in tables),
        "tables": tables,
        "notes": [*notes, *left_out, *told],
    }


@contextlib.contextmanager
def files_of(settings, home):
    """The owner's password for psql, the dump, the list of what is taken from it, and what psql says."""
    owner = settings["owner"]
    paths = [f"{home}/{name}" for name in ("pgpass", "copy.dump", "copy.list", "copy.log")]
    postgres = pwd.getpwnam("postgres")
    with open(owner["passwordFile"], encoding="utf-8") as file:
        password = file.read().strip().replace("\\", "\\\\").replace(":", "\\:")
    try:
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.fchown(handle, postgres.pw_uid, postgres.pw_gid)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"*:*:*:*:{password}\n" if path.endswith("pgpass") else "")
        yield paths
    finally:
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def dump(settings, home, pattern, dump_file):
    command = [f"{settings['binDirectory']}/pg_dump", "-h", home, "-d", settings["database"], "--format=custom"]
    command += ["--compress=zstd:1", "--strict-names", f"--table-and-children={pattern}", f"--file={dump_file}"]
    done = subprocess.run(as_postgres(*command), check=False, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        raise Refused(done.stderr.strip())


def table_of_contents(settings, dump_file):
    command = as_postgres(f"{settings['binDirectory']}/pg_restore", "--list", dump_file)
    text = subprocess.run(command, check=True, capture_output=True).stdout.decode(errors="surrogateescape")
    return [line for line in text.split("\n") if line and not line.startswith(";")]


class Session:
    """A psql on the primary that commits only when it is told to: a dump that breaks off is rolled back."""

    def __init__(self, settings, pass_file, log_file):
        command = [f"{settings['binDirectory']}/psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only"]
        command += ["--set=ON_ERROR_STOP=1", f"{settings['owner']['connection']} application_name=restore-copy"]
        self.log_file, self.is_committing = log_file, False
        with open(log_file, "ab") as log:
            self.process = subprocess.Popen(
                as_postgres(*command),
                env={**os.environ, "PGPASSFILE": pass_file, "LC_MESSAGES": "C"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def say(self, text):
        self.write(text.encode(errors="surrogateescape"))

    def write(self, data):
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError:
            self.fail()

    def restore(self, settings, dump_file, list_file, entries, options):
        with open(list_file, "w", encoding="utf-8") as file:
            file.writelines(f"{number};\n" for number in entries)
        command = [f"{settings['binDirectory']}/pg_restore", f"--use-list={list_file}", "--file=-", *options]
        with subprocess.Popen(as_postgres(*command, dump_file), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as source:
            head = b""
            while b"SET lock_timeout = 0;" not in head and (chunk := source.stdout.read1(CHUNK_BYTES)):
                head += chunk
            # clients must not queue behind a lock that waits
            self.write(head.replace(b"SET lock_timeout = 0;", f"SET lock_timeout = '{LOCK_TIMEOUT}';".encode(), 1))
            while chunk := source.stdout.read(CHUNK_BYTES):
                self.write(chunk)
            problem = source.stderr.read().decode(errors="replace").strip()
        if source.returncode != 0:
            self.process.kill()
            self.process.wait()
            raise Refused(f"pg_restore: {problem}")

    def commit(self):
        """What it has to tell behind the commit."""
        self.is_committing = True
        self.say("\\o\nselect current_setting('pgha.notes', true);\ncommit;\n")
        told, _ = self.process.communicate()
        if self.process.returncode != 0:
            self.fail()
        return [note for note in told.decode(errors="replace").strip().split("\x1e") if note]

    def fail(self):
        self.process.wait()
        with open(self.log_file, encoding="utf-8", errors="replace") as file:
            said = plan.complaint(file.read())
        if self.is_committing and "ERROR:" not in said:
            raise SystemExit(f"the connection ended while the copy was committed; check whether the primary has the table: {said}")
        raise Refused(said)
