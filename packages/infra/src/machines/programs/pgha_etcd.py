"""A region's etcd, asked the way Patroni asks it: the JSON gateway of etcd 3.5 over TLS, with Patroni's own login.

Reads are linearizable, so an answer is never older than its question and never comes from a member that lost the others: what
cannot be read this way counts as silence. Servers are dialled by address and checked by name, so that no resolver is needed.
"""

import base64
import http.client
import json
import os
import socket
import ssl

TIMEOUT_SECONDS = 2


class Silence(Exception):
    """No member gave an answer; says what each of them did instead."""


class Refused(Exception):
    """A member answered with an error."""


class _Connection(http.client.HTTPSConnection):
    """Dials an address and checks the certificate against a name."""

    def __init__(self, server, port, context):
        super().__init__(server["hostname"], port, timeout=TIMEOUT_SECONDS, context=context)
        self.address, self.tls = server["address"], context

    def connect(self):
        plain = socket.create_connection((self.address, self.port), self.timeout)
        self.sock = self.tls.wrap_socket(plain, server_hostname=self.host)


def login_in_use(path):
    """The login that this file names, and its password, which lies beside it: (name, password)."""
    with open(path, encoding="utf-8") as file:
        name = file.read().strip()
    with open(os.path.join(os.path.dirname(path), name), encoding="utf-8") as file:
        return name, file.read().strip()


def tls_context(settings):
    """Trusts the cluster's CA alone and shows this machine's certificate."""
    context = ssl.create_default_context(cafile=settings["ca"])
    context.load_cert_chain(settings["certificate"], settings["key"])
    return context


def ask(server, port, context, method, path, headers=None, body=None):
    """One request on a connection of its own: (status, text)."""
    connection = _Connection(server, port, context)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def _encode(text):
    return base64.b64encode(text.encode()).decode()


def _decode(text):
    return base64.b64decode(text).decode()


class Etcd:
    """Keys of one region. Every call may raise Silence or Refused."""

    def __init__(self, settings, servers):
        self.settings, self.servers = settings, list(servers)
        self.context = tls_context(settings)
        self.token = None

    def read(self, keys):
        """What all of these keys hold at one moment: key -> (text, revision of its last change)."""
        asked = [{"request_range": {"key": _encode(key)}} for key in keys]
        answer = self._transaction({"success": asked})
        pairs = [pair for part in answer["responses"] for pair in part["response_range"].get("kvs", [])]
        return {_decode(pair["key"]): (_decode(pair.get("value", "")), int(pair["mod_revision"])) for pair in pairs}

    def swap(self, key, revision, text):
        """Writes a key if it is still at the revision (0: if it is not there); False when it is not."""
        compare = {"key": _encode(key), "target": "MOD", "result": "EQUAL", "mod_revision": str(revision)}
        put = {"request_put": {"key": _encode(key), "value": _encode(text)}}
        return self._transaction({"compare": [compare], "success": [put]}).get("succeeded", False)

    def _transaction(self, request):
        reasons = []
        for server in list(self.servers):
            try:
                answer = self._ask_member(server, request)
            except (OSError, http.client.HTTPException, ValueError) as error:
                reasons.append(f"{server['hostname']}: {error}")
                continue
            # stable: who answered is asked first from now on, the others keep their order
            self.servers.sort(key=lambda each, first=server: each is not first)
            return answer
        raise Silence("; ".join(reasons))

    def _ask_member(self, server, request):
        if self.token is None:
            self.token = self._log_in(server)
        try:
            return self._post(server, "/v3/kv/txn", request)
        except Refused:
            # the token has ended, or a login became necessary since
            self.token = self._log_in(server)
            return self._post(server, "/v3/kv/txn", request)

    def _log_in(self, server):
        """A token, or an empty one while the region's users are not turned on yet, which is so in its first minute."""
        name, password = login_in_use(self.settings["loginFile"])
        login = {"name": name, "password": password}
        try:
            return self._post(server, "/v3/auth/authenticate", login)["token"]
        except Refused as error:
            if "authentication is not enabled" in str(error):
                return ""
            raise

    def _post(self, server, path, request):
        headers = {"Authorization": self.token} if self.token else {}
        status, text = ask(server, self.settings["etcdPort"], self.context, "POST", path, headers, json.dumps(request))
        if status == 200:
            return json.loads(text)
        if 500 <= status:
            # no leader, or a request that ran out of time: this member cannot say
            raise OSError(f"status {status}: {text[:200]}")
        raise Refused(text[:200])
