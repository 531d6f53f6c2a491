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
import zlib


def read_input(url):
    if url is None:
        return b""
    # only where it is needed: it takes longer to load than most commands take to run
    import urllib.request

    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def run(argv, given, timeout_seconds):
    try:
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except FileNotFoundError:
        return {"exitCode": 127, "stdout": b"", "stderr": f"{argv[0]}: not found\n".encode()}
    except PermissionError:
        return {"exitCode": 126, "stdout": b"", "stderr": f"{argv[0]}: cannot be executed\n".encode()}
    try:
        stdout, stderr = process.communicate(given, timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        # the whole group: what the command started must not go on either
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
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
