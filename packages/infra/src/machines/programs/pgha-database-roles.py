#!/usr/bin/python3
"""Brings the database's roles and passwords up to date on the primary; changes nothing when they are.

Patroni runs it once with a connection string when it has made a new cluster; its unit runs it at boot and after a rotation.
"""

import base64
import hashlib
import hmac
import json
import sys

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import encrypt_password

SETTINGS = "/etc/pgha/database-roles.json"
STATEMENTS = "/usr/local/lib/pgha/database-roles.sql"
LOCAL = "host=/var/run/postgresql user=postgres connect_timeout=5"


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


def set_password(connection, cursor, role, path):
    """Sends a verifier, never the password: the server's log and statistics have nothing to keep."""
    with open(path, encoding="utf-8") as file:
        password = file.read().strip()
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


def main():
    with open(SETTINGS, encoding="utf-8") as file:
        settings = json.load(file)
    with open(STATEMENTS, encoding="utf-8") as file:
        statements = file.read()
    try:
        maintenance = connect("postgres")
    except psycopg2.OperationalError as error:
        # Patroni starts the server later; a new cluster gets its roles from Patroni's own call.
        print(f"no server to bring up to date: {error}".strip(), file=sys.stderr)
        return
    with maintenance.cursor() as cursor:
        cursor.execute("select pg_is_in_recovery()")
        if cursor.fetchone()[0]:
            print("not the primary: nothing to do", file=sys.stderr)
            return
        ensure_login(cursor, settings["owner"])
        ensure_database(cursor, settings["database"], settings["owner"])
        with connect(settings["database"]).cursor() as inside:
            inside.execute(statements)
        changed = [role for role, path in settings["passwords"].items() if set_password(maintenance, cursor, role, path)]
    print(f"roles are up to date; new passwords: {', '.join(changed) or 'none'}", file=sys.stderr)


if __name__ == "__main__":
    main()
