#!/usr/bin/python3
"""Writes the web configuration of Prometheus' programs: TLS, and one user whose password only its hash remains of.

pgha-pages USER PASSWORD_FILE CERTIFICATE KEY OUTPUT
"""

import json
import os
import sys

import bcrypt

# Prometheus checks it at every request; ten rounds are some 50 ms on a small machine, and it keeps a cache.
ROUNDS = 10


def main(user, password_file, certificate, key, output):
    with open(password_file, "rb") as file:
        digest = bcrypt.hashpw(file.read().strip(), bcrypt.gensalt(ROUNDS)).decode()
    config = {
        "tls_server_config": {"cert_file": certificate, "key_file": key, "min_version": "TLS13"},
        "basic_auth_users": {user: digest},
    }
    staged = f"{output}.new"
    # JSON is YAML
    with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=1)
    os.rename(staged, output)


if __name__ == "__main__":
    if len(sys.argv) != 6:
        raise SystemExit("usage: pgha-pages USER PASSWORD_FILE CERTIFICATE KEY OUTPUT")
    main(*sys.argv[1:])
