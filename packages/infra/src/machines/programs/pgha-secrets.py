#!/usr/bin/python3
"""Puts this machine's secrets into files that only their owner can read.

pgha-secrets ensure   while the machine is made: fetches when a file is missing, and waits until it has them all
pgha-secrets boot     at every boot, before any service: the same, and asks once and briefly whether what is there is still the
                      newest; without an answer the machine starts with it, and `pgha-secrets-refresh` goes on asking
pgha-secrets fetch    at a rotation: fetches all, replaces what differs, tells the services that use it

It asks for exactly the parameters its manifest names. Values never reach an argument, the environment or the journal. A set that
cannot work, because somebody stored a value by hand or an operation is between two writes, replaces nothing.
"""

import contextlib
import fcntl
import grp
import json
import os
import pwd
import re
import signal
import ssl
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
# Every service of the machine waits for a boot's question, an unanswered one too.
BOOT_DEADLINE_SECONDS = 6
RUNTIME = "/run/pgha-secrets"
STALE = f"{RUNTIME}/stale"
OWED = f"{RUNTIME}/owed.json"
CA = "/etc/pgha/tls/ca.crt"
SECRETS = "/etc/pgha/secrets/"
# words of characters that need no quoting anywhere: what configuration files, connection strings and shells take as it is
LINE = re.compile(r"[A-Za-z0-9+/=_.:,-]+( [A-Za-z0-9+/=_.:,-]+)*")


class Unfinished(Exception):
    """Not possible yet; worth asking again until the deadline."""


def say(text):
    print(f"pgha-secrets: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def alone():
    """One at a time: a boot that catches up and a rotation would put two versions of a set beside each other."""
    with open(MANIFEST, encoding="utf-8") as manifest:
        fcntl.flock(manifest, fcntl.LOCK_EX)
        yield json.load(manifest)


def connect(manifest):
    # Short timeouts: the loop below is what waits, and it says why it waits.
    patience = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 2})
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
        raise Unfinished(f"Parameter Store in {manifest['region']} is not responding: {error}") from error
    return values


def patiently(attempt, deadline_seconds):
    """Calls it until it does not raise Unfinished. Every new reason is logged once."""
    deadline = time.monotonic() + deadline_seconds
    pause, last_reason = 1.0, None
    while True:
        try:
            return attempt()
        except Unfinished as reason:
            if time.monotonic() + pause > deadline:
                raise SystemExit(f"pgha-secrets: gave up after {deadline_seconds} s: {reason}") from reason
            if str(reason) != last_reason:
                say(f"waiting: {reason}")
                last_reason = str(reason)
            time.sleep(pause)
            pause = min(pause * 2, 10.0)


def within(deadline_seconds, attempt):
    """Calls it once; a name server or a network that swallows everything counts as Unfinished."""

    def give_up(*_):
        raise Unfinished(f"no response within {deadline_seconds} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(deadline_seconds)
    try:
        return attempt()
    finally:
        signal.alarm(0)


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


def refuse_misfits(files, staged):
    """Raises Unfinished unless every certificate belongs to its key and to the CA: what stands in different parameters is
    never read at one moment, and an operation may be between two writes."""
    new = {entry["path"]: path for entry, path in staged}
    for key in [entry["path"] for entry in files if entry["path"].endswith(".key")]:
        certificate = f"{key.removesuffix('.key')}.crt"
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(new.get(certificate, certificate), new.get(key, key))
        except ssl.SSLError as error:
            raise Unfinished(f"{certificate} does not belong to its key: an operation was interrupted, run it again") from error
        # an end is another alert's business: the next certificate must get through
        verify = ["openssl", "verify", "-no_check_time", "-CAfile", new.get(CA, CA), new.get(certificate, certificate)]
        if subprocess.run(verify, check=False, capture_output=True).returncode != 0:
            raise Unfinished(f"{certificate} was signed by none of the CAs in {CA}: an operation was interrupted, run it again")


def refuse_odd(files, values):
    """Raises Unfinished for a value that the programs of this machine could not read: whoever stored it by hand is told."""
    for entry in files:
        lines = values[entry["parameter"]].strip().split("\n")
        if entry["path"].startswith(SECRETS) and not all(LINE.fullmatch(line) for line in lines):
            raise Unfinished(f"{entry['parameter']} holds a character outside {LINE.pattern}; rotate it")


def stage_changes(files, values):
    """What differs, complete, beside its place: pairs of entry and staged path. All or nothing: a full disk and a set that
    does not fit together leave the old set whole."""
    refuse_odd(files, values)
    staged = []
    try:
        for entry in files:
            path = stage(entry, values[entry["parameter"]])
            if path is not None:
                staged.append((entry, path))
        refuse_misfits(files, staged)
    except BaseException:
        for _, path in staged:
            os.unlink(path)
        raise
    return staged


def put_in_place(staged):
    """A certificate and its key change within the same instant."""
    for entry, path in staged:
        os.rename(path, entry["path"])
    for directory in {os.path.dirname(entry["path"]) for entry, _ in staged}:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(handle)
        os.close(handle)


def read_owed():
    try:
        with open(OWED, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def owe(staged):
    """Writes down which units have to be told before their files change: whoever is killed in between, the next run tells
    them. A reboot does so too. A restart makes the reload of the same unit needless."""
    owed = read_owed()
    for change in (change for entry, _ in staged for change in entry["onChange"]):
        if owed.get(change["unit"]) != "restart":
            owed[change["unit"]] = change["action"]
    os.makedirs(RUNTIME, exist_ok=True)
    with open(f"{OWED}.new", "w", encoding="utf-8") as file:
        json.dump(owed, file)
    os.rename(f"{OWED}.new", OWED)
    return owed


def tell_units(owed):
    """Reloads or restarts what uses a changed file, if it runs."""
    failed = []
    for unit, action in owed.items():
        verb = "try-restart" if action == "restart" else "try-reload-or-restart"
        if subprocess.run(["systemctl", verb, unit], check=False).returncode != 0:
            failed.append(unit)
    if failed:
        raise SystemExit(f"pgha-secrets: the files changed, but {', '.join(failed)} could not load them; see journalctl -u")
    os.unlink(OWED)


def fetch(manifest):
    files = manifest["files"]
    staged = patiently(lambda: stage_changes(files, read_parameters(manifest)), FETCH_DEADLINE_SECONDS)
    owed = owe(staged)
    put_in_place(staged)
    tell_units(owed)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(STALE)
    print(json.dumps({"changed": [entry["path"] for entry, _ in staged], "units": owed}))


def ensure(manifest):
    """Returns whether a file was missing."""
    files = manifest["files"]
    missing = [entry["path"] for entry in files if not os.path.exists(entry["path"])]
    if missing:
        say(f"missing: {', '.join(missing)}")
        put_in_place(patiently(lambda: stage_changes(files, read_parameters(manifest)), ENSURE_DEADLINE_SECONDS))
    return bool(missing)


def catch_up(manifest):
    """No service runs yet, so that nobody has to be told."""
    try:
        staged = stage_changes(manifest["files"], within(BOOT_DEADLINE_SECONDS, lambda: read_parameters(manifest)))
    except Unfinished as reason:
        say(f"starting with the local copies of the secrets, and retrying later: {reason}")
        os.makedirs(RUNTIME, exist_ok=True)
        with open(STALE, "w", encoding="utf-8"):
            return
    put_in_place(staged)
    if staged:
        say(f"changed while this node was stopped: {', '.join(entry['path'] for entry, _ in staged)}")


def main(arguments):
    if arguments not in (["ensure"], ["boot"], ["fetch"]):
        raise SystemExit("usage: pgha-secrets ensure|boot|fetch")
    with alone() as manifest:
        if arguments == ["fetch"]:
            fetch(manifest)
        elif not ensure(manifest) and arguments == ["boot"]:
            catch_up(manifest)


if __name__ == "__main__":
    main(sys.argv[1:])
