#!/usr/bin/python3
"""Keeps a region that was given up from coming back by itself: docs/decisions/0011.

pgha-region gate       before every start of Patroni: succeeds when this region's servers may start
pgha-region watch      the service: reads both regions' epochs for ever, and ends Patroni when this region was given up
pgha-region show       what the gate said, what this region's etcd holds now and the other one's held last, as JSON
pgha-region read       the same, with what the other one's holds now
pgha-region confirm    an operator's word, valid until the machine is switched off: this region may start
pgha-region configure  merges the JSON on standard input into what Patroni keeps for the region; null removes a key

A region starts without a question when it is a standby, and once it has started in this boot. A closed gate serves neither
writes nor reads: a region that was given up would answer with what is no longer true.
"""

import json
import os
import signal
import subprocess
import sys
import time

import pgha_etcd
import pgha_region
from pgha_region import CONFIRMED, GATE, SEEN, acts

# below the unit's time to start; then it tries again
GATE_PATIENCE_SECONDS = 30
GATE_INTERVAL_SECONDS = 1
WATCH_INTERVAL_SECONDS = 5


def now():
    return time.time()


def read_settings():
    with open(pgha_region.SETTINGS, encoding="utf-8") as file:
        return json.load(file)


def say(text):
    print(text, file=sys.stderr, flush=True)


def write_gate(is_open, reason):
    """Keeps the verdict, and says it when it is another one."""
    before = pgha_region.read_json(GATE) or {}
    if before.get("open") == is_open and before.get("reason") == reason:
        return
    say(f"{'open' if is_open else 'closed'}: {reason}")
    pgha_region.write_json(GATE, {"open": is_open, "reason": reason, "since": now()})


def gate(settings):
    # within one boot a region goes on as it was; the watch closes what was given up
    if (pgha_region.read_json(GATE) or {}).get("open") is True:
        return
    regions = pgha_region.Regions(settings)
    deadline = time.monotonic() + GATE_PATIENCE_SECONDS
    while True:
        own, peer, met = regions.read()
        own["leads"] = own["answers"] and regions.another_leads(own["leader"])
        confirmed = pgha_region.read_json(CONFIRMED) is not None
        is_open, reason = pgha_region.decide({"own": own, "peer": peer, "met": met, "confirmed": confirmed})
        write_gate(is_open, reason)
        if is_open:
            return
        if acts(peer):
            stop_server(settings)
        if time.monotonic() > deadline:
            raise SystemExit(1)
        time.sleep(GATE_INTERVAL_SECONDS)


def stop_server(settings):
    """A server that outlived its Patroni must not go on serving behind a closed gate."""
    pg_ctl = [f"{settings['binDirectory']}/pg_ctl", f"--pgdata={settings['dataDirectory']}"]
    if subprocess.run([*pg_ctl, "status"], check=False, stdout=subprocess.DEVNULL).returncode == 0:
        say("stopping PostgreSQL, which is still running")
        subprocess.run([*pg_ctl, "stop", "--mode=fast", "--timeout=20"], check=False, stdout=sys.stderr)


def watch(settings):
    regions, last = pgha_region.Regions(settings), None
    while True:
        own, peer, _ = regions.read()
        seen_at = now()
        if peer["answers"]:
            last = {**peer, "at": seen_at}
        pgha_region.write_json(SEEN, {"at": seen_at, "own": own, "peer": peer, "peerLast": last})
        if acts(own) and acts(peer) and peer["epoch"] > own["epoch"]:
            give_up(f"the peer region is active with epoch {peer['epoch']}, this region's is {own['epoch']}")
        write_metrics(settings, own, last)
        time.sleep(WATCH_INTERVAL_SECONDS)


def give_up(reason):
    """Closes the gate, then ends Patroni, which stops its server; systemd starts it again, and the gate keeps it."""
    is_new = (pgha_region.read_json(GATE) or {}).get("open") is not False
    write_gate(False, reason)
    if os.path.exists(CONFIRMED):
        os.unlink(CONFIRMED)
    show = ["systemctl", "show", "patroni.service", "--property=SubState", "--property=MainPID"]
    lines = subprocess.run(show, check=True, capture_output=True, text=True).stdout.splitlines()
    unit = dict(line.split("=", 1) for line in lines)
    if is_new and unit["SubState"] == "running":
        say("stopping Patroni: this region was failed over from")
        os.kill(int(unit["MainPID"]), signal.SIGTERM)


def write_metrics(settings, own, last):
    path = settings["metrics"]
    if path is None:
        return
    gate_now = pgha_region.read_json(GATE) or {}
    lines = [
        f"pgha_region_gate_open {int(gate_now.get('open') is not False)}",
        f"pgha_region_peer_read_timestamp_seconds {last['at'] if last else 0}",
    ]
    if own["answers"] and own["known"]:
        lines.append(f"pgha_region_epoch {own['epoch']}")
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
    os.rename(f"{path}.new", path)


def show(settings):
    # how old the other one's is, peerLast says
    seen = pgha_region.read_json(SEEN) or {"peer": pgha_region.UNHEARD, "peerLast": None}
    tell({**seen, "at": now(), "own": pgha_region.Regions(settings).read_own()})


def read(settings):
    own, peer, _ = pgha_region.Regions(settings).read()
    remembered = (pgha_region.read_json(SEEN) or {}).get("peerLast")
    last = {**peer, "at": now()} if peer["answers"] else remembered
    tell({"at": now(), "own": own, "peer": peer, "peerLast": last})


def tell(seen):
    json.dump({"gate": pgha_region.read_json(GATE), "seen": seen}, sys.stdout)


def confirm(settings):
    own, peer, _ = pgha_region.Regions(settings).read()
    if acts(peer) and not (own["answers"] and own["epoch"] > peer["epoch"]):
        raise SystemExit(f"the peer region is active, with epoch {peer['epoch']}: this region has to become its standby")
    pgha_region.write_json(CONFIRMED, {"at": now()})


def configure(settings):
    """Compare and swap, so that a change of somebody else's is never lost."""
    patch = json.load(sys.stdin)
    etcd = pgha_etcd.Etcd(settings, settings["own"]["etcd"])
    key = f"/service/{settings['scope']}/config"
    for _ in range(10):
        text, revision = etcd.read([key]).get(key, ("{}", 0))
        config = merged(json.loads(text), patch)
        if etcd.swap(key, revision, json.dumps(config, separators=(",", ":"))):
            json.dump(pgha_region.described(config), sys.stdout)
            return
    raise SystemExit("another client keeps changing the configuration; nothing was written")


def merged(config, patch):
    """As Patroni merges (patroni.utils.patch_config): objects key by key, null removes, everything else replaces."""
    result = dict(config)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def main(arguments):
    verbs = {"gate": gate, "watch": watch, "show": show, "read": read, "confirm": confirm, "configure": configure}
    if len(arguments) != 1 or arguments[0] not in verbs:
        raise SystemExit(f"usage: pgha-region {' | '.join(verbs)}")
    try:
        verbs[arguments[0]](read_settings())
    except (pgha_etcd.Silence, pgha_etcd.Refused) as error:
        raise SystemExit(f"etcd is not responding: {error}") from error


if __name__ == "__main__":
    main(sys.argv[1:])
