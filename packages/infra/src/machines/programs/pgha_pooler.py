"""What the guard and the node check share: this machine's pooler and router, asked with short deadlines."""

import json
import urllib.error
import urllib.request

import psycopg2

SETTINGS = "/etc/pgha/guard.json"


def read_settings():
    with open(SETTINGS, encoding="utf-8") as file:
        return json.load(file)


def connect(settings):
    """The administration console by way of the socket, where PgBouncer trusts its own system user."""
    console = psycopg2.connect(
        host=settings["pooler_socket"],
        port=settings["pooler_port"],
        user="pgbouncer",
        dbname="pgbouncer",
        connect_timeout=2,
    )
    # the console knows no transactions
    console.autocommit = True
    return console


def router_says(settings, path):
    """Whether the router answers 200; a router that does not answer at all says no."""
    try:
        with urllib.request.urlopen(settings["router_status"] + path, timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
