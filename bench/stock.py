"""The same things on stock Twisted, as one would write them; and on our engine."""

from __future__ import annotations

import sys
from typing import Any

import treq
from twisted.internet import reactor  # noqa: TID251  a program of its own
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
)
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from twisted.web.server import Site as StockSite

from edgeproxy.http.server.site import Site
from edgeproxy.http.turn import Turn
from edgeproxy.ops.accesslog import AccessLog


class Trivial(Resource):
    """Answers at once."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        request.setHeader(b"content-type", b"application/json")
        return b'{"answer": 42}'

    def render_POST(self, request: Any) -> bytes:
        request.content.read()
        request.setResponseCode(202)
        return b""


class Proxy(Resource):
    """Forwards to *origin* with treq on a pooled Agent."""

    isLeaf = True

    def __init__(self, origin: str, ca_file: str) -> None:
        super().__init__()
        self._origin = origin.encode()
        pool = HTTPConnectionPool(reactor)
        pool.maxPersistentPerHost = 64
        with open(ca_file, "rb") as file:  # noqa: PTH123
            ca = Certificate.loadPEM(file.read())
        policy = BrowserLikePolicyForHTTPS(trustRootFromCertificates([ca]))
        agent = Agent(reactor, policy, pool=pool)
        self._client = treq.client.HTTPClient(agent)

    def render(self, request: Any) -> int:
        headers = {b"Authorization": b"Bearer a-token-of-the-usual-length"}
        url = self._origin + request.uri.removeprefix(b"/c8y")
        answered = self._client.request(request.method.decode(), url, headers=headers)

        def relay(response: Any) -> Any:
            request.setResponseCode(response.code)
            for name, values in response.headers.getAllRawHeaders():
                request.responseHeaders.setRawHeaders(name, values)
            return treq.content(response)

        def finish(body: bytes) -> None:
            request.write(body)
            request.finish()

        answered.addCallback(relay).addCallback(finish)
        return NOT_DONE_YET


def main(kind: str, port: str, *arguments: str) -> None:
    """Serve *kind* on *port* until killed."""
    site: Any
    if kind == "ours":
        log = AccessLog(reactor)  # type: ignore[arg-type]
        site = Site(Trivial(), reactor=reactor, access_log=log, turn=Turn(reactor))
    elif kind == "trivial":
        site = StockSite(Trivial(), logPath=f"access-{port}.log")
    else:
        site = StockSite(Proxy(*arguments), logPath=f"access-{port}.log")
    listen: Any = reactor
    listen.listenTCP(int(port), site, interface="127.0.0.1", backlog=4096)
    listen.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
