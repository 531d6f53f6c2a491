#!/usr/bin/python3
"""Tells which certificates this machine has, and which ones its servers show: what is in a file is not in force before that.

pgha-certificates         as one JSON object
pgha-certificates probe   shows the certificate that standard input brings, with its key, to every server of this machine that asks
                          for one, and tells whether it is let in: whether the CA that signed it is trusted by now
"""

import concurrent.futures
import datetime
import glob
import hashlib
import json
import re
import socket
import ssl
import struct
import subprocess
import sys
import tempfile

SETTINGS = "/etc/pgha/certificates.json"
DEADLINE_SECONDS = 5
PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def fingerprint(der):
    return hashlib.sha256(der).hexdigest()


def describe(pem):
    said = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate"], input=pem, check=True, capture_output=True, text=True
    ).stdout
    end = datetime.datetime.strptime(said.strip().removeprefix("notAfter="), "%b %d %H:%M:%S %Y %Z")
    not_after = end.replace(tzinfo=datetime.timezone.utc).isoformat()
    return {"fingerprint": fingerprint(ssl.PEM_cert_to_DER_cert(pem)), "notAfter": not_after}


def read_certificates(path):
    with open(path, encoding="utf-8") as file:
        return [describe(pem) for pem in PEM.findall(file.read())]


def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def dial(address, listener, context):
    """A TLS connection; nobody is asked for a name, because what is shown is what is wanted."""
    connection = socket.create_connection((address, listener["port"]), timeout=DEADLINE_SECONDS)
    if listener["speaks"] == "postgres":
        # PostgreSQL manual, "SSL Session Encryption"
        connection.sendall(message(b"", struct.pack("!I", 80877103)))
        if connection.recv(1) != b"S":
            raise OSError("it does not offer TLS")
    return context.wrap_socket(connection)


def client_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def served(address, listener):
    try:
        with dial(address, listener, client_context()) as connection:
            return {"port": listener["port"], "fingerprint": fingerprint(connection.getpeercert(binary_form=True))}
    except OSError as error:
        return {"port": listener["port"], "error": str(error)}


def probe(address, listener, certificate):
    """A server of TLS 1.3 refuses only after the client's side of the handshake is done: any answer shows that it did not."""
    context = client_context()
    context.load_cert_chain(certificate)
    request = b"GET / HTTP/1.0\r\n\r\n"
    if listener["speaks"] == "postgres":
        request = message(b"", struct.pack("!I", 3 << 16) + b"user\0probe\0\0")
    try:
        with dial(address, listener, context) as connection:
            connection.sendall(request)
            return {"port": listener["port"], "accepted": connection.recv(1) != b""}
    except OSError as error:
        return {"port": listener["port"], "accepted": False, "error": str(error)}


def on_all(listeners, work):
    with concurrent.futures.ThreadPoolExecutor(max(1, len(listeners))) as pool:
        return list(pool.map(work, listeners))


def main(arguments):
    with open(SETTINGS, encoding="utf-8") as file:
        settings = json.load(file)
    address, listeners = settings["address"], settings["listeners"]
    if arguments == ["probe"]:
        asking = [listener for listener in listeners if listener["asksClients"]]
        with tempfile.NamedTemporaryFile("w", dir="/run", encoding="utf-8") as file:
            file.write(sys.stdin.read())
            file.flush()
            print(json.dumps(on_all(asking, lambda listener: probe(address, listener, file.name))))
        return
    if arguments:
        raise SystemExit("usage: pgha-certificates [probe]")
    files = sorted(path for path in glob.glob("/etc/pgha/tls/*.crt") if path != settings["ca"])
    print(
        json.dumps(
            {
                "authorities": read_certificates(settings["ca"]),
                "files": [{"path": path, **read_certificates(path)[0]} for path in files],
                "served": on_all(listeners, lambda listener: served(address, listener)),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
