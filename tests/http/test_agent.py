"""The agent: what treq and twisted.web's own client helpers need of it."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

from treq.client import HTTPClient
from treq.content import collect
from twisted.internet import reactor  # noqa: TID251 - real sockets
from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import (
    BrowserLikePolicyForHTTPS,
    FileBodyProducer,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
    readBody,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import (
    UNKNOWN_LENGTH,
    IAgent,
    IClientRequest,
    IPolicyForHTTPS,
    IResponse,
)
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer
from zope.interface.verify import verifyObject

from edgeproxy.http.client.agent import Agent
from edgeproxy.http.client.endpoints import Endpoints
from edgeproxy.http.client.origin import Origin
from edgeproxy.http.client.settings import PoolSettings
from edgeproxy.http.server.site import Site
from tests.http.wires import Upstream


class Gather(Protocol):
    """Takes a body until its end."""

    def __init__(self) -> None:
        self.data = b""
        self.over: Any = None

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert self.over is None
        self.over = reason


class AgentTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.upstream = Upstream()
        self.clock = Clock()
        self.origins: list[Origin] = []
        self.agent = Agent(self.clock, self.endpoint)
        self.addCleanup(self.agent.close)

    def endpoint(self, origin: Origin) -> Any:
        self.origins.append(origin)
        return self.upstream

    def response(self, raw: bytes, method: bytes = b"GET") -> Any:
        done = self.agent.request(
            method, b"http://h/a?b#c", Headers({"x-a": ["1", "2"]})
        )
        self.upstream.say(raw)
        return self.successResultOf(done)

    def test_interfaces_are_provided(self) -> None:
        verifyObject(IAgent, self.agent)
        response = self.response(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
        verifyObject(IResponse, response)
        verifyObject(IClientRequest, response.request)

    def test_the_request_is_as_asked(self) -> None:
        response = self.response(b"HTTP/1.1 200 Fine\r\nA: b\r\nA: c\r\n\r\n")
        self.assertEqual(
            self.upstream.wires[0].take(),
            b"GET /a?b HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-A: 2\r\n\r\n",
        )
        self.assertEqual(response.request.absoluteURI, b"http://h/a?b#c")
        self.assertEqual(response.request.method, b"GET")
        self.assertEqual(response.request.headers.getRawHeaders("x-a"), ["1", "2"])
        self.assertEqual((response.code, response.phrase), (200, b"Fine"))
        self.assertEqual(response.version, (b"HTTP", 1, 1))
        self.assertEqual(response.headers.getRawHeaders(b"a"), [b"b", b"c"])
        self.assertIs(response.length, UNKNOWN_LENGTH)
        self.assertIsNone(response.previousResponse)
        response.setPreviousResponse(response)
        self.assertIs(response.previousResponse, response)

    def test_each_origin_has_its_pool(self) -> None:
        for uri in (b"http://h/", b"http://h:80/x", b"https://h/", b"http://h:81/",
                    b"http://[::1]:8001/"):  # fmt: skip
            self.agent.request(b"GET", uri).addErrback(lambda reason: None)
        self.assertEqual(
            self.origins,
            [Origin("http", "h", 80), Origin("https", "h", 443),
             Origin("http", "h", 81), Origin("http", "::1", 8001)],
        )  # fmt: skip
        self.assertIn(b"Host: [::1]:8001\r\n", self.upstream.wires[-1].take())

    def test_a_body_ends_in_response_done(self) -> None:
        response = self.response(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        self.assertTrue(self.upstream.wires[0].paused)
        body = Gather()
        response.deliverBody(body)
        self.assertFalse(self.upstream.wires[0].paused)
        self.upstream.say(b"cd")
        self.assertEqual((body.data, response.length), (b"abcd", 4))
        body.over.trap(ResponseDone)
        self.assertRaises(RuntimeError, response.deliverBody, Gather())

    def test_a_body_until_close_ends_in_potential_data_loss(self) -> None:
        body = Gather()
        self.response(b"HTTP/1.1 200 OK\r\n\r\nab").deliverBody(body)
        self.upstream.lose()
        self.assertEqual(body.data, b"ab")
        body.over.trap(PotentialDataLoss)

    def test_a_body_cut_short_ends_in_response_failed(self) -> None:
        response = self.response(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        body = Gather()
        response.deliverBody(body)
        self.upstream.lose()
        body.over.trap(ResponseFailed)
        self.assertIs(body.over.value.response, response)

    def test_a_body_no_longer_wanted_ends_the_connection(self) -> None:
        for end in ("loseConnection", "abortConnection", "stopProducing"):
            body = Gather()
            self.response(
                b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"
            ).deliverBody(body)
            getattr(body.transport, end)()
            self.assertTrue(self.upstream.wires[-1].aborted)
            body.over.trap(ResponseFailed)
            self.upstream.lose()

    def test_a_head_response_has_no_body(self) -> None:
        body = Gather()
        response = self.response(
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"HEAD"
        )
        response.deliverBody(body)
        body.over.trap(ResponseDone)

    def test_failures_are_twisteds(self) -> None:
        done = self.agent.request(b"GET", b"http://h/")
        self.upstream.lose()
        self.failureResultOf(done, ResponseNeverReceived)
        done = self.agent.request(b"GET", b"http://h/")
        self.upstream.say(b"nonsense\r\n")
        self.upstream.lose()
        self.failureResultOf(done, ResponseNeverReceived)
        self.upstream.refuse = ConnectionRefusedError()
        done = self.agent.request(b"GET", b"http://h/")
        self.failureResultOf(done, ConnectionRefusedError)

    def test_what_cannot_be_asked_fails(self) -> None:
        for method, uri in ((b"GET", b"ftp://h/"), (b"GET", b"http://h/a b"),
                            (b"G T", b"http://h/")):  # fmt: skip
            self.failureResultOf(self.agent.request(method, uri))

    def test_cancelling_aborts(self) -> None:
        done = self.agent.request(b"GET", b"http://h/")
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertTrue(self.upstream.wires[0].aborted)

    def test_https_goes_through_the_policy(self) -> None:
        asked = []

        @implementer(IPolicyForHTTPS)
        class Policy:
            def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
                asked.append((hostname, port))
                return BrowserLikePolicyForHTTPS().creatorForNetloc(hostname, port)

        endpoints = Endpoints(reactor, Policy())
        endpoints(Origin("http", "h", 80))
        endpoints(Origin("https", "h", 8443))
        self.assertEqual(asked, [(b"h", 8443)])


class Echo(Resource):
    """Answers with what it was asked, or as the path says."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.gone: Deferred[None] = Deferred()

    def render(self, request: Any) -> Any:
        name = request.path.strip(b"/") or b"echo"
        return getattr(self, name.decode())(request)

    def echo(self, request: Any) -> bytes:
        request.setHeader(b"content-type", b"application/json")
        told = {
            "method": request.method.decode(),
            "body": request.content.read().decode("latin-1"),
            "type": request.getHeader("content-type"),
            "agent": request.getHeader("user-agent"),
            "fields": {
                key.decode(): [value.decode() for value in values]
                for key, values in request.args.items()
            },
            "cookie": request.getHeader("cookie"),
        }
        return json.dumps(told).encode()

    def big(self, request: Any) -> bytes:
        return b"x" * 3_000_000

    def login(self, request: Any) -> bytes:
        request.addCookie(b"key", b"value", path=b"/")
        return b""

    def away(self, request: Any) -> bytes:
        request.redirect(b"/echo?from=away")
        return b""

    def never(self, request: Any) -> int:
        request.notifyFinish().addErrback(lambda reason: self.gone.callback(None))
        return NOT_DONE_YET


class TreqTests(TestCase):
    """treq on our agent, against our server."""

    timeout = 20

    def setUp(self) -> None:
        self.echo = Echo()
        self.site = Site(self.echo, reactor=reactor)
        self.port = reactor.listenTCP(0, self.site, interface="127.0.0.1")
        self.agent = Agent(
            reactor,
            Endpoints(reactor, BrowserLikePolicyForHTTPS()),
            PoolSettings(connections=4),
        )
        self.client = HTTPClient(self.agent)

    @inlineCallbacks
    def tearDown(self) -> Any:
        self.agent.close()
        drained = self.site.drain(1)
        yield self.port.stopListening()
        yield drained

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port.getHost().port}/{path}"

    @inlineCallbacks
    def test_get(self) -> Any:
        for _ in range(3):
            response = yield self.client.get(self.url("echo"), params={"a": "b c"})
            told = yield response.json()
            self.assertEqual(told["fields"], {"a": ["b c"]})
            self.assertEqual(told["agent"], None)
        self.assertEqual(self.site.open_connections, 1, "the connection is kept")

    @inlineCallbacks
    def test_post_json(self) -> Any:
        response = yield self.client.post(self.url("echo"), json={"a": 1})
        told = yield response.json()
        self.assertEqual(json.loads(told["body"]), {"a": 1})
        self.assertIn("json", told["type"])

    @inlineCallbacks
    def test_post_form_and_files(self) -> Any:
        response = yield self.client.post(self.url("echo"), data={"a": "1"})
        told = yield response.json()
        self.assertEqual(told["fields"], {"a": ["1"]})
        response = yield self.client.post(
            self.url("echo"),
            data={"a": "1"},
            files={"f": ("f.txt", BytesIO(b"in the file"))},
        )
        told = yield response.json()
        self.assertEqual(told["fields"], {"a": ["1"], "f": ["in the file"]})

    @inlineCallbacks
    def test_a_file_is_streamed(self) -> Any:
        body = FileBodyProducer(BytesIO(b"y" * 1_000_000))
        response = yield self.client.put(self.url("echo"), data=body)
        told = yield response.json()
        self.assertEqual(len(told["body"]), 1_000_000)

    @inlineCallbacks
    def test_a_body_is_streamed(self) -> Any:
        response = yield self.client.get(self.url("big"), unbuffered=True)
        sizes: list[int] = []
        yield collect(response, lambda data: sizes.append(len(data)))
        self.assertEqual(sum(sizes), 3_000_000)
        self.assertGreater(len(sizes), 1)

    @inlineCallbacks
    def test_cookies(self) -> Any:
        yield self.client.get(self.url("login"))
        response = yield self.client.get(self.url("echo"))
        told = yield response.json()
        self.assertEqual(told["cookie"], "key=value")

    @inlineCallbacks
    def test_redirects(self) -> Any:
        response = yield self.client.get(self.url("away"))
        told = yield response.json()
        self.assertEqual(told["fields"], {"from": ["away"]})
        (before,) = response.history()
        self.assertEqual(before.code, 302)
        self.assertTrue(response.request.absoluteURI.endswith(b"/echo?from=away"))

    @inlineCallbacks
    def test_cancelling_reaches_the_server(self) -> Any:
        done = self.client.get(self.url("never"))
        reactor.callLater(0.05, done.cancel)
        try:
            yield done
        except (CancelledError, ResponseNeverReceived):
            pass
        else:
            self.fail("no response was to come")
        yield self.echo.gone

    @inlineCallbacks
    def test_twisteds_own_helpers(self) -> Any:
        response = yield self.agent.request(b"GET", self.url("big").encode())
        body = yield readBody(response)
        self.assertEqual(len(body), 3_000_000)
