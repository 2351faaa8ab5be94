"""The management API, served on a real port and asked with treq."""

from __future__ import annotations

import json as codec
import sqlite3
from pathlib import Path
from typing import Any

import attrs
import treq
from twisted.cred.portal import Portal
from twisted.internet import reactor  # noqa: TID251 - real sockets
from twisted.internet.defer import inlineCallbacks
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent

from edgeproxy.http.server.site import Site
from edgeproxy.portal.login import login_as
from edgeproxy.portal.operators import (
    IOperator,
    OperatorRealm,
    OperatorsChecker,
)
from edgeproxy.registry.management.service import Management
from edgeproxy.registry.store import RegistryStore

OPERATORS = '[[operator]]\nname = "op"\npassword = "s3cret"\n'


@attrs.frozen
class Got:
    """A response: *json* is its value, None where there is no body."""

    status: int
    headers: Any
    json: Any
    text: str

    def header(self, name: str) -> str | None:
        found = self.headers.getRawHeaders(name)
        return None if found is None else ", ".join(found)

    @property
    def etag(self) -> str:
        etag = self.header("ETag")
        assert etag is not None
        return etag


class ApiTestCase(TestCase):
    """Has the API before each test, with a log-in unless *open_to_all*."""

    open_to_all = False

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        self.store = RegistryStore(str(folder / "registry.sqlite"))
        self.addCleanup(self.store.close)
        self.operators = folder / "operators.toml"
        self.operators.write_text(OPERATORS)
        self.operators.chmod(0o640)
        login = None
        if not self.open_to_all:
            checker = OperatorsChecker(str(self.operators))
            login = login_as(Portal(OperatorRealm(), [checker]), IOperator)
        self.management = management = Management(
            self.store, reactor, login, "127.0.0.1", "*"
        )
        management.startService()
        self.addCleanup(management.stopService)
        site = Site(management.resource, reactor=reactor, default_content_type=None)
        listening = reactor.listenTCP(0, site, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(site.drain, 5)
        self.addCleanup(listening.stopListening)
        self.port: int = listening.getHost().port
        self.agent = Agent(reactor)

    @inlineCallbacks
    def ask(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        body: bytes | None = None,
        auth: tuple[str, str] | None = ("op", "s3cret"),
        kind: str | None = "application/json",
        **headers: str,
    ) -> Any:
        """Send a request to ``/v1`` and *path*; *headers* with _ for -."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if json is None else codec.dumps(json).encode()
        if data is not None and kind is not None:
            fields["Content-Type"] = kind
        response = yield treq.request(
            method,
            f"http://127.0.0.1:{self.port}/v1{path}",
            headers=fields,
            data=data,
            auth=None if self.open_to_all else auth,
            agent=self.agent,
        )
        text = yield response.text("utf-8")
        kind_of = response.headers.getRawHeaders("Content-Type", [""])[0]
        value = codec.loads(text) if kind_of.startswith("application/json") else None
        return Got(response.code, response.headers, value, text)

    @inlineCallbacks
    def answers(
        self, status: int, method: str, path: str, json: Any = None, **more: Any
    ) -> Any:
        """Send a request that is to be answered with *status*."""
        got = yield self.ask(method, path, json, **more)
        self.assertEqual(got.status, status, f"{method} {path}: {got.text}")
        return got

    @inlineCallbacks
    def refuses(
        self, status: int, text: str, method: str, path: str, json: Any = None, **m: Any
    ) -> Any:
        """Send a request that is to be refused with *status* and *text*."""
        got = yield self.answers(status, method, path, json, **m)
        self.assertEqual(got.json["error"], text)
        return got

    def stored(self, query: str, *values: str) -> Any:
        """Return the first row of *query*, from a connection of its own."""
        db = sqlite3.connect(self.store.path)
        try:
            return db.execute(query, values).fetchone()
        finally:
            db.close()
