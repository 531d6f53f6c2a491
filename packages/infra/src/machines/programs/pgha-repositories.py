#!/usr/bin/python3
"""Tells pgBackRest its repositories: pgha-repositories SETTINGS

Which there are depends on more than the cluster's configuration. A repository cannot change its passphrase, so that a rotation
begins another generation of it, in a path of its own; and one whose region is away may be detached. The keys:

  1, 2      the current generation in the first and the second region, the same on every machine
  11, 12    generation 1 when it is not the current one, 21, 22 generation 2, and so on

Three files: what pgBackRest reads by itself, which archives into every repository that is in use and restores from all; the same
with every repository for every command, for whoever wants to look at one that is not in use (--config-include-path); and their
keys for the shell. A path may hold a variable of the environment.
"""

import json
import os
import signal
import sys
import tempfile

# pgBackRest knows 256 keys
GENERATIONS_APART = 24


def read_lines(path):
    with open(os.path.expandvars(path), encoding="utf-8") as file:
        return [line.split(" ") for line in file.read().strip().split("\n")]


def key_of(generation, state, number):
    return number if state == "current" else 10 * (1 + (generation - 1) % GENERATIONS_APART) + number


def list_repositories(settings):
    """Key, options and whether it is in use, the current generation first and in it the nearest region."""
    detached = {int(words[0]) for words in read_lines(settings["detached"]) if words[1:2] == ["detached"]}
    generations = read_lines(settings["passphrases"])
    generations.sort(key=lambda words: (words[1] != "current", -int(words[0])))
    for generation, state, passphrase in generations:
        for number, options in settings["repositories"]:
            is_used = state != "former" and number not in detached
            own = {"path": f"/{settings['scope']}/{generation}", "cipher-type": "aes-256-cbc", "cipher-pass": passphrase}
            yield key_of(int(generation), state, number), state, is_used, {**options, **own}


def render(sections):
    """sections: name -> [(key, options)]"""
    blocks = []
    for name, repositories in sections.items():
        lines = [f"repo{key}-{option}={value}" for key, options in repositories for option, value in options.items()]
        blocks.append("\n".join([f"[{name}]", *lines, ""]))
    return "\n".join(blocks)


def replace(path, content):
    """Returns whether it changed; the file is the calling user's alone."""
    path = os.path.expandvars(path)
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == content:
                return False
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    handle, staged = tempfile.mkstemp(prefix=".pgha-", dir=os.path.dirname(path))
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(staged, path)
    return True


def end_running_pushes(scope):
    """An asynchronous push keeps the repositories it began with, and tries for minutes when one of them is away. PostgreSQL asks
    again for what it had not finished."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", encoding="utf-8") as file:
                words = file.read().split("\0")
            if words[0].endswith("pgbackrest") and "archive-push:async" in words and f"--stanza={scope}" in words:
                os.kill(int(entry), signal.SIGTERM)
        except (OSError, UnicodeDecodeError):
            continue


def main(path):
    with open(path, encoding="utf-8") as file:
        settings = json.load(file)
    repositories = list(list_repositories(settings))
    used = [(key, options) for key, _, is_used, options in repositories if is_used]
    unused = [(key, options) for key, _, is_used, options in repositories if not is_used]
    every = [(key, options) for key, _, _, options in repositories]
    keys = lambda wanted: " ".join(str(key) for key, state, is_used, _ in repositories if wanted(state, is_used))  # noqa: E731
    environment = (
        f'REPOSITORIES="{keys(lambda state, is_used: is_used and state == "current")}"\n'
        f'OTHER_REPOSITORIES="{keys(lambda state, is_used: not is_used)}"\n'
    )
    changed = replace(settings["current"], render({"global": used, "global:restore": unused, "global:archive-get": unused}))
    replace(settings["every"], render({"global": every}))
    replace(settings["environment"], environment)
    if changed:
        end_running_pushes(settings["scope"])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: pgha-repositories SETTINGS")
    main(sys.argv[1])
