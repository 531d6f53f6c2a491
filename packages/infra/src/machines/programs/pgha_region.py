"""Which of the two regions may act: what is known of them, and whether this one may start (docs/decisions/0011).

A region acts when its configuration in etcd does not make it a standby. The epoch stands in the same configuration and is
raised by every promotion of a region, in the same write that promotes it; without one it is 1.
"""

import concurrent.futures
import contextlib
import http.client
import json
import os

import pgha_etcd

SETTINGS = "/etc/pgha/region.json"
# files of this boot: a machine that was switched off begins without them
RUNTIME = "/run/pgha-region"
# what the gate said last; what the watch saw last; an operator's word
GATE, SEEN, CONFIRMED = (f"{RUNTIME}/{name}.json" for name in ("gate", "seen", "confirmed"))

UNHEARD = {"answers": False, "known": False, "standby": False, "epoch": 0}


def decide(facts):
    """Whether this region's servers may start, and why: (open, reason). Pure.

    own, peer: {answers, known, standby, epoch}; `known` is that there is a configuration, or a cached one of this machine.
    own also: leads, whether another machine of this region leads it at this moment. confirmed: an operator's word of this
    boot. met: whether the other region was ever heard of here.
    """
    own, peer = facts["own"], facts["peer"]
    if not own["answers"]:
        return False, "etcd of this region is not responding"
    if own["known"] and own["standby"]:
        return True, "this region is a standby"
    if peer["answers"] and peer["known"]:
        if peer["standby"]:
            return True, "the peer region is a standby"
        if own["known"] and own["epoch"] > peer["epoch"]:
            return True, f"the peer region was failed over from: its epoch is {peer['epoch']}, this region's is {own['epoch']}"
        mine = f"this region's is {own['epoch']}" if own["known"] else "this region has no data in etcd"
        return False, f"the peer region is active with epoch {peer['epoch']}, {mine}"
    if own["leads"]:
        return True, "this region has a leader"
    if not own["known"]:
        return True, "a new cluster"
    if not facts["met"]:
        return True, "the peer region was never deployed"
    if facts["confirmed"]:
        return True, "an operator confirmed it"
    if peer["answers"]:
        return False, "etcd of the peer region is empty: it is new, or it lost its data"
    return False, "the peer region's epoch could not be read"


def acts(region):
    return region["answers"] and region["known"] and not region["standby"]


class Regions:
    """Reads the facts, again and again, on tokens it keeps."""

    def __init__(self, settings):
        self.settings = settings
        self.own = pgha_etcd.Etcd(settings, settings["own"]["etcd"])
        self.peer = pgha_etcd.Etcd(settings, settings["peer"]["etcd"])
        self.prefix = f"/service/{settings['scope']}"

    def read(self):
        """(own, peer, met): each region as `decide` takes it, with its leader and the newest position it told of."""
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            own, peer = pool.submit(self.read_own), pool.submit(self._read_region, self.peer)
            own, peer = own.result(), peer.result()
        met = own.pop("met", False)
        if own["answers"] and peer["known"] and not met:
            with contextlib.suppress(pgha_etcd.Silence, pgha_etcd.Refused):
                self.own.swap(self.met_key, 0, "yes")
        return own, peer, met

    def read_own(self):
        own = self._read_region(self.own, self.met_key)
        if own["answers"] and not own["known"]:
            own |= self._cached()
        return own

    @property
    def met_key(self):
        # beside Patroni's own keys, not among them
        return f"{self.prefix}-regions/met"

    def another_leads(self, leader):
        """Whether the machine that holds the leader key is another one and confirms it: a key outlives a power cut."""
        for member in self.settings["own"]["members"]:
            if member["name"] == leader and leader != self.settings["name"]:
                try:
                    status, _ = pgha_etcd.ask(
                        member, self.settings["patroniPort"], self.own.context, "GET", "/leader"
                    )
                    return status == 200
                except (OSError, http.client.HTTPException):
                    return False
        return False

    def _read_region(self, etcd, *others):
        keys = {name: f"{self.prefix}/{name}" for name in ("config", "leader", "status")}
        try:
            held = {key: text for key, (text, _) in etcd.read([*keys.values(), *others]).items()}
        except (pgha_etcd.Silence, pgha_etcd.Refused) as error:
            return {**UNHEARD, "reason": str(error)}
        return {
            "answers": True,
            **described(json.loads(held.get(keys["config"], "null"))),
            "leader": held.get(keys["leader"]),
            "position": json.loads(held.get(keys["status"], "{}")).get("optime"),
            **({"met": True} if self.met_key in held else {}),
        }

    def _cached(self):
        """Patroni keeps the configuration beside the data: etcd's loss does not make a cluster a new one."""
        try:
            with open(f"{self.settings['dataDirectory']}/patroni.dynamic.json", encoding="utf-8") as file:
                return described(json.load(file))
        except (OSError, ValueError):
            return {}


def described(config):
    if not config:
        return {"known": False, "standby": False, "epoch": 0}
    return {
        "known": True,
        "standby": bool(config.get("standby_cluster")),
        "epoch": config.get("pgha_region_epoch", 1),
    }


def read_json(path):
    """What a file of this machine says, or None."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def write_json(path, value):
    """Replaces a file that another process reads."""
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.rename(f"{path}.new", path)
