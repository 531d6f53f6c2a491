#!/usr/bin/python3
"""Completes a configuration with the number of the AWS account this machine runs in: pgha-account-config TEMPLATE OUTPUT WORD

The number is nobody's secret, but no rendered file can know it: the instance metadata service does. A template without the
word is copied as it is, and nobody is asked.
"""

import json
import sys
import urllib.request

METADATA = "http://169.254.169.254/latest"


def read_account():
    ask = urllib.request.Request(
        f"{METADATA}/api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    )
    with urllib.request.urlopen(ask, timeout=5) as answer:
        token = answer.read().decode()
    document = urllib.request.Request(
        f"{METADATA}/dynamic/instance-identity/document", headers={"X-aws-ec2-metadata-token": token}
    )
    with urllib.request.urlopen(document, timeout=5) as answer:
        return json.load(answer)["accountId"]


def main(template, output, word):
    with open(template, encoding="utf-8") as file:
        text = file.read()
    if word in text:
        text = text.replace(word, read_account())
    with open(output, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit("usage: pgha-account-config TEMPLATE OUTPUT WORD")
    main(*sys.argv[1:])
