"""What a stretch of WAL holds, in the words of pg_waldump: commits, and the rows of tables that they changed."""

import collections
import datetime
import os
import re
import subprocess

COMMIT = re.compile(r"tx: +(\d+), lsn: (\S+), .*desc: COMMIT (\d{4}-\d\d-\d\d [0-9:.]+) (\w+)(.*)")
SUBTRANSACTIONS = re.compile(r"; subxacts:((?: \d+)+)")
CHANGE = re.compile(
    r"tx: +(\d+), .*desc: (?:(?:INSERT|UPDATE|HOT_UPDATE|DELETE)\b|MULTI_INSERT\S* ntuples: (\d+)).*?blkref #0: rel \d+/\d+/(\d+)"
)
# catalogs and whatever else initdb made (PostgreSQL source, access/transam.h, FirstNormalObjectId)
FIRST_TABLE = 16384


def dump(settings, timeline, start, end=None):
    """The lines; they end where the WAL ends, which pg_waldump calls an error."""
    command = [f"{settings['binDirectory']}/pg_waldump", f"--path={settings['dataDirectory']}/pg_wal"]
    command += [f"--timeline={timeline}", f"--start={start}", *([] if end is None else [f"--end={end}"])]
    command += ["--rmgr=Transaction", "--rmgr=Heap", "--rmgr=Heap2"]
    user = "postgres" if os.geteuid() == 0 else None
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, user=user) as process:
        yield from process.stdout


def count(lines):
    """Commits, rows, and the first and last commit: where, when and how far apart. Changes of transactions that did not end with a
    commit here count for nothing. Pure."""
    commits, rows, changed, first, last = 0, 0, collections.Counter(), None, None
    for line in lines:
        change = CHANGE.search(line)
        if change is not None:
            if int(change[3]) >= FIRST_TABLE:
                changed[change[1]] += int(change[2] or 1)
            continue
        commit = COMMIT.search(line)
        if commit is not None:
            inner = SUBTRANSACTIONS.search(commit[5])
            for transaction in [commit[1], *(inner[1].split() if inner else [])]:
                rows += changed.pop(transaction, 0)
            commits += 1
            last = commit
            first = first or commit
    if first is None:
        return {"commits": 0, "rows": 0, "firstAt": None, "lastAt": None, "lastLsn": None, "seconds": 0}
    began, ended = (datetime.datetime.fromisoformat(each[3]) for each in (first, last))
    moments = {"firstAt": f"{first[3]} {first[4]}", "lastAt": f"{last[3]} {last[4]}"}
    return {"commits": commits, "rows": rows, **moments, "lastLsn": last[2], "seconds": (ended - began).total_seconds()}


def position(lsn):
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def lsn_at(number):
    return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"
