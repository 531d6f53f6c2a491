#!/usr/bin/python3
"""Brings the database's roles and passwords up to date on the primary; changes nothing when they are.

pgha-database-roles                  does it; Patroni calls it with a connection string once it has made a new cluster
pgha-database-roles check            tells, on any member, which of the passwords it has are those of the database, and for how long
                                     Patroni has been using its newest ones
pgha-database-roles users LOGIN ...  tells who is logged in with these, in the database and in this machine's pooler, which first
                                     closes the connections it keeps for nobody
"""

import base64
import csv
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import encrypt_password

SETTINGS = "/etc/pgha/database-roles.json"
STATEMENTS = "/usr/local/lib/pgha/database-roles.sql"
LOCAL = "host=/var/run/postgresql user=postgres connect_timeout=5"
# pg_rewind works in the maintenance database, and a function's permissions belong to a database
REWIND_GRANTS = """
grant execute on function pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean), pg_read_binary_file(text),
  pg_read_binary_file(text, bigint, bigint, boolean) to rewind
"""
SESSIONS = """
select usename, coalesce(host(client_addr), 'local'), application_name, count(*)
from pg_stat_activity where usename = any (%s) group by 1, 2, 3
"""


def matches(password, verifier):
    """Whether a SCRAM verifier was made from this password (RFC 5802, section 3), so that it need not be made again."""
    try:
        mechanism, salt_part, keys = (verifier or "").split("$")
        iterations, salt = salt_part.split(":")
        stored_key = base64.b64decode(keys.split(":")[0])
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    except ValueError:
        return False
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return mechanism == "SCRAM-SHA-256" and hmac.compare_digest(hashlib.sha256(client_key).digest(), stored_key)


def ensure_login(cursor, role):
    cursor.execute("select from pg_roles where rolname = %s", (role,))
    if cursor.rowcount == 0:
        cursor.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def set_password(connection, cursor, role, path):
    """Sends a verifier, never the password: the server's log and statistics have nothing to keep."""
    password = read(path)
    cursor.execute("select rolpassword from pg_authid where rolname = %s", (role,))
    row = cursor.fetchone()
    if row is None or matches(password, row[0]):
        return False
    verifier = encrypt_password(password, role, connection, "scram-sha-256")
    cursor.execute(sql.SQL("alter role {} password %s").format(sql.Identifier(role)), (verifier,))
    return True


def ensure_database(cursor, database, owner):
    cursor.execute("select from pg_database where datname = %s", (database,))
    if cursor.rowcount == 0:
        cursor.execute(
            sql.SQL("create database {} owner {}").format(sql.Identifier(database), sql.Identifier(owner))
        )


def connect(database):
    connection = psycopg2.connect(f"{LOCAL} dbname={database}")
    connection.autocommit = True
    return connection


def check(settings):
    with connect("postgres").cursor() as cursor:
        cursor.execute("select pg_is_in_recovery()")
        is_primary = not cursor.fetchone()[0]
        cursor.execute("select rolname, rolpassword from pg_authid where rolname = any (%s)", (list(settings["passwords"]),))
        verifiers = dict(cursor.fetchall())
        cursor.execute("select extract(epoch from pg_conf_load_time())::float8")
        loaded_at = cursor.fetchone()[0]
    current = {role: matches(read(path), verifiers.get(role)) for role, path in settings["passwords"].items()}
    # Patroni reloads its own settings a second after it told PostgreSQL to; a file that is newer was not read yet
    waits = os.stat(settings["patroniSecrets"]).st_mtime > loaded_at
    return {"isPrimary": is_primary, "current": current, "reloadedSecondsAgo": None if waits else time.time() - loaded_at}


def ask_pooler(settings, statement):
    """Rows of PgBouncer's console as dictionaries; this runs as its own system user, whom it trusts."""
    psql = ["psql", "-X", "-q", "--csv", "-h", settings["poolerSocket"], "-p", str(settings["poolerPort"])]
    command = [*psql, "-U", "pgbouncer", "-d", "pgbouncer", "-c", statement]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout
    return list(csv.DictReader(text.splitlines()))


def users(settings, logins):
    clients = [row for row in ask_pooler(settings, "show clients") if row["user"] in logins]
    if not clients and any(row["user"] in logins for row in ask_pooler(settings, "show servers")):
        # closes each connection to the server once nobody uses it; the next query opens another
        ask_pooler(settings, "reconnect")
    with connect("postgres").cursor() as cursor:
        cursor.execute(SESSIONS, (logins,))
        sessions = cursor.fetchall()
    found = [
        {"login": login, "from": address, "application": application, "sessions": count, "by": "database"}
        for login, address, application, count in sessions
    ]
    return found + [
        {"login": row["user"], "from": row["addr"], "application": row["application_name"], "sessions": 1, "by": "pooler"}
        for row in clients
    ]


def update(settings):
    with open(STATEMENTS, encoding="utf-8") as file:
        statements = file.read()
    try:
        maintenance = connect("postgres")
    except psycopg2.OperationalError as error:
        # Patroni starts the server later; a new cluster gets its roles from Patroni's own call.
        print(f"PostgreSQL is not responding: {error}".strip(), file=sys.stderr)
        return
    with maintenance.cursor() as cursor:
        cursor.execute("select pg_is_in_recovery()")
        if cursor.fetchone()[0]:
            print("not the primary: nothing to do", file=sys.stderr)
            return
        ensure_login(cursor, settings["owner"])
        ensure_database(cursor, settings["database"], settings["owner"])
        # A migration names the session that blocks it, whoever's it is.
        cursor.execute(sql.SQL("grant pg_read_all_stats to {}").format(sql.Identifier(settings["owner"])))
        with connect(settings["database"]).cursor() as inside:
            inside.execute(statements)
        cursor.execute(REWIND_GRANTS)
        changed = [role for role, path in settings["passwords"].items() if set_password(maintenance, cursor, role, path)]
    print(f"roles are up to date; new passwords: {', '.join(changed) or 'none'}", file=sys.stderr)


def main(arguments):
    with open(SETTINGS, encoding="utf-8") as file:
        settings = json.load(file)
    if arguments == ["check"]:
        print(json.dumps(check(settings)))
    elif arguments[:1] == ["users"]:
        print(json.dumps(users(settings, arguments[1:])))
    else:
        update(settings)


if __name__ == "__main__":
    main(sys.argv[1:])
