#!/usr/bin/python3
"""Makes etcd take the passwords that this machine has: administrators, and one user that may use one prefix.

May be interrupted and run again at any point. It turns authentication on, and changes later what differs. The password that etcd
took last is kept, because a region that was off through a rotation wakes up with an etcd that knows no newer one.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

SETTINGS = "/etc/pgha/etcd-auth.json"
ENVIRONMENT = "/etc/pgha/etcdctl.env"
SECRETS = "/etc/pgha/secrets"
ACCEPTED = f"{SECRETS}/etcd_accepted"
# the members boot side by side
QUORUM_TRIES = 30
REFUSED = "invalid user ID or password"
# not an answer: a busy member, a change of leader, or a password that changed between a login and what was asked with it
PASSING = ("deadline exceeded", "timed out", "unavailable", "no leader", "leader changed", "auth store is old", "invalid auth token")
TRIES = 5
# every login costs a member a slow hash, which is the point of it
TIMEOUT = "--command-timeout=15s"


class Refused(Exception):
    """etcd does not take this password, or has no such user."""


class Failed(Exception):
    pass


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def etcdctl(login, password, *arguments, given=None):
    """Standard output; what may pass is asked for again."""
    for tried in range(TRIES):
        try:
            return etcdctl_once(login, password, *arguments, given=given)
        except Failed as reason:
            if tried + 1 == TRIES or not any(words in str(reason).lower() for words in PASSING):
                raise
            time.sleep(1)
    return None


def etcdctl_once(login, password, *arguments, given=None):
    """Standard output. The password reaches etcdctl by the environment, which only root reads; another one by its input."""
    with open(ENVIRONMENT, encoding="utf-8") as file:
        settings = dict(line.strip().split("=", 1) for line in file if line.strip())
    environment = {**os.environ, **settings, "ETCDCTL_USER": login, "ETCDCTL_PASSWORD": password}
    result = subprocess.run(
        ["etcdctl", TIMEOUT, *arguments], check=False, capture_output=True, text=True, input=given or "", env=environment
    )
    if result.returncode == 0:
        return result.stdout
    if REFUSED in result.stderr:
        raise Refused(login)
    said = result.stderr.strip().splitlines()
    raise Failed(f"etcdctl {' '.join(arguments)}: {said[-1] if said else 'no output'}")


def look_up(admin, *arguments):
    """What is asked for, or None when etcd does not know it; any other failure is one."""
    try:
        return etcdctl(*admin, *arguments)
    except Failed as reason:
        if "not found" in str(reason):
            return None
        raise


def add(admin, *arguments, given=None):
    """Adds what was not there; it may be there by now, when the answer to an earlier try was lost."""
    try:
        etcdctl(*admin, *arguments, given=given)
    except Failed as reason:
        if "already exists" not in str(reason):
            raise


def known_administrators(settings):
    """Pairs of login and password that etcd may know, the likeliest first."""
    pairs = []
    if os.path.exists(ACCEPTED):
        pairs.append(tuple(read(ACCEPTED).split(" ")))
    active = read(f"{SECRETS}/{settings['active']}")
    for login in [active, *(login for login in settings["administrators"] if login != active)]:
        pairs.append((login, read(f"{SECRETS}/{login}")))
    return pairs


def find_administrator(settings):
    """A pair that etcd takes, and whether authentication is on."""
    for tried in range(QUORUM_TRIES):
        try:
            for pair in known_administrators(settings):
                try:
                    return pair, "Authentication Status: true" in etcdctl_once(*pair, "auth", "status")
                except Refused:
                    continue
            raise SystemExit("etcd accepts none of the administrator passwords that this node has or had")
        except Failed as reason:
            if tried + 1 == QUORUM_TRIES:
                raise SystemExit(f"no quorum: too few members respond: {reason}") from reason
            time.sleep(1)
    return None


def keep_accepted(login, password):
    handle, staged = tempfile.mkstemp(prefix=".pgha-", dir=SECRETS)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{login} {password}\n")
        file.flush()
        os.fsync(file.fileno())
    os.rename(staged, ACCEPTED)


def takes(login, password):
    try:
        # everybody may look at himself
        etcdctl(login, password, "user", "get", login)
        return True
    except Refused:
        return False


def roles_of(admin, login):
    """The roles of a user; None when there is no such user."""
    told = look_up(admin, "user", "get", login)
    return None if told is None else told.split("Roles:")[1].split()


def ensure_user(admin, is_on, login, role):
    """Returns whether the user got this password now."""
    password = read(f"{SECRETS}/{login}")
    roles = roles_of(admin, login)
    is_current = roles is not None and is_on and takes(login, password)
    if roles is None:
        add(admin, "user", "add", login, "--interactive=false", given=password)
    elif not is_current:
        etcdctl(*admin, "user", "passwd", login, "--interactive=false", given=password)
        if login == admin[0]:
            admin = (login, password)
    if role not in (roles or []):
        etcdctl(*admin, "user", "grant-role", login, role)
    return not is_current


def ensure_role(admin, role):
    if look_up(admin, "role", "get", role) is None:
        add(admin, "role", "add", role)


def ensure_readable(admin, role, keys):
    """Only what is missing: every change of a permission ends the logins that clients have."""
    told = etcdctl(*admin, "role", "get", role).split()
    for key in keys:
        if key not in told:
            etcdctl(*admin, "role", "grant-permission", role, "read", key)


def main():
    with open(SETTINGS, encoding="utf-8") as file:
        settings = json.load(file)
    admin, is_on = find_administrator(settings)
    if not is_on:
        # authentication needs a root, and nobody needs to be it: without a password it has no way in
        if look_up(admin, "user", "get", "root") is None:
            add(admin, "user", "add", "root", "--no-password")
        ensure_role(admin, "root")
        etcdctl(*admin, "user", "grant-role", "root", "root")
        ensure_role(admin, settings["role"])
        etcdctl(*admin, "role", "grant-permission", settings["role"], "readwrite", "--prefix=true", settings["prefix"])
    ensure_readable(admin, settings["role"], settings["readable"])
    users = [(login, "root") for login in settings["administrators"]]
    users += [(login, settings["role"]) for login in settings["users"]]
    changed = []
    for login, role in users:
        if ensure_user(admin, is_on, login, role):
            changed.append(login)
            if login == admin[0]:
                admin = (login, read(f"{SECRETS}/{login}"))
                keep_accepted(*admin)
    if not is_on:
        etcdctl(*admin, "auth", "enable")
    active = read(f"{SECRETS}/{settings['active']}")
    keep_accepted(active, read(f"{SECRETS}/{active}"))
    print(json.dumps({"changed": changed}))


if __name__ == "__main__":
    try:
        main()
    except (Failed, Refused) as reason:
        sys.exit(f"pgha-etcd-auth: {reason}")
