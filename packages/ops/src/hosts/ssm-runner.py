"""Runs one command for `pgha` under Run Command, which knows no standard input and cuts output off after 24 000 characters.

Its argument is a request as base64 of JSON; its answer is one line: the result packed, or the word "exchange" when the result
was put where the request says. It has only what a bare image has.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import time
import uuid
import zlib

# in the environment of the command and of everything it starts, so that these are found when it has to end
MARK = "PGHA_COMMAND"
GRACE_SECONDS = 2


def read_input(url):
    if url is None:
        return b""
    # only where it is needed: it takes longer to load than most commands take to run
    import urllib.request

    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def read_process(pid, mark):
    """(parent, whether it carries the mark); None for one that has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            # the name stands in parentheses and may contain anything (proc_pid_stat(5))
            state, parent = file.read().rpartition(") ")[2].split()[:2]
        with open(f"/proc/{pid}/environ", "rb") as file:
            marked = f"{MARK}={mark}".encode() in file.read().split(b"\0")
    except OSError:
        return None
    return None if state in "ZX" else (int(parent), marked)


def find_tree(root, mark, asked):
    """The command, its descendants, those of what was asked to end, and whoever has the mark, whatever its session."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    seen = {pid: told for pid in pids if (told := read_process(pid, mark)) is not None}
    found = {pid for pid, (_, marked) in seen.items() if marked or pid == root or pid in asked}
    while more := {pid for pid, (parent, _) in seen.items() if parent in found and pid not in found}:
        found |= more
    return found


def end_tree(root, mark):
    asked = set()
    began = time.monotonic()
    while time.monotonic() < began + 2 * GRACE_SECONDS:
        found = find_tree(root, mark, asked)
        if not found:
            return
        hard = time.monotonic() > began + GRACE_SECONDS
        for pid in found if hard else found - asked:
            asked.add(pid)
            try:
                os.kill(pid, signal.SIGKILL if hard else signal.SIGTERM)
            except ProcessLookupError:
                pass
        time.sleep(0.05)


def run(argv, given, timeout_seconds):
    mark = str(uuid.uuid4())
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, MARK: mark},
        )
    except FileNotFoundError:
        return {"exitCode": 127, "stdout": b"", "stderr": f"{argv[0]}: not found\n".encode()}
    except PermissionError:
        return {"exitCode": 126, "stdout": b"", "stderr": f"{argv[0]}: cannot be executed\n".encode()}
    try:
        stdout, stderr = process.communicate(given, timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        # what the command started must not go on either, and may hold its output open
        end_tree(process.pid, mark)
        return {"timedOut": True}
    # a command that dies by a signal ends as a shell would tell it
    code = process.returncode if process.returncode >= 0 else 128 - process.returncode
    return {"exitCode": code, "stdout": stdout, "stderr": stderr}


def pack(result):
    texts = {key: base64.b64encode(value).decode() if isinstance(value, bytes) else value for key, value in result.items()}
    return base64.b64encode(zlib.compress(json.dumps(texts).encode()))


def main(encoded):
    request = json.loads(base64.b64decode(encoded))
    packed = pack(run(request["argv"], read_input(request["inputUrl"]), request["timeoutSeconds"]))
    if len(packed) <= request["inlineLimit"]:
        print(packed.decode())
        return
    import urllib.request

    upload = urllib.request.Request(request["outputUrl"], data=packed, method="PUT")
    with urllib.request.urlopen(upload, timeout=60):
        print("exchange")


main(sys.argv[1])
