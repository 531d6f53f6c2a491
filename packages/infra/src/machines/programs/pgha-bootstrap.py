#!/usr/bin/python3
"""Completes the manifest that cloud-init left: fetches the programs it names from the artifact bucket and puts pgha-machine in
place. Runs before every start of pgha-machine.service and does nothing once the manifest is complete.

It has only what a bare image has, and installs the one library it needs.
"""

import gzip
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import urllib.request

MANIFEST = "/var/lib/pgha/machine.json"
MACHINE = "/usr/local/sbin/pgha-machine"


def install_agent(url):
    """The Systems Manager agent before anything that may fail; without it a boot step installs it later."""
    if os.path.exists("/usr/bin/amazon-ssm-agent"):
        return
    package = "/var/lib/pgha/amazon-ssm-agent.deb"
    try:
        with urllib.request.urlopen(url, timeout=30) as answer, open(package, "wb") as file:
            shutil.copyfileobj(answer, file)
        command = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", "install", "--no-install-recommends", package]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(command, check=True, env=environment, stdout=sys.stderr, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"pgha-bootstrap: the Systems Manager agent is not installed yet: {error}", file=sys.stderr, flush=True)


def ensure_boto3():
    if importlib.util.find_spec("boto3") is not None:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=5"]
    for command in (["update"], ["install", "--no-install-recommends", "ca-certificates", "python3-boto3"]):
        subprocess.run([*apt, *command], check=True, env=environment, stdout=sys.stderr)


def fetch(source):
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    place = f"s3://{source['bucket']}/{source['key']}"
    config = Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 3})
    client = boto3.client(
        "s3", region_name=source["region"], endpoint_url=source["endpoint"], verify=source["ca"], config=config
    )
    try:
        data = client.get_object(Bucket=source["bucket"], Key=source["key"])["Body"].read()
    except (BotoCoreError, ClientError) as error:
        # the unit tries again: a new machine may be up before its role's credentials, the NAT or the object are there
        raise SystemExit(f"pgha-bootstrap: {place} cannot be read yet: {error}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != source["sha256"]:
        raise SystemExit(f"pgha-bootstrap: {place} has sha256 {found}, expected {source['sha256']}")
    return json.loads(gzip.decompress(data))


def replace(path, text, mode):
    staged = f"{path}.new"
    with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(staged, path)


def main():
    with open(MANIFEST, encoding="utf-8") as file:
        manifest = json.load(file)
    incomplete = [entry for entry in manifest["files"] if "content" not in entry]
    if incomplete:
        if "agent" in manifest:
            install_agent(manifest["agent"])
        ensure_boto3()
        programs = fetch(manifest["programs"])
        for entry in incomplete:
            entry["content"] = programs[entry["program"]]
    machine = next(entry for entry in manifest["files"] if entry["path"] == MACHINE)
    if incomplete or not os.path.exists(MACHINE):
        # pgha-machine first: the complete manifest says that it is in place
        replace(MACHINE, machine["content"], int(machine["mode"], 8))
        replace(MANIFEST, json.dumps(manifest), 0o600)


if __name__ == "__main__":
    main()
