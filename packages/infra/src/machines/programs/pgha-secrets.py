#!/usr/bin/python3
"""Puts this machine's secrets into files that only their owner can read.

pgha-secrets ensure   at every boot: fetches only when a file is missing, so a machine reboots without Parameter Store
pgha-secrets fetch    at first boot and at a rotation: fetches all, replaces what differs, tells the services that use it

It asks for exactly the parameters its manifest names. Values never reach an argument, the environment or the journal.
"""

import json
import os
import pwd
import grp
import subprocess
import sys
import tempfile
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

MANIFEST = os.environ.get("PGHA_SECRETS_MANIFEST", "/etc/pgha/secrets.json")
# GetParameters takes ten names a call.
NAMES_PER_CALL = 10
# A new machine may be up before its role's credentials, the NAT or the parameters themselves are there.
ENSURE_DEADLINE_SECONDS = 900
# A person or an operation waits for a rotation.
FETCH_DEADLINE_SECONDS = 60


class Unfinished(Exception):
    """Not possible yet; worth asking again until the deadline."""


def say(text):
    print(f"pgha-secrets: {text}", file=sys.stderr, flush=True)


def connect(manifest):
    # Short timeouts: the loop below is what waits, and it says why it waits.
    patience = Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 2})
    return boto3.client(
        "ssm",
        region_name=manifest["region"],
        endpoint_url=manifest["endpoint"],
        verify=manifest["ca"],
        config=patience,
    )


def read_parameters(manifest):
    """Every value the manifest names, by name. Raises Unfinished when one is not to be had now."""
    names = sorted({entry["parameter"] for entry in manifest["files"]})
    values = {}
    try:
        client = connect(manifest)
        for start in range(0, len(names), NAMES_PER_CALL):
            answer = client.get_parameters(Names=names[start : start + NAMES_PER_CALL], WithDecryption=True)
            if answer["InvalidParameters"]:
                raise Unfinished(
                    f"Parameter Store in {manifest['region']} has no {', '.join(sorted(answer['InvalidParameters']))}; "
                    "run `pgha secrets init`"
                )
            values.update({parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]})
    except (BotoCoreError, ClientError) as error:
        raise Unfinished(f"Parameter Store in {manifest['region']} does not answer: {error}") from error
    return values


def wait_for_parameters(manifest, deadline_seconds):
    """read_parameters, asked again until it succeeds. Every new reason is logged once."""
    deadline = time.monotonic() + deadline_seconds
    pause, last_reason = 1.0, None
    while True:
        try:
            return read_parameters(manifest)
        except Unfinished as reason:
            if time.monotonic() + pause > deadline:
                raise SystemExit(f"pgha-secrets: gave up after {deadline_seconds} s: {reason}") from reason
            if str(reason) != last_reason:
                say(f"waiting: {reason}")
                last_reason = str(reason)
            time.sleep(pause)
            pause = min(pause * 2, 10.0)


def is_current(entry, content, owner, group):
    try:
        state = os.stat(entry["path"])
        with open(entry["path"], "rb") as current:
            same = current.read() == content
    except FileNotFoundError:
        return False
    return same and (state.st_uid, state.st_gid, state.st_mode & 0o7777) == (owner, group, int(entry["mode"], 8))


def stage(entry, value):
    """A complete, synced file beside its place, or None when the place already holds just this."""
    content = value.encode()
    owner, group = pwd.getpwnam(entry["owner"]).pw_uid, grp.getgrnam(entry["group"]).gr_gid
    if is_current(entry, content, owner, group):
        return None
    directory = os.path.dirname(entry["path"])
    os.makedirs(directory, mode=0o755, exist_ok=True)
    # mkstemp makes it 0600 for root: nobody reads it before it has its owner
    handle, staged = tempfile.mkstemp(prefix=".pgha-", dir=directory)
    with os.fdopen(handle, "wb") as file:
        os.fchown(file.fileno(), owner, group)
        os.fchmod(file.fileno(), int(entry["mode"], 8))
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return staged


def place(files, values):
    """Writes what differs and returns its entries. All are staged before the first is renamed, so that a full disk
    leaves the old set whole, and a certificate and its key change within the same instant."""
    staged = []
    try:
        for entry in files:
            path = stage(entry, values[entry["parameter"]])
            if path is not None:
                staged.append((entry, path))
        for entry, path in staged:
            os.rename(path, entry["path"])
    except BaseException:
        for _, path in staged:
            if os.path.exists(path):
                os.unlink(path)
        raise
    for directory in {os.path.dirname(entry["path"]) for entry, _ in staged}:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(handle)
        os.close(handle)
    return [entry for entry, _ in staged]


def tell_units(entries):
    """Reloads or restarts what uses a changed file, if it runs; a restart makes the reload of the same unit needless."""
    wanted = {}
    for change in (change for entry in entries for change in entry["onChange"]):
        if wanted.get(change["unit"]) != "restart":
            wanted[change["unit"]] = change["action"]
    failed = []
    for unit, action in wanted.items():
        verb = "try-restart" if action == "restart" else "try-reload-or-restart"
        if subprocess.run(["systemctl", verb, unit], check=False).returncode != 0:
            failed.append(unit)
    if failed:
        raise SystemExit(f"pgha-secrets: the files changed but {', '.join(failed)} did not take them; see journalctl -u")
    return wanted


def main(arguments):
    if arguments not in (["ensure"], ["fetch"]):
        raise SystemExit("usage: pgha-secrets ensure|fetch")
    with open(MANIFEST, encoding="utf-8") as file:
        manifest = json.load(file)
    files = manifest["files"]
    if arguments == ["ensure"]:
        missing = [entry["path"] for entry in files if not os.path.exists(entry["path"])]
        if not missing:
            return
        say(f"missing: {', '.join(missing)}")
        place(files, wait_for_parameters(manifest, ENSURE_DEADLINE_SECONDS))
        return
    changed = place(files, wait_for_parameters(manifest, FETCH_DEADLINE_SECONDS))
    units = tell_units(changed)
    print(json.dumps({"changed": [entry["path"] for entry in changed], "units": units}))


if __name__ == "__main__":
    main(sys.argv[1:])
