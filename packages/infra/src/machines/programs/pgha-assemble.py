#!/usr/bin/python3
"""Puts secrets into the configuration files that need them: pgha-assemble TEMPLATE OUTPUT [TEMPLATE OUTPUT ...]

A template is rendered without a secret in it and says {{/etc/pgha/secrets/name}} where one belongs, or
{{*/etc/pgha/secrets/role_login}} for the password of the login that this file names. The output is a file that only the calling
user can read, replaced in one step.
"""

import os
import re
import sys
import tempfile

PLACEHOLDER = re.compile(r"\{\{(\*?)((/etc/pgha/secrets/)[a-z_]+)\}\}")
# YAML, ini and userlist.txt quote differently; a value of these characters needs no quoting in any of them
PLAIN = re.compile(r"[A-Za-z0-9+/=_.-]+")


def read_plain(path):
    with open(path, encoding="utf-8") as file:
        value = file.read().strip()
    if not PLAIN.fullmatch(value):
        raise SystemExit(f"{path} holds a character outside {PLAIN.pattern}; generate that secret again")
    return value


def read_secret(match):
    named, path, folder = match.groups()
    return read_plain(folder + read_plain(path)) if named else read_plain(path)


def assemble(template, output):
    with open(template, encoding="utf-8") as file:
        content = PLACEHOLDER.sub(read_secret, file.read())
    # mkstemp makes it 0600
    handle, staged = tempfile.mkstemp(prefix=".pgha-", dir=os.path.dirname(output))
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(staged, output)


def main(arguments):
    if not arguments or len(arguments) % 2 != 0:
        raise SystemExit("usage: pgha-assemble TEMPLATE OUTPUT [TEMPLATE OUTPUT ...]")
    for template, output in zip(arguments[::2], arguments[1::2]):
        assemble(template, output)


if __name__ == "__main__":
    main(sys.argv[1:])
