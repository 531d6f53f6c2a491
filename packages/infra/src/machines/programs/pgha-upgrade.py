#!/usr/bin/python3
"""Brings what this machine serves to Debian's newest minor versions, without restarting anything by itself.

pgha-upgrade state           what could be upgraded and which units still run what was there before, as JSON
pgha-upgrade install         installs it; the units that have to restart are remembered until they have
pgha-upgrade restart UNIT    restarts (or reloads) one of them, and forgets it

`pgha upgrade minor` decides when: a primary is never restarted, and never two members at once.
"""

import json
import os
import re
import subprocess
import sys

MANIFEST = "/var/lib/pgha/machine.json"
PENDING = "/var/lib/pgha/pending-restarts.json"
POLICY = "/usr/sbin/policy-rc.d"

# package (from its start) -> the unit that runs it, and how it takes a new version; a reload of the router hands its
# sessions over to a new process
UNITS = {
    "postgresql": ("patroni.service", "restart"),
    "patroni": ("patroni.service", "restart"),
    "pgbouncer": ("pgbouncer.service", "restart"),
    "haproxy": ("haproxy.service", "reload"),
    "etcd-server": ("etcd.service", "restart"),
    "prometheus-node-exporter": ("prometheus-node-exporter.service", "restart"),
    "prometheus-postgres-exporter": ("prometheus-postgres-exporter.service", "restart"),
    "prometheus-pgbouncer-exporter": ("prometheus-pgbouncer-exporter.service", "restart"),
    "prometheus-pgbackrest-exporter": ("prometheus-pgbackrest-exporter.service", "restart"),
    "prometheus-alertmanager": ("prometheus-alertmanager.service", "restart"),
    "prometheus": ("prometheus.service", "restart"),
    "chrony": ("chrony.service", "restart"),
}
APT = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
PLANNED = re.compile(r"^Inst (\S+) \[(\S+)\] \((\S+) ", re.MULTILINE)


def run(command, **options):
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    return subprocess.run(command, check=True, text=True, env=environment, **options)


def wanted_packages():
    with open(MANIFEST, encoding="utf-8") as file:
        return json.load(file)["packages"]


def install_command(*options):
    """Only what is there, never a new package, and the configuration files that are ours stay ours."""
    keep_ours = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
    return [*APT, *options, *keep_ours, "install", "--only-upgrade", "--no-install-recommends", *wanted_packages()]


def available():
    """What apt would upgrade now: package, version here, version there."""
    # lists that cannot be fetched leave those of the last time
    run([*APT, "update"], stdout=sys.stderr)
    text = run(install_command("--just-print"), stdout=subprocess.PIPE).stdout
    return [{"package": name, "from": old, "to": new} for name, old, new in PLANNED.findall(text)]


def read_pending():
    try:
        with open(PENDING, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def write_pending(pending):
    with open(f"{PENDING}.new", "w", encoding="utf-8") as file:
        json.dump(pending, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{PENDING}.new", PENDING)


def unit_of(package):
    """The unit and its action; the longest name wins, because one package's name begins another's."""
    starts = [start for start in UNITS if package.startswith(start)]
    return UNITS[max(starts, key=len)] if starts else None


def units_of(packages):
    return dict(filter(None, (unit_of(package) for package in packages)))


def install():
    upgrades = available()
    if not upgrades:
        return
    # before anything changes: whatever dies from here on, it is known what may run an old version
    write_pending({**read_pending(), **units_of([upgrade["package"] for upgrade in upgrades])})
    with open(POLICY, "w", encoding="utf-8") as policy:
        policy.write("#!/bin/sh\nexit 101\n")
    os.chmod(POLICY, 0o755)
    try:
        run(["dpkg", "--configure", "-a"], stdout=sys.stderr)
        run(install_command("-y"), stdout=sys.stderr)
    finally:
        os.unlink(POLICY)
    run(["systemctl", "daemon-reload"])


def restart(unit):
    pending = read_pending()
    action = pending.get(unit)
    if action is None:
        return
    # a unit that does not run takes the new version when it starts
    verb = "try-restart" if action == "restart" else "try-reload-or-restart"
    run(["systemctl", verb, unit])
    write_pending({other: way for other, way in pending.items() if other != unit})


def main(arguments):
    if arguments == ["state"]:
        pass
    elif arguments == ["install"]:
        install()
    elif len(arguments) == 2 and arguments[0] == "restart":
        restart(arguments[1])
    else:
        raise SystemExit("usage: pgha-upgrade state | install | restart UNIT")
    upgrades = available() if arguments == ["state"] else []
    json.dump({"available": upgrades, "pending": sorted(read_pending())}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
