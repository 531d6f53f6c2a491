#!/usr/bin/python3
"""Says which region's database the services of this machine dial.

pgha-services-region show                         where they are pointed, as JSON
pgha-services-region point REGION [OPTIONS]       points them elsewhere, and waits until both say that they are ready
    --reconnect   restarts them: connections to a server that still lives would stay where they are
    --no-wait     returns at once
pgha-services-region render                       writes their hosts file; at boot

The services dial one name for ever. They have a hosts file of their own, in which that name leads to the load balancer of the
region they are pointed to: each new connection asks for it, so that nothing has to be restarted and whoever waits for a primary
finds it in the other region. Every database server's certificate carries the names of both load balancers.
"""

import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

CONFIG = "/etc/pgha/services-region.json"
# a machine that was switched off goes on where it was pointed
CHOICE = "/var/lib/pgha/services-region"
HOSTS = "/run/pgha-services/hosts"
READY_PATIENCE_SECONDS = 60


def chosen(config):
    try:
        with open(CHOICE, encoding="utf-8") as file:
            region = file.read().strip()
    except FileNotFoundError:
        return config["home"]
    return region if region in config["regions"] else config["home"]


def render(config):
    """In place: the services see this very file, by a mount of it."""
    with open("/etc/hosts", encoding="utf-8") as file:
        lines = [line for line in file.read().splitlines() if config["name"] not in line.split()]
    own = [f"{address} {config['name']}" for address in config["regions"][chosen(config)]]
    os.makedirs(os.path.dirname(HOSTS), exist_ok=True)
    with open(HOSTS, "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in [*own, *lines]))


def point(config, region):
    if region not in config["regions"]:
        raise SystemExit(f"unknown region \"{region}\". Known regions: {', '.join(config['regions'])}")
    staged = f"{CHOICE}.new"
    with open(staged, "w", encoding="utf-8") as file:
        file.write(f"{region}\n")
        file.flush()
        os.fsync(file.fileno())
    os.rename(staged, CHOICE)
    render(config)


def is_ready(url, context):
    try:
        with urllib.request.urlopen(url, timeout=5, context=context) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def wait_until_ready(config):
    """Seconds until every service was ready, None when one is not."""
    context = ssl.create_default_context(cafile=config["ca"])
    started, waiting = time.monotonic(), list(config["ready"])
    while waiting:
        waiting = [url for url in waiting if not is_ready(url, context)]
        if waiting and time.monotonic() - started > READY_PATIENCE_SECONDS:
            return None
        time.sleep(0.2 if waiting else 0)
    return round(time.monotonic() - started, 2)


def main(arguments):
    with open(CONFIG, encoding="utf-8") as file:
        config = json.load(file)
    if arguments == ["render"]:
        render(config)
    elif arguments == ["show"]:
        json.dump({"region": chosen(config)}, sys.stdout)
    elif arguments[:1] == ["point"] and len(arguments) > 1 and set(arguments[2:]) <= {"--reconnect", "--no-wait"}:
        point(config, arguments[1])
        if "--reconnect" in arguments:
            # the sockets are systemd's: connections wait in them
            subprocess.run(["systemctl", "restart", *config["units"]], check=True)
        ready = None if "--no-wait" in arguments else wait_until_ready(config)
        json.dump({"region": chosen(config), "readyAfterSeconds": ready}, sys.stdout)
    else:
        raise SystemExit("usage: pgha-services-region show | point REGION [--reconnect] [--no-wait] | render")


if __name__ == "__main__":
    main(sys.argv[1:])
