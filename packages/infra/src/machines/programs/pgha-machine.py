#!/usr/bin/python3
"""Makes this machine what its manifest says: packages, files, secrets, boot steps, units, in this order.

pgha-machine apply [MANIFEST]  at every boot and by `pgha apply`: changes what differs and reports it as JSON
pgha-machine diff [MANIFEST]   what apply would change, as JSON; changes nothing

Every part may run again at any time: a second run changes nothing. The manifest holds names of secrets, never values.
"""

import grp
import json
import os
import pwd
import subprocess
import sys
import tempfile
import time

MANIFEST = "/var/lib/pgha/machine.json"
# Which files the last run made, so that one that is no longer wanted is removed.
APPLIED = "/var/lib/pgha/applied.json"
# apt and PostgreSQL's packages read these while they install.
BEFORE_PACKAGES = ("/etc/apt/", "/etc/postgresql-common/", "/usr/share/keyrings/")
POLICY = "/usr/sbin/policy-rc.d"


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(*command, **options):
    return subprocess.run(command, check=True, **options)


def succeeds(*command):
    return subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def missing_packages(manifest):
    # one question for all: a process a package takes seconds on a machine that is booting. Unknown names only go to its stderr.
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n", *manifest["packages"]]
    known = subprocess.run(query, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    installed = {name for name, status in (line.split(" ") for line in known.splitlines()) if status == "installed"}
    return [package for package in manifest["packages"] if package not in installed]


def install_packages(packages):
    """Installs without starting anything: services start when their files and secrets are there."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # cloud-init or unattended-upgrades may hold the lock on a young machine
    options = ["-q", "-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=5"]
    keep_ours = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
    with open(POLICY, "w", encoding="utf-8") as policy:
        policy.write("#!/bin/sh\nexit 101\n")
    os.chmod(POLICY, 0o755)
    try:
        # a power cut during an earlier run leaves packages half configured
        run("dpkg", "--configure", "-a", env=environment, stdout=sys.stderr)
        run("apt-get", *options, "update", env=environment, stdout=sys.stderr)
        run(
            "apt-get", *options, *keep_ours, "install", "--no-install-recommends", *packages,
            env=environment, stdout=sys.stderr,
        )  # fmt: skip
    finally:
        os.unlink(POLICY)


def ids_of(entry):
    return pwd.getpwnam(entry["owner"]).pw_uid, grp.getgrnam(entry["group"]).gr_gid


def is_current(entry):
    try:
        state = os.stat(entry["path"])
        with open(entry["path"], "rb") as current:
            same = current.read() == entry["content"].encode()
        return same and (state.st_uid, state.st_gid, state.st_mode & 0o7777) == (*ids_of(entry), int(entry["mode"], 8))
    except (FileNotFoundError, KeyError):
        return False


def write_file(entry):
    """Replaces the file in one step: whoever reads it sees the old or the new one, and a power cut leaves one of them."""
    directory = os.path.dirname(entry["path"])
    os.makedirs(directory, mode=0o755, exist_ok=True)
    handle, staged = tempfile.mkstemp(prefix=".pgha-", dir=directory)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(entry["content"].encode())
            os.fchown(file.fileno(), *ids_of(entry))
            os.fchmod(file.fileno(), int(entry["mode"], 8))
            file.flush()
            os.fsync(file.fileno())
        os.rename(staged, entry["path"])
    except BaseException:
        os.unlink(staged)
        raise


def write_files(entries):
    """Writes what differs; users and directories that the other files need come first. Returns the changed entries."""
    changed = []
    for folder, command in (("sysusers.d", ["systemd-sysusers"]), ("tmpfiles.d", ["systemd-tmpfiles", "--create"]), ("", None)):
        for entry in entries:
            kind = os.path.basename(os.path.dirname(entry["path"]))
            if (kind if kind in ("sysusers.d", "tmpfiles.d") else "") != folder:
                continue
            if not is_current(entry):
                write_file(entry)
                changed.append(entry)
            if command is not None:
                run(*command, entry["path"])
    return changed


def applied_paths():
    try:
        with open(APPLIED, encoding="utf-8") as file:
            return set(json.load(file))
    except FileNotFoundError:
        return set()


def unwanted_paths(manifest):
    wanted = {entry["path"] for entry in manifest["files"]}
    return sorted(path for path in applied_paths() - wanted if os.path.exists(path))


def remove_unwanted(manifest):
    paths = unwanted_paths(manifest)
    for path in paths:
        os.unlink(path)
    wanted = sorted(entry["path"] for entry in manifest["files"])
    if set(wanted) != applied_paths():
        write_file({"path": APPLIED, "content": json.dumps(wanted), "owner": "root", "group": "root", "mode": "0600"})
    return paths


def run_boot_steps(manifest):
    for step in manifest["bootSteps"]:
        started = time.monotonic()
        if subprocess.run(["/bin/sh", "-eu", "-c", step["script"]], check=False, stdout=sys.stderr).returncode != 0:
            raise SystemExit(f"boot step \"{step['name']}\" failed; see its output above")
        say(f"boot step \"{step['name']}\" done in {time.monotonic() - started:.1f} s")


def unit_properties(names):
    """What systemd knows of each unit; asking for each alone takes seconds on a machine that is booting."""
    command = ["systemctl", "show", "--property=ActiveState", "--property=UnitFileState", "--property=Job", *names]
    blocks = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n\n")
    return {
        name: dict(line.split("=", 1) for line in block.strip().splitlines())
        for name, block in zip(names, blocks, strict=True)
    }


def differing_units(manifest):
    """The units that are not in their wanted state, as the manifest names them."""
    names = [wanted["unit"] for wanted in manifest["units"]]
    properties = unit_properties(names) if names else {}
    return [wanted for wanted in manifest["units"] if unit_differs(wanted, **properties[wanted["unit"]])]


def unit_differs(wanted, ActiveState, UnitFileState, Job):  # noqa: N803, systemd's own names
    # a unit that systemd is starting, or has queued to start at this boot, is where it should be
    active = ActiveState in ("active", "activating", "reloading") or (UnitFileState == "enabled" and Job != "")
    state = wanted["state"]
    if state == "masked":
        return UnitFileState != "masked" or active
    if state == "stopped":
        return UnitFileState in ("enabled", "enabled-runtime") or active
    on = UnitFileState in ("enabled", "static", "indirect", "generated", "alias")
    return not on or (state == "started" and not active and not condition_failed(wanted["unit"]))


def condition_failed(unit):
    """A unit that refused to start because of its own conditions is where it should be."""
    properties = ("ConditionResult", "ConditionTimestampMonotonic", "Result")
    show = ["systemctl", "show", unit, *(f"--property={name}" for name in properties)]
    lines = subprocess.run(show, check=False, capture_output=True, text=True).stdout.splitlines()
    # the latter when a program was asked
    return ("ConditionResult=no" in lines and "ConditionTimestampMonotonic=0" not in lines) or "Result=exec-condition" in lines


# What brings a unit to a state, in the order the states are settled in.
SETTLING = {
    "masked": (["mask", "--now"],),
    "stopped": (["disable", "--now"],),
    "enabled": (["enable"],),
    "started": (["enable"], ["start"]),
}


def settle_units(manifest):
    """Brings every unit to its state; one that fails does not keep the others from starting."""
    differing = differing_units(manifest)
    # the units' own files decide when they start; Debian's init scripts of the same name would be enabled beside them
    environment = {**os.environ, "SYSTEMCTL_SKIP_SYSV": "1"}
    for state, commands in SETTLING.items():
        units = [wanted["unit"] for wanted in differing if wanted["state"] == state]
        for command in commands if units else ():
            subprocess.run(["systemctl", *command, *units], check=False, env=environment)
    failed = [wanted["unit"] for wanted in differing_units(manifest) if wanted in differing] if differing else []
    if failed:
        raise SystemExit(f"not in the wanted state: {', '.join(failed)}; see journalctl -u")
    return [wanted["unit"] for wanted in differing]


def actions_of(entries):
    """What the changed files ask for: once a unit, and no reload where a restart comes."""
    actions = {}
    for change in (change for entry in entries for change in entry["onChange"]):
        if actions.get(change["unit"]) != "restart":
            actions[change["unit"]] = change["action"]
    return actions


def tell_units(actions):
    failed = []
    for unit, action in actions.items():
        # "try": a unit that does not run yet reads the new file when it starts
        verb = "try-restart" if action == "restart" else "try-reload-or-restart"
        if not succeeds("systemctl", verb, unit):
            failed.append(unit)
    if failed:
        raise SystemExit(f"files changed, but {', '.join(failed)} could not load them; see journalctl -u")


def apply(manifest):
    files = manifest["files"]
    changed = write_files([entry for entry in files if entry["path"].startswith(BEFORE_PACKAGES)])
    packages = missing_packages(manifest)
    if packages:
        say(f"installing {', '.join(packages)}")
        install_packages(packages)
    changed += write_files([entry for entry in files if not entry["path"].startswith(BEFORE_PACKAGES)])
    removed = remove_unwanted(manifest)
    if any(path.startswith("/etc/systemd/") for path in [*removed, *(entry["path"] for entry in changed)]):
        run("systemctl", "daemon-reload")
    if manifest["secrets"]:
        run("/usr/local/sbin/pgha-secrets", "ensure")
    run_boot_steps(manifest)
    actions = actions_of(changed)
    tell_units(actions)
    units = settle_units(manifest)
    return {
        "packages": packages,
        "files": [entry["path"] for entry in changed],
        "removed": removed,
        "actions": actions,
        "units": units,
    }


def diff(manifest):
    differing = [entry for entry in manifest["files"] if not is_current(entry)]
    return {
        "packages": missing_packages(manifest),
        "files": [entry["path"] for entry in differing],
        "removed": unwanted_paths(manifest),
        "actions": actions_of(differing),
        "units": [wanted["unit"] for wanted in differing_units(manifest)],
    }


def main(arguments):
    verb, path = (arguments + [MANIFEST])[:2] if arguments else (None, None)
    if verb not in ("apply", "diff") or len(arguments) > 2:
        raise SystemExit("usage: pgha-machine apply [MANIFEST] | diff [MANIFEST]")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    manifest = json.loads(text)
    if verb == "apply" and path != MANIFEST:
        # Kept before anything changes: a machine that reboots halfway goes on with the new one.
        write_file({"path": MANIFEST, "content": text, "owner": "root", "group": "root", "mode": "0600"})
    print(json.dumps(apply(manifest) if verb == "apply" else diff(manifest)))


if __name__ == "__main__":
    main(sys.argv[1:])
