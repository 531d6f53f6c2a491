#!/usr/bin/python3
"""Switches over before the data volume of the primary is full: docs/decisions/0022.

pgha-space watch  the service: measures the volume, tells the other members by etcd, and on a primary that is nearly full asks
                  Patroni for a switchover to a member with free disk space
pgha-space show   what the service saw last, as JSON

On the data volume it keeps a reserve of a few WAL segments, which it removes first: the shutdown of a primary writes a checkpoint.
"""

import base64
import contextlib
import http.client
import json
import os
import sys
import time

import pgha_etcd

SETTINGS = "/etc/pgha/space.json"
STATE = "/run/pgha-space/state.json"
INTERVAL_SECONDS = 1
# what a member told is older than this: it does not tell any more
STALE_SECONDS = 45
TELL_EVERY_SECONDS = 10
# and at once when this much of the volume was filled or freed
TELL_CHANGE = 0.01
# a switchover waits for the standby to have everything
SWITCHOVER_SECONDS = 60
PATRONI_SECONDS = 5
NO_PRIMARY = "not a running primary"
SYNCHRONOUS = ("sync_standby", "quorum_standby")


def decide(facts):
    """What to do about the volume: (member to hand over to or None, why not). Pure; ratios are used parts, 0 to 1.

    limits: {full, almostFull, pauseSeconds, retrySeconds}. told: member -> {used, at}. last: the cluster's last handover
    {at, from, to, done}, or None. operation: who holds the lock of pgha's operations, None, or False: it cannot be read.
    """
    limits, now = facts["limits"], facts["now"]
    if facts["used"] <= limits["full"]:
        return None, "enough free disk space"
    patroni, last = facts["patroni"], facts["last"]
    if not is_primary(patroni):
        return None, NO_PRIMARY
    if patroni.get("pause") or facts["cluster"].get("pause"):
        return None, "Patroni is paused: pgha status says how to resume it"
    if facts["operation"] is False:
        return None, "the lock of operations cannot be read from etcd: pgha apply grants it"
    if facts["operation"] is not None:
        return None, f"an operation is in progress: {facts['operation']}"
    if last is not None:
        wait = limits["pauseSeconds" if last["done"] else "retrySeconds"] - (now - last["at"])
        if wait > 0:
            what = "switched over" if last["done"] else "tried to switch over"
            return None, f"{last['from']} {what} to {last['to']} recently: the next attempt is in {wait:.0f} s"
    others = [member for member in facts["cluster"].get("members", []) if member["name"] != facts["name"]]
    is_synchronous = any(member["role"] in SYNCHRONOUS for member in others)
    reasons = {member["name"]: obstacle(facts, member, is_synchronous) for member in others}
    able = [name for name, reason in reasons.items() if reason is None]
    if able:
        return min(able, key=lambda name: (facts["told"][name]["used"], name)), None
    return None, "; ".join(reasons.values()) or "there is no other member"


def is_primary(patroni):
    """A standby region's leader is none."""
    return patroni.get("role") == "primary" and patroni.get("state") == "running"


def obstacle(facts, member, is_synchronous):
    """Why a member cannot be handed over to; None: it can."""
    name, limits = member["name"], facts["limits"]
    told = facts["told"].get(name)
    tags = member.get("tags") or {}
    if tags.get("nofailover"):
        return f"{name} is excluded from failover (tag nofailover)"
    if member.get("state") != "streaming":
        return f"{name} is {member.get('state')}"
    if is_synchronous and member["role"] not in SYNCHRONOUS:
        return f"{name} is not a synchronous standby"
    if told is None or abs(facts["now"] - told["at"]) > STALE_SECONDS:
        return f"the free disk space of {name} is unknown"
    # never to one that would hand over again at once
    if told["used"] > limits["almostFull"]:
        return f"{name} is {told['used']:.0%} full"
    return None


def measure(mount):
    """The used part of a file system as its owner meets it: bytes that are not kept for root, or file numbers."""
    state = os.statvfs(mount)
    byte_share = 1 - state.f_bavail / state.f_blocks if state.f_blocks else 0
    file_share = 1 - state.f_favail / state.f_files if state.f_files else 0
    return max(byte_share, file_share)


def say(text):
    print(text, file=sys.stderr, flush=True)


class Reserve:
    """A file on the data volume that is removed when the volume is full."""

    def __init__(self, path, size):
        self.path, self.size = path, size

    def keep(self):
        if os.path.exists(self.path) and os.path.getsize(self.path) == self.size:
            return
        with contextlib.suppress(OSError):
            with open(self.path, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.size)

    def give_up(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


class Patroni:
    """This machine's Patroni, as its own configuration says."""

    def __init__(self, folder):
        self.folder = folder
        self.read()

    def read(self):
        """Its configuration, and the secrets of the moment: they are rotated."""
        # Patroni's own dependency; what is decided here needs none
        import yaml

        values = {}
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(".yml"):
                with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                    values = merged(values, yaml.safe_load(file) or {})
        self.name, self.scope, self.etcd, self.rest = (values[key] for key in ("name", "scope", "etcd3", "restapi"))
        self.context = pgha_etcd.tls_context(self.tls)

    @property
    def tls(self):
        return {"ca": self.rest["cafile"], "certificate": self.rest["certfile"], "key": self.rest["keyfile"]}

    def ask(self, method, path, body=None, seconds=PATRONI_SECONDS):
        """(status, text); raises OSError or HTTPException."""
        host, port = self.rest["connect_address"].rsplit(":", 1)
        connection = http.client.HTTPSConnection(host, int(port), timeout=seconds, context=self.context)
        login = f"{self.rest['authentication']['username']}:{self.rest['authentication']['password']}"
        headers = {
            "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}",
            "Content-Type": "application/json",
        }
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def tell(self, path):
        return json.loads(self.ask("GET", path)[1])


def merged(one, other):
    result = dict(one)
    for key, value in other.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


class Watch:
    def __init__(self, settings):
        self.settings, self.limits = settings, settings["limits"]
        self.reserve = Reserve(f"{settings['mount']}/pgha-reserve", settings["reserveBytes"])
        self.told_at, self.told, self.said = None, 0, None
        self.connect()

    def connect(self):
        """Again after every failure: certificates and servers may be others by then."""
        settings = self.settings
        self.patroni = Patroni(settings["patroni"])
        servers = [host.rsplit(":", 1) for host in self.patroni.etcd["hosts"]]
        access = {
            "ca": self.patroni.etcd["cacert"],
            "certificate": self.patroni.etcd["cert"],
            "key": self.patroni.etcd["key"],
            "etcdPort": int(servers[0][1]),
            "loginFile": settings["loginFile"],
        }
        self.etcd = pgha_etcd.Etcd(access, [{"hostname": host, "address": host} for host, _ in servers])
        # beside Patroni's own keys, not among them
        self.prefix = f"/service/{self.patroni.scope}-space"

    def run(self):
        while True:
            try:
                self.look()
            except (OSError, ValueError, http.client.HTTPException, pgha_etcd.Silence, pgha_etcd.Refused) as error:
                self.report(None, f"cannot tell: {error}")
                self.connect()
            time.sleep(INTERVAL_SECONDS)

    def look(self):
        used = measure(self.settings["mount"])
        if used <= self.limits["almostFull"]:
            self.reserve.keep()
        is_old = self.told_at is None or time.monotonic() - self.told_at > TELL_EVERY_SECONDS
        if is_old or abs(used - self.told) > TELL_CHANGE:
            self.tell(used)
        if used <= self.limits["full"]:
            self.report(used, "enough free disk space")
            return
        own = self.patroni.tell("/patroni")
        if not is_primary(own):
            # a full standby asks nobody else every second
            self.report(used, NO_PRIMARY)
            return
        facts, revision = self.read_facts(used, own)
        candidate, reason = decide(facts)
        self.report(used, reason or f"switching over to {candidate}")
        if candidate is not None:
            self.hand_over(candidate, revision)

    def tell(self, used):
        key = f"{self.prefix}/members/{self.patroni.name}"
        _, revision = self.etcd.read([key]).get(key, (None, 0))
        self.etcd.swap(key, revision, json.dumps({"used": round(used, 4), "at": round(time.time())}))
        self.told_at, self.told = time.monotonic(), used

    def read_facts(self, used, own):
        cluster = self.patroni.tell("/cluster")
        names = [member["name"] for member in cluster.get("members", [])]
        keys = {f"{self.prefix}/members/{name}": name for name in names}
        last_key = f"{self.prefix}/last"
        held = self.etcd.read([*keys, last_key])
        last, revision = held.get(last_key, ("null", 0))
        facts = {
            "name": self.patroni.name,
            "used": used,
            "now": time.time(),
            "limits": self.limits,
            "patroni": own,
            "cluster": cluster,
            "told": {keys[key]: json.loads(text) for key, (text, _) in held.items() if key in keys},
            "last": json.loads(last),
            "operation": self.read_operation(),
        }
        return facts, revision

    def read_operation(self):
        """Who holds the lock of operations: None, nobody; False, it cannot be read."""
        key = self.settings["lockKey"]
        try:
            held = self.etcd.read([key])
        except pgha_etcd.Refused:
            return False
        return "another pgha command" if key in held else None

    def hand_over(self, candidate, revision):
        """One attempt, which every member sees before it begins."""
        last = {"at": time.time(), "from": self.patroni.name, "to": candidate, "done": False}
        key = f"{self.prefix}/last"
        if not self.etcd.swap(key, revision, json.dumps(last)):
            return
        # its password may be another one by now
        self.patroni.read()
        self.reserve.give_up()
        say(f"the data volume is full: switchover to {candidate}")
        body = {"leader": self.patroni.name, "candidate": candidate}
        status, text = self.patroni.ask("POST", "/switchover", body, SWITCHOVER_SECONDS)
        say(f"Patroni: {status} {text}")
        if status == 200:
            _, revision = self.etcd.read([key])[key]
            self.etcd.swap(key, revision, json.dumps({**last, "done": True}))

    def report(self, used, reason):
        if reason != self.said:
            say(reason)
            self.said = reason
        with open(f"{STATE}.new", "w", encoding="utf-8") as file:
            json.dump({"at": time.time(), "used": used, "reason": reason}, file)
        os.rename(f"{STATE}.new", STATE)


def main(arguments):
    if arguments == ["show"]:
        with open(STATE, encoding="utf-8") as file:
            sys.stdout.write(file.read())
        return
    if arguments != ["watch"]:
        raise SystemExit("usage: pgha-space watch | show")
    with open(SETTINGS, encoding="utf-8") as file:
        settings = json.load(file)
    Watch(settings).run()


if __name__ == "__main__":
    main(sys.argv[1:])
