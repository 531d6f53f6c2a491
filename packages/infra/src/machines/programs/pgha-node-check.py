#!/usr/bin/python3
"""Answers the load balancer: 200 while this node's HAProxy and PgBouncer are responding, 503 otherwise.

Never whether there is a primary: a missing one would fail every node at once, and the load balancer would reset the very
clients that the pooler keeps waiting. The pooler is asked a query, because a hung one still accepts connections.
"""

import http.server
import sys
import threading
import time

import pgha_pooler

INTERVAL_SECONDS = 1
# older than this, the last answer says nothing: the checking itself hangs
STALE_SECONDS = 5


class Verdict:
    """The newest answer of the checking thread."""

    def __init__(self):
        self.problem = "not checked yet"
        self.checked_at = 0.0

    def current_problem(self):
        age = time.monotonic() - self.checked_at
        return f"the last check is {age:.0f} s old" if age > STALE_SECONDS else self.problem


def find_problem(settings):
    if not pgha_pooler.router_says(settings, "/alive"):
        return "HAProxy is not responding"
    try:
        pgha_pooler.ask_pooler(settings, "SHOW VERSION")
    except pgha_pooler.PoolerError as error:
        return f"PgBouncer is not responding: {error}"
    return None


def check_for_ever(settings, verdict):
    while True:
        problem = find_problem(settings)
        if problem != verdict.problem:
            print(problem or "HAProxy and PgBouncer are responding", file=sys.stderr, flush=True)
        verdict.problem, verdict.checked_at = problem, time.monotonic()
        time.sleep(INTERVAL_SECONDS)


def handler_for(verdict):
    class Handler(http.server.BaseHTTPRequestHandler):
        # a connection that sends nothing is closed
        timeout = 5

        def do_GET(self):
            problem = verdict.current_problem()
            body = f"{problem or 'serving'}\n".encode()
            self.send_response(200 if problem is None else 503)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """A line for every check of every load balancer node would be all the journal has room for."""

    return Handler


def main():
    settings = pgha_pooler.read_settings()
    verdict = Verdict()
    threading.Thread(target=check_for_ever, args=(settings, verdict), daemon=True).start()
    http.server.ThreadingHTTPServer(("0.0.0.0", settings["check_port"]), handler_for(verdict)).serve_forever()


if __name__ == "__main__":
    main()
