"""What the guard and the node check share: this machine's pooler and router, asked with short deadlines.

They speak the two protocols themselves: a driver and an HTTP library would be most of the memory of the node check, which runs
for ever on machines of 1 GiB.
"""

import json
import socket
import struct

SETTINGS = "/etc/pgha/guard.json"


class PoolerError(Exception):
    """What the pooler answered instead of doing it, or that it did not answer."""


def read_settings():
    with open(SETTINGS, encoding="utf-8") as file:
        return json.load(file)


def _message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def _receive(stream):
    """The next message as (type, body); PostgreSQL manual, "Message Flow"."""
    header = stream.read(5)
    if len(header) < 5:
        raise PoolerError("PgBouncer closed the connection")
    kind, length = header[:1], struct.unpack("!I", header[1:])[0]
    body = stream.read(length - 4)
    if kind == b"E":
        fields = {field[:1]: field[1:].decode() for field in body.split(b"\0") if field}
        raise PoolerError(fields.get(b"M", "an error without a message"))
    return kind, body


def _wait_until_ready(stream):
    while True:
        kind, body = _receive(stream)
        if kind == b"R" and body != b"\0\0\0\0":
            raise PoolerError("PgBouncer asks for a password; run this as its system user")
        if kind == b"Z":
            return


def ask_pooler(settings, statement, deadline_seconds=2):
    """Runs a statement on the administration console, where PgBouncer trusts its own system user by way of the socket.

    Raises PoolerError when it is refused or not answered before the deadline (None: waits as long as it takes).
    """
    path = f"{settings['pooler_socket']}/.s.PGSQL.{settings['pooler_port']}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(deadline_seconds)
            connection.connect(path)
            stream = connection.makefile("rb")
            parameters = b"user\0pgbouncer\0database\0pgbouncer\0\0"
            # protocol 3.0; the first message alone has no type
            connection.sendall(struct.pack("!II", len(parameters) + 8, 3 << 16) + parameters)
            _wait_until_ready(stream)
            connection.sendall(_message(b"Q", statement.encode() + b"\0"))
            _wait_until_ready(stream)
            connection.sendall(_message(b"X", b""))
    except OSError as error:
        raise PoolerError(str(error)) from error


def router_says(settings, path):
    """Whether the router answers 200; a router that does not answer at all says no."""
    try:
        with socket.create_connection(("127.0.0.1", settings["router_port"]), timeout=1) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            return connection.makefile("rb").readline().split()[1:2] == [b"200"]
    except OSError:
        return False
