#!/usr/bin/python3
"""What a restore is planned from, as one JSON object: pgha-repository N

The clock of this machine, pgBackRest's own account of repository N, and the history file of every timeline in its archive with
the moment it was stored: which timeline was the living one at a moment is written nowhere else.
"""

import concurrent.futures
import json
import re
import subprocess
import sys
import time

import pgha_scratch

# pgBackRest alone tries for minutes when a repository is away
PATIENCE_SECONDS = 30
HISTORY = re.compile(r"([0-9A-F]{8})\.history")


def pgbackrest(settings, repository, *arguments):
    command = ["pgbackrest", f"--stanza={settings['stanza']}", f"--repo={repository}", *arguments]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise SystemExit(f"repository {repository} did not respond within {PATIENCE_SECONDS} s") from error
    if done.returncode != 0:
        raise SystemExit(f"repository {repository}: {done.stderr.strip() or 'no output of pgBackRest'}")
    return done.stdout


def histories(settings, repository, folder):
    """The archive's timelines but the first, which has no history."""
    listed = json.loads(pgbackrest(settings, repository, "--output=json", "repo-ls", folder))
    files = {match.group(1): entry for name, entry in listed.items() if (match := HISTORY.fullmatch(name))}

    def read(timeline):
        return pgbackrest(settings, repository, "repo-get", f"{folder}/{timeline}.history")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(read, files))
    return [
        {"timeline": int(timeline, 16), "storedAt": entry["time"], "text": text}
        for (timeline, entry), text in zip(files.items(), texts)
    ]


def main(arguments):
    if len(arguments) != 1 or not arguments[0].isdigit():
        raise SystemExit(__doc__)
    (repository,) = arguments
    settings = pgha_scratch.read_settings()
    info = json.loads(pgbackrest(settings, repository, "--output=json", "info"))
    # the newest of a cluster that was upgraded is the one it writes to
    archives = [archive["id"] for stanza in info for archive in stanza.get("archive", [])]
    folder = f"archive/{settings['stanza']}/{archives[-1]}" if archives else None
    known = [] if folder is None else histories(settings, repository, folder)
    print(json.dumps({"at": time.time(), "info": info, "histories": known}))


if __name__ == "__main__":
    main(sys.argv[1:])
