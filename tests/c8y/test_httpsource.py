"""Device tokens over HTTPS, from a server that asks for the device's certificate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet import reactor  # noqa: TID251 - real sockets
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource

from edgeproxy.c8y.bearer import NotAToken
from edgeproxy.c8y.httpsource import HTTPSource
from edgeproxy.http.client.agent import Agent
from edgeproxy.http.server.site import Site
from edgeproxy.sandbox.certificates import Certificates
from edgeproxy.tls.client import ClientTLS
from edgeproxy.tls.endpoint import client_endpoint
from edgeproxy.tls.errors import TLSFileError
from edgeproxy.tls.peer import common_name_of
from edgeproxy.tls.server import ServerTLS


class Endpoint(Resource):
    """Gives a token to whoever has a certificate."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []
        self.status = 200
        self.answer: Any = {"accessToken": "a.b.c", "idToken": None}

    def render_POST(self, request: Any) -> bytes:
        self.seen.append(
            (request.uri, common_name_of(request.transport), request.content.read())
        )
        self.headers = request.requestHeaders
        request.setResponseCode(self.status)
        return json.dumps(self.answer).encode()


class HTTPSourceTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        self.files = Certificates(Path(self.mktemp()), "my-device")
        self.files.ensure()
        server = ServerTLS(
            str(self.files.server_cert),
            str(self.files.server_key),
            str(self.files.ca),
            required=True,
        )
        self.cloud = Endpoint()
        self.site = Site(self.cloud, reactor=reactor)
        self.port = reactor.listenTCP(
            0, TLSMemoryBIOFactory(server, False, self.site), interface="127.0.0.1"
        )
        self.number = self.port.getHost().port
        self.tokens: list[bytes] = []
        self.refuse = False

    # As the asker

    def connected(self) -> None:
        self.ready = True

    def answered(self, token: bytes) -> None:
        if self.refuse:
            raise NotAToken("not a JWT")
        self.tokens.append(token)

    def show(self, chain: list[str]) -> list[str]:
        if not chain:
            raise TLSFileError("device.pem", "is halfway through a renewal")
        return list(chain)

    def source(self, chain: list[str]) -> HTTPSource:
        identity = (str(self.files.device_cert), str(self.files.device_key))
        tls = ClientTLS("localhost", str(self.files.ca), identity)
        endpoint = client_endpoint(reactor, "127.0.0.1", self.number, tls)
        self.agent = Agent(reactor, lambda origin: endpoint)  # type: ignore[arg-type]
        url = f"https://localhost:{self.number}/devicecontrol/deviceAccessToken"
        source = HTTPSource(self.agent, url, lambda: self.show(chain))
        source.begin(self)
        source.startService()
        return source

    @inlineCallbacks
    def ask(self, source: HTTPSource) -> Any:
        self.assertTrue(source.ask())
        asking = source._asking
        assert asking is not None
        # Asked again meanwhile, it asks once.
        self.assertTrue(source.ask())
        self.assertIs(source._asking, asking)
        done: Deferred[None] = Deferred()
        asking.addBoth(lambda _: done.callback(None))
        yield done

    @inlineCallbacks
    def tearDown(self) -> Any:
        self.agent.close()
        drained = self.site.drain(2)
        yield self.port.stopListening()
        yield drained

    @inlineCallbacks
    def test_the_certificate_earns_a_token(self) -> Any:
        source = self.source(["one"])
        self.assertTrue(self.ready and source.ready)
        yield self.ask(source)
        self.assertEqual(self.tokens, [b"a.b.c"])
        path = b"/devicecontrol/deviceAccessToken"
        self.assertEqual(self.cloud.seen, [(path, "my-device", b"")])
        get = self.cloud.headers.getRawHeaders
        self.assertEqual(get("accept"), ["application/json"])
        self.assertIsNone(get("x-ssl-cert-chain"))
        self.assertIsNone(get("authorization"))

    @inlineCallbacks
    def test_issuers_in_between_are_sent_along(self) -> Any:
        yield self.ask(self.source(["-B-\nleaf\n-E-\n", "-B-\nissuer\n-E-\n"]))
        chain = self.cloud.headers.getRawHeaders("x-ssl-cert-chain")
        self.assertEqual(chain, ["-B- leaf -E- -B- issuer -E-"])

    @inlineCallbacks
    def test_they_follow_a_renewal(self) -> Any:
        files = ["leaf", "issuer"]
        source = self.source(files)
        for now, expected in (
            (["leaf 2", "issuer 2"], ["leaf 2 issuer 2"]),
            ([], ["leaf 2 issuer 2"]),  # cannot be read
            (["leaf 3"], None),
        ):
            files[:] = now
            yield self.ask(source)
            chain = self.cloud.headers.getRawHeaders("x-ssl-cert-chain")
            self.assertEqual(chain, expected)

    @inlineCallbacks
    def test_what_goes_wrong_is_said(self) -> Any:
        source = self.source(["one"])
        for status, answer, words in (
            (401, {}, "answers 401 (is the certificate known?)"),
            (200, {"accessToken": None}, "answers without an accessToken"),
            (200, [], "answers without an accessToken"),
        ):
            self.cloud.status, self.cloud.answer = status, answer
            yield self.ask(source)
            self.assertIn(words, source.why_silent)
        self.cloud.answer, self.refuse = {"accessToken": "x"}, True
        yield self.ask(source)
        self.assertIn("something that is not a JWT", source.why_silent)
        yield self.port.stopListening()
        self.agent.close()
        yield self.ask(source)
        self.assertIn("does not answer: Connection was refused", source.why_silent)
        self.assertEqual(self.tokens, [])
