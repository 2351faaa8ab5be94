"""Both ends of the engine over TLS, which stays Twisted's."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor  # noqa: TID251 - real sockets
from twisted.internet.defer import inlineCallbacks
from twisted.internet.ssl import (
    CertificateOptions,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase
from twisted.web.client import readBody
from twisted.web.iweb import IPolicyForHTTPS
from twisted.web.resource import Resource
from zope.interface import implementer

from edgeproxy.http.client.agent import Agent
from edgeproxy.http.client.endpoints import Endpoints
from edgeproxy.http.client.origin import Origin
from edgeproxy.http.client.pool import Pool
from edgeproxy.http.server.site import Site
from tests.http.keys import self_signed


class Page(Resource):
    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        if request.path == b"/big":
            return b"x" * 1_000_000
        return b"%d %b" % (request.isSecure(), request.getRequestHostname())

    def render_POST(self, request: Any) -> bytes:
        return b"%d" % len(request.content.read())


class TLSTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        certificate = self_signed("localhost")
        other = self_signed("localhost")
        options = CertificateOptions(
            privateKey=certificate.privateKey.original, certificate=certificate.original
        )
        self.site = Site(Page(), reactor=reactor)
        self.port = reactor.listenTCP(
            0, TLSMemoryBIOFactory(options, False, self.site), interface="127.0.0.1"
        )
        self.agents = []
        for trusted in (certificate, other):

            @implementer(IPolicyForHTTPS)
            class Policy:
                trust = trustRootFromCertificates([trusted])

                def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
                    return optionsForClientTLS(hostname.decode(), trustRoot=self.trust)

            self.agents.append(Agent(reactor, Endpoints(reactor, Policy())))

    @inlineCallbacks
    def tearDown(self) -> Any:
        for agent in self.agents:
            agent.close()
        drained = self.site.drain(2)
        yield self.port.stopListening()
        yield drained

    def uri(self, path: bytes) -> bytes:
        return b"https://localhost:%d/%b" % (self.port.getHost().port, path)

    @inlineCallbacks
    def test_requests_share_a_connection(self) -> Any:
        for _ in range(3):
            response = yield self.agents[0].request(b"GET", self.uri(b""))
            body = yield readBody(response)
            self.assertEqual(body, b"1 localhost")
            response = yield self.agents[0].request(b"GET", self.uri(b"big"))
            body = yield readBody(response)
            self.assertEqual(len(body), 1_000_000)
        self.assertEqual(self.site.open_connections, 1)

    @inlineCallbacks
    def test_a_large_body_goes_up(self) -> Any:
        port = self.port.getHost().port
        origin = Origin("https", "localhost", port)
        pool = Pool(origin, self.agents[0]._endpoints(origin), reactor)
        response = yield pool.request(b"POST", b"/", [], b"y" * 3_000_000)
        self.assertEqual(response.take(), b"3000000")
        pool.close()

    @inlineCallbacks
    def test_a_server_that_is_not_trusted_gets_nothing(self) -> Any:
        try:
            yield self.agents[1].request(b"GET", self.uri(b""))
        except Exception as error:
            self.assertIn("certificate verify failed", repr(error.args) + repr(error))
        else:
            self.fail("an unknown authority was believed")
        self.assertEqual(self.site.requests, 0)
