#!/usr/bin/python3
"""Tells which ports of the other members this machine can connect to: pgha-reach [FILE]

A healthy member may be unreachable at one port: its own words say nothing of that. Without FILE it prints a JSON list, with it
node exporter text is written there.
"""

import concurrent.futures
import json
import os
import socket
import sys

SETTINGS = "/etc/pgha/observe.json"
DEADLINE_SECONDS = 3


def is_reached(address, port):
    try:
        with socket.create_connection((address, port), DEADLINE_SECONDS):
            return True
    except OSError:
        return False


def reach(peers):
    targets = [(peer["name"], peer["address"], port) for peer in peers for port in peer["ports"]]
    with concurrent.futures.ThreadPoolExecutor(max(1, len(targets))) as pool:
        reached = pool.map(lambda target: is_reached(*target[1:]), targets)
        return [{"member": name, "port": port, "reached": each} for (name, _, port), each in zip(targets, reached)]


def render(found):
    states = [(f'member="{each["member"]}",port="{each["port"]}"', int(each["reached"])) for each in found]
    lines = [
        "# HELP pgha_port_reached Whether a connection to this port of another member was accepted.",
        "# TYPE pgha_port_reached gauge",
        *(f"pgha_port_reached{{{labels}}} {state}" for labels, state in states),
    ]
    return "\n".join(lines) + "\n"


def main(arguments):
    with open(SETTINGS, encoding="utf-8") as file:
        found = reach(json.load(file)["peers"])
    if not arguments:
        json.dump(found, sys.stdout)
        return
    (target,) = arguments
    with open(f"{target}.new", "w", encoding="utf-8") as file:
        file.write(render(found))
    os.chmod(f"{target}.new", 0o644)
    # the exporter must never read half a file
    os.replace(f"{target}.new", target)


if __name__ == "__main__":
    main(sys.argv[1:])
