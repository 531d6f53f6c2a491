#!/usr/bin/python3
"""Tells whether this machine watches: how old the newest scrape is, whether Alertmanager takes alerts, who gets them; as JSON.

Whoever watches is watched by nobody else: `pgha status` asks here.
"""

import json
import os
import ssl
import sys
import time
import urllib.parse
import urllib.request

SETTINGS = "/etc/pgha/observe.json"
DEADLINE_SECONDS = 5


def ask(settings, port, path):
    """The answer of a page of this machine, logged in as people do."""
    with open(settings["pagesPassword"], encoding="utf-8") as file:
        password = file.read().strip()
    login = urllib.request.HTTPPasswordMgrWithPriorAuth()
    base = f"https://{settings['hostname']}:{port}"
    login.add_password(None, base, settings["pagesUser"], password, is_authenticated=True)
    opener = urllib.request.build_opener(
        urllib.request.HTTPBasicAuthHandler(login),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=settings["ca"])),
    )
    with opener.open(f"{base}{path}", timeout=DEADLINE_SECONDS) as answer:
        return json.load(answer)


def query(settings, expression):
    answer = ask(settings, settings["prometheusPort"], f"/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
    return [float(each["value"][1]) for each in answer["data"]["result"]]


def scrape_age(settings):
    """Seconds since the newest sample of a target that answered; None: there is none."""
    newest = query(settings, "max(timestamp(up == 1))")
    return time.time() - newest[0] if newest else None


def alertmanager(settings):
    """Its own word: "disabled" where it has nobody to gossip with."""
    return ask(settings, settings["alertmanagerPort"], "/api/v2/status")["cluster"]["status"]


def firing(settings):
    """The alerts that fire, in the words of their rules."""
    alerts = ask(settings, settings["prometheusPort"], "/api/v1/alerts")["data"]["alerts"]
    return [
        {
            "name": each["labels"]["alertname"],
            "severity": each["labels"]["severity"],
            "summary": each["annotations"]["summary"],
            "since": each["activeAt"],
        }
        for each in alerts
        if each["state"] == "firing"
    ]


def subscriptions(settings):
    """How many people get alerts, and how many were asked and never confirmed; None where alerts go nowhere."""
    with open(settings["alertmanagerConfig"], encoding="utf-8") as file:
        words = file.read().split()
    if "topic_arn:" not in words:
        return None
    import boto3
    from botocore.config import Config

    topic = words[words.index("topic_arn:") + 1].strip("\"'")
    config = Config(connect_timeout=DEADLINE_SECONDS, read_timeout=DEADLINE_SECONDS, retries={"max_attempts": 1})
    client = boto3.client(
        "sns", region_name=topic.split(":")[3], endpoint_url=os.environ.get("PGHA_SNS_ENDPOINT"), config=config
    )
    pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    states = [each["SubscriptionArn"] for page in pages for each in page["Subscriptions"]]
    # the console's word, and the one of older answers
    pending = [state for state in states if state in ("PendingConfirmation", "pending confirmation")]
    return {"confirmed": len(states) - len(pending), "pending": len(pending)}


def told(part):
    try:
        return part()
    except Exception as error:  # noqa: BLE001, whatever stands in its way is the answer
        return {"error": str(getattr(error, "reason", error)) or type(error).__name__}


def main():
    with open(SETTINGS, encoding="utf-8") as file:
        settings = json.load(file)["watching"]
    state = {
        "scrapeAgeSeconds": told(lambda: scrape_age(settings)),
        "alertmanager": told(lambda: alertmanager(settings)),
        "firing": told(lambda: firing(settings)),
        "subscriptions": told(lambda: subscriptions(settings)),
    }
    json.dump(state, sys.stdout)


if __name__ == "__main__":
    main()
