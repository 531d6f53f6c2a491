#!/usr/bin/python3
"""Decides how an etcd member without data starts, before every start of etcd: pgha-etcd-join

An empty member that takes the place of one that was there before would vote a second time in what the other one has voted on.
So a member without data asks the others: where a cluster runs, it joins only as the member that was announced there and has
never run ("pgha nodes replace" removes the old one and announces the new one); where it is listed as one that has run, it does
not start at all. Where nobody answers, the cluster is a new one.
"""

import json
import os
import subprocess
import sys

SETTINGS = "/etc/pgha/etcd-join.json"
# what etcd's unit reads behind its own environment file
OUTPUT = "/run/pgha-etcd/join.env"
DEADLINE_SECONDS = 5


def members_known_to(endpoint, settings):
    """The members as one of the others lists them; None when it does not answer. No user is needed for it."""
    command = [
        "etcdctl",
        f"--endpoints={endpoint}",
        f"--cacert={settings['ca']}",
        f"--cert={settings['certificate']}",
        f"--key={settings['key']}",
        "--dial-timeout=2s",
        "--command-timeout=3s",
        "member",
        "list",
        "--write-out=json",
    ]
    environment = {"PATH": os.environ["PATH"]}
    try:
        result = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=DEADLINE_SECONDS, env=environment
        )
    except subprocess.TimeoutExpired:
        return None
    return json.loads(result.stdout)["members"] if result.returncode == 0 else None


def decide(own_peer_url, members):
    """What a member without data does: "new", "join" or "refuse".

    A member of the first hour is listed with a name and no client address until it has started; one that was announced
    later has no name either.
    """
    if members is None:
        return "new"
    own = [member for member in members if own_peer_url in member.get("peerURLs", [])]
    if not own or own[0].get("clientURLs"):
        return "refuse"
    return "new" if own[0].get("name") else "join"


def initial_cluster(name, own_peer_url, members):
    """ETCD_INITIAL_CLUSTER of a member that joins: everybody who is there, and itself."""
    others = [f"{member['name']}={member['peerURLs'][0]}" for member in members if member.get("name")]
    return ",".join([*others, f"{name}={own_peer_url}"])


def write_output(text):
    os.makedirs(os.path.dirname(OUTPUT), exist_ok=True)
    with open(OUTPUT, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    with open(SETTINGS, encoding="utf-8") as file:
        settings = json.load(file)
    write_output("")
    if os.path.isdir(f"{settings['data']}/member"):
        return
    members = None
    for endpoint in settings["others"]:
        members = members_known_to(endpoint, settings)
        if members is not None:
            break
    decision = decide(settings["peer_url"], members)
    others = "are not responding" if members is None else "are running"
    print(f"no data on this node; the other members {others}: {decision}", file=sys.stderr)
    if decision == "refuse":
        raise SystemExit(
            f"the cluster does not expect a new member at {settings['peer_url']}; run "
            f"`pgha nodes replace {settings['name']}`, which removes the old one and announces this one"
        )
    if decision == "join":
        cluster = initial_cluster(settings["name"], settings["peer_url"], members)
        write_output(f"ETCD_INITIAL_CLUSTER_STATE=existing\nETCD_INITIAL_CLUSTER={cluster}\n")


if __name__ == "__main__":
    main()
