#!/usr/bin/python3
"""Runs a version of the services out of /opt/pgha/releases/VERSION; `current` points to the one that runs.

pgha-deploy VERSION          fetches it unless it is here, switches, restarts the services one at a time, goes back if one fails
pgha-deploy --fetch VERSION  fetches it and changes nothing else: its migrations run before its services do
pgha-deploy --rollback       switches to the version that ran before
pgha-deploy --first          at boot: when nothing is deployed, takes the version that the bucket's pointer names
pgha-deploy --status         the versions that are here, as JSON

The sockets belong to systemd: while a service restarts, connections wait in them and none is refused.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

CONFIG = "/etc/pgha/deploy.json"
HOME = "/opt/pgha"
RELEASES = f"{HOME}/releases"
CURRENT = f"{HOME}/current"
PREVIOUS = f"{HOME}/previous"
# The running one, the one to go back to, and one more.
KEPT_RELEASES = 3
# A version becomes a directory name and an object name.
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,99}")
# A service checks the schema's version before it listens; a database in failover makes that wait.
HEALTHY_WITHIN_SECONDS = 60
# systemd tries again a second after each end; a release that ends this often will not come up by itself.
ENDS_UNTIL_GIVEN_UP = 3


class Failed(Exception):
    pass


def say(text):
    print(f"pgha-deploy: {text}", file=sys.stderr, flush=True)


def bucket_of(config):
    patience = Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 5})
    client = boto3.resource(
        "s3", region_name=config["region"], endpoint_url=config["endpoint"], verify=config["ca"], config=patience
    )
    return client.Bucket(config["bucket"])


def read_object(bucket, key):
    try:
        return bucket.Object(key).get()["Body"].read().decode().strip()
    except (BotoCoreError, ClientError) as error:
        raise Failed(f"s3://{bucket.name}/{key} cannot be read: {error}") from error


def download(bucket, key, path):
    try:
        bucket.download_file(key, path)
    except (BotoCoreError, ClientError) as error:
        raise Failed(f"s3://{bucket.name}/{key} cannot be read: {error}") from error


def fetch(config, version):
    """Puts a release in place, whole or not at all."""
    bucket = bucket_of(config)
    key = f"{config['prefix']}{version}.tar.zst"
    wanted = read_object(bucket, f"{key}.sha256").split()[0]
    os.makedirs(RELEASES, exist_ok=True)
    for leftover in os.listdir(RELEASES):
        if leftover.startswith(".incoming-"):
            shutil.rmtree(os.path.join(RELEASES, leftover))
    incoming = tempfile.mkdtemp(prefix=".incoming-", dir=RELEASES)
    archive = os.path.join(incoming, "archive")
    download(bucket, key, archive)
    with open(archive, "rb") as file:
        seen = hashlib.file_digest(file, "sha256").hexdigest()
    if seen != wanted:
        raise Failed(f"s3://{bucket.name}/{key} has the SHA-256 {seen} and should have {wanted}; upload it again")
    content = os.path.join(incoming, "release")
    os.mkdir(content, mode=0o755)
    subprocess.run(["tar", "--zstd", "-xf", archive, "-C", content, "--no-same-owner"], check=True)
    missing = [path for path in config["contents"] if not os.path.exists(os.path.join(content, path))]
    if missing:
        raise Failed(f"s3://{bucket.name}/{key} lacks {', '.join(missing)}; build it again")
    # the rename must not be on disk before the files are
    subprocess.run(["sync", "--file-system", content], check=True)
    os.rename(content, os.path.join(RELEASES, version))
    shutil.rmtree(incoming)


def target_of(link):
    return os.path.basename(os.readlink(link)) if os.path.islink(link) else None


def point(link, version):
    staged = f"{link}.new"
    if os.path.lexists(staged):
        os.unlink(staged)
    os.symlink(f"releases/{version}", staged)
    os.rename(staged, link)


def show(unit, name):
    command = ["systemctl", "show", "--value", f"--property={name}", unit]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def is_healthy(config, service, version):
    """The right release runs and answers; whether its database answers is not a matter of the release."""
    try:
        program = os.readlink(f"/proc/{show(service['unit'], 'MainPID')}/exe")
        if not program.startswith(f"{RELEASES}/{version}/"):
            return False
        context = ssl.create_default_context(cafile=config["serviceCa"])
        with urllib.request.urlopen(service["url"], timeout=3, context=context) as answer:
            return answer.status == 200
    except OSError:
        return False


def restart(config, version):
    """Restarts one service after the other, so that one of them always serves; returns the first that fails."""
    for service in config["services"]:
        subprocess.run(["systemctl", "restart", service["unit"]], check=False)
        deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
        while not is_healthy(config, service, version):
            if time.monotonic() > deadline or int(show(service["unit"], "NRestarts")) >= ENDS_UNTIL_GIVEN_UP:
                return service["unit"]
            time.sleep(0.2)
        say(f"{service['unit']} serves {version}")
    return None


def switch(config, version):
    before = target_of(CURRENT)
    point(CURRENT, version)
    failed = restart(config, version)
    if failed is None:
        # only what served is worth going back to
        if before is not None and before != version:
            point(PREVIOUS, before)
        return
    if before is None or before == version:
        raise Failed(f"{failed} does not serve {version}; see journalctl -u {failed}")
    say(f"{failed} does not serve {version}; rolling back to {before}")
    point(CURRENT, before)
    also_failed = restart(config, before)
    state = "runs again" if also_failed is None else f"does not serve either ({also_failed})"
    raise Failed(f"{failed} does not serve {version}; {before} {state}; see journalctl -u {failed}")


def prune():
    keep = {target_of(CURRENT), target_of(PREVIOUS)}
    by_age = sorted(releases(), key=lambda version: os.stat(os.path.join(RELEASES, version)).st_mtime, reverse=True)
    for version in [version for version in by_age if version not in keep][max(0, KEPT_RELEASES - len(keep)) :]:
        shutil.rmtree(os.path.join(RELEASES, version))


def releases():
    try:
        return [name for name in os.listdir(RELEASES) if not name.startswith(".")]
    except FileNotFoundError:
        return []


def provide(config, version):
    if not VERSION.fullmatch(version):
        raise Failed(f'"{version}" is not a version; letters, digits, ".", "+" and "-" make one')
    if version not in releases():
        say(f"fetching {version}")
        fetch(config, version)


def deploy(config, version):
    provide(config, version)
    switch(config, version)
    prune()


def deploy_first(config):
    """At boot the services are started by systemd; only what they start has to be in place."""
    if os.path.exists(os.path.join(CURRENT, config["contents"][0])):
        return
    version = read_object(bucket_of(config), f"{config['prefix']}current")
    if not VERSION.fullmatch(version):
        raise Failed(f'the pointer in s3://{config["bucket"]} names "{version}", which is not a version')
    if version not in releases():
        say(f"fetching {version}")
        fetch(config, version)
    point(CURRENT, version)


def main(arguments):
    if len(arguments) != (2 if arguments[:1] == ["--fetch"] else 1):
        raise SystemExit("usage: pgha-deploy VERSION | --fetch VERSION | --rollback | --first | --status")
    with open(CONFIG, encoding="utf-8") as file:
        config = json.load(file)
    os.makedirs(HOME, exist_ok=True)
    if arguments == ["--status"]:
        # links are replaced whole: whoever only looks does not wait for a deploy
        return report()
    with open(f"{HOME}/.lock", "w", encoding="utf-8") as lock:
        # a second deploy waits for the first
        fcntl.flock(lock, fcntl.LOCK_EX)
        if arguments == ["--first"]:
            deploy_first(config)
        elif arguments == ["--rollback"]:
            previous = target_of(PREVIOUS)
            if previous is None:
                raise Failed("there is no previous version on this node; deploy a version by its name")
            switch(config, previous)
        elif arguments[0] == "--fetch":
            provide(config, arguments[1])
        else:
            deploy(config, arguments[0])
    return report()


def report():
    print(json.dumps({"current": target_of(CURRENT), "previous": target_of(PREVIOUS), "releases": sorted(releases())}))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Failed as reason:
        raise SystemExit(f"pgha-deploy: {reason}") from reason
