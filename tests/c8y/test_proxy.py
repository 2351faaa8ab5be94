"""The /c8y door: what reaches Cumulocity, and what comes back."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer
from zope.interface.verify import verifyObject

from edgeproxy.c8y.credential import CredentialUnavailable, IDeviceCredential
from edgeproxy.c8y.forward import REPLAYABLE
from edgeproxy.c8y.proxy import ProxyResource
from edgeproxy.c8y.routes import USUAL_METHODS
from edgeproxy.http.body import Body, NoSource
from edgeproxy.http.client.failures import ConnectionFailed
from edgeproxy.http.client.origin import Origin
from edgeproxy.http.client.prepared import Prepared
from edgeproxy.http.client.response import Response
from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.foreign import OwnNames
from edgeproxy.http.responsehead import ResponseHead
from tests.fakes.site import Answer
from tests.fakes.site import Exchange as ClientExchange


@implementer(IDeviceCredential)
class Credential:
    """Gives *current* at once, or what *fetched* and *fresher* bring."""

    healthy, detail = True, ""
    shown: ClassVar[dict[str, Any]] = {}
    tenant = frozenset({"t9.example.com"})

    def __init__(self) -> None:
        self.current: bytes | None = b"Bearer one"
        self.fetched: Deferred[bytes] = succeed(b"Bearer fetched")
        self.fresher: bytes | None = b"Bearer two"
        self.asked: list[bytes | None] = []

    def fetch(self) -> Deferred[bytes]:
        self.asked.append(None)
        return self.fetched

    def refused(self, authorization: bytes) -> Deferred[bytes | None]:
        self.asked.append(authorization)
        return succeed(self.fresher)


@attrs.frozen
class Sent:
    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: Any

    def all(self, name: bytes) -> list[bytes]:
        return [value for found, value in self.headers if found.lower() == name]


class Upstream:
    """A pool that keeps requests and gives *answers*, the last one for ever."""

    authority = b"t.example.com"
    origin = Origin("https", "t.example.com", 443)
    probing = False

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.answers: list[Any] = [response()]

    def send(
        self,
        prepared: Prepared,
        body: Any,
        caller: Any,
        *,
        extra: bytes,
        **deadlines: float,
    ) -> Exchange:
        line, *fields = (prepared.start + extra).split(b"\r\n")[:-1]
        method, target, _ = line.split(b" ")
        headers = [(n, v) for n, _, v in (field.partition(b": ") for field in fields)]
        self.sent.append(Sent(method, target, headers, body))
        if prepared.method != b"HEAD" or not self.probing:
            self.assert_patient(deadlines)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Exchange(caller, answer)

    def assert_patient(self, deadlines: dict[str, float]) -> None:
        """A long poll may be silent for a quarter of an hour."""
        assert deadlines == {"head_timeout": 900.0, "silence": 900.0}


class Exchange:
    """Gives the caller an answer: a response, an error, or a Deferred of either."""

    def __init__(self, caller: Any, answer: Any) -> None:
        self.caller: Any = caller
        if isinstance(answer, Exception):
            answer = fail(answer)
        elif not isinstance(answer, Deferred):
            answer = succeed(answer())
        self.cancel = answer.cancel
        answer.addCallbacks(self._respond, self._fail)

    def _respond(self, response: Response) -> None:
        caller, self.caller = self.caller, None
        caller.responded(response)

    def _fail(self, failure: Failure) -> None:
        caller, self.caller = self.caller, None
        caller.failed(failure)


class Source(NoSource):
    """The connection of a response; *calls* is what was asked of it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def body_resumed(self) -> None:
        self.calls.append("resumed")

    def body_stopped(self) -> None:
        self.calls.append("stopped")


def open_response(length: int | None = None, source: Source | None = None) -> Response:
    """Return a response whose body is still to come."""
    head = ResponseHead(b"GET", 1, 200, b"Fine", [])
    return Response(head, Body(source or Source(), length), cast(Any, None))


def response(status: int = 200, body: bytes = b"{}", **more: Any) -> Any:
    """Return a function that makes a response, complete with its body."""
    fields = more.get("headers", [(b"Content-Type", b"application/json")])
    length = more.get("length", len(body))
    if length is not None:
        fields = [*fields, (b"Content-Length", b"%d" % length)]
    reason = more.get("reason", b"Fine")

    def make() -> Response:
        head = ResponseHead(b"GET", 1, status, reason, fields)
        arriving = Body(NoSource(), len(body))
        if body:
            arriving.push(body)
        arriving.end([])
        return Response(head, arriving, cast(Any, None))

    return make


class ProxyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.upstream, self.credential = Upstream(), Credential()
        self.exchange = ClientExchange(self.resource())

    def resource(self, **options: Any) -> ProxyResource:
        return ProxyResource(
            cast(Any, self.upstream),
            self.credential,
            {"t.example.com", "t123.example.com"},
            OwnNames(["127.0.0.1", "10.0.0.1"], ["gateway.example"]),
            **options,
        )

    def ask(self, method: str = "GET", target: str = "/c8y/x", **more: Any) -> Answer:
        return self.exchange.ask(method, target, **more)

    def sent_for(self, target: str) -> bytes:
        self.ask(target=target)
        return self.upstream.sent[-1].target

    def test_interfaces(self) -> None:
        verifyObject(IDeviceCredential, self.credential)

    def test_the_devices_token_is_added(self) -> None:
        answer = self.ask()
        self.assertEqual((answer.line, answer.body), ("200 Fine", b"{}"))
        (sent,) = self.upstream.sent
        self.assertEqual(sent.all(b"authorization"), [b"Bearer one"])
        self.assertEqual(sent.all(b"host"), [b"t.example.com"])

    def test_a_first_token_is_waited_for(self) -> None:
        self.credential.current = None
        self.credential.fetched = Deferred()
        self.assertEqual(self.ask().line, "")
        self.credential.fetched.callback(b"Bearer late")
        self.assertEqual(self.exchange.answer().status, 200)
        self.assertEqual(self.upstream.sent[0].all(b"authorization"), [b"Bearer late"])

    def test_paths_and_queries_pass_byte_for_byte(self) -> None:
        for target in (
            "/",
            "/?",
            "/x?",
            "//x",
            "/x;p=1;",
            "/a%2Fb%3B%25%20",
            "/x?a=b+c%2B&d=%7B%22'%22%7D&&=",
            "/x?y?z",
            "/identity/externalIds/c8y_Serial/nsu=urn:x;s=1",
        ):
            self.assertEqual(self.sent_for("/c8y" + target), target.encode())
        self.assertEqual(self.sent_for("/c8y"), b"/")
        self.assertEqual(self.sent_for("/c8y?x=1"), b"/?x=1")
        self.assertEqual(self.sent_for("http://localhost:1/c8y/x?y"), b"/x?y")

    def test_other_paths_are_not_found(self) -> None:
        for target in ("/", "/c8yx", "/C8Y/x", "/x/c8y/", "/%638y/x"):
            self.assertEqual(self.ask(target=target).status, 404)
        self.assertEqual(self.upstream.sent, [])

    def test_every_method_is_forwarded(self) -> None:
        for method in (*USUAL_METHODS, b"PROPFIND", b"x-Y"):
            self.assertEqual(self.ask(method.decode()).status, 200)
            self.assertEqual(self.upstream.sent[-1].method, method)

    def test_methods_between_a_client_and_its_proxy_are_not_allowed(self) -> None:
        for method, target, headers in (
            ("TRACE", "/c8y/x", {}),
            ("CONNECT", "t.example.com:443", {}),
            ("POST", "/c8y/x", {"X-HTTP-METHOD": "TRACE"}),
        ):
            answer = self.ask(method, target, headers=headers)
            self.assertEqual(answer.status, 405)
            self.assertEqual(
                answer["allow"], "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
            )
        self.assertEqual(self.upstream.sent, [])

    def test_a_body_is_forwarded(self) -> None:
        self.ask("POST", body=b"\0\xff", headers={"Content-Type": "a/b"})
        (sent,) = self.upstream.sent
        self.assertEqual((sent.body, sent.all(b"content-type")), (b"\0\xff", [b"a/b"]))

    def test_only_hop_by_hop_fields_are_dropped(self) -> None:
        kept = {
            "X-Cumulocity-Processing-Mode": "CEP",
            "Accept-Encoding": "gzip",
            "TFAToken": "1",
            "Cookie": "a=b",
            "X-HTTP-METHOD": "PUT",
        }
        dropped = {
            "Connection": "keep-alive, X-Mine",
            "Keep-Alive": "timeout=5",
            "X-Mine": "1",
            "TE": "trailers",
            "Proxy-Authorization": "Basic x",
        }
        self.ask(headers=kept | dropped)
        (sent,) = self.upstream.sent
        self.assertEqual(
            sorted((name.lower(), value) for name, value in sent.headers),
            sorted(
                [(n.lower().encode(), v.encode()) for n, v in kept.items()]
                + [(b"host", b"t.example.com"), (b"authorization", b"Bearer one")]
            ),
        )

    def test_responses_pass_with_all_their_fields(self) -> None:
        self.upstream.answers = [
            response(
                404,
                b"gone",
                reason=b"My Reason",
                headers=[
                    (b"Content-Type", b"a/b"),
                    (b"Set-Cookie", b"a=1"),
                    (b"Set-Cookie", b"b=2"),
                    (b"Connection", b"close, X-Hop"),
                    (b"X-Hop", b"1"),
                    (b"Location", b"https://elsewhere/"),
                ],
            )
        ]
        answer = self.ask()
        self.assertEqual((answer.line, answer.body), ("404 My Reason", b"gone"))
        self.assertEqual(answer["set-cookie"], "a=1, b=2")
        self.assertEqual(answer["location"], "https://elsewhere/")
        self.assertEqual(answer["content-length"], "4")
        self.assertIsNone(answer["x-hop"])

    def test_a_response_to_head_keeps_its_length(self) -> None:
        self.upstream.answers = [response(body=b"", length=1234)]
        answer = self.ask("HEAD")
        self.assertEqual((answer["content-length"], answer.body), ("1234", b""))

    def test_a_chunked_response_to_head_gets_no_length(self) -> None:
        chunked = [(b"Transfer-Encoding", b"chunked")]
        self.upstream.answers = [response(body=b"", length=None, headers=chunked)]
        answer = self.ask("HEAD")
        self.assertEqual((answer.status, answer["content-length"]), (200, None))
        self.assertEqual((answer["transfer-encoding"], answer.body), (None, b""))

    def test_no_content_has_no_length(self) -> None:
        self.upstream.answers = [response(204, b"", length=None)]
        answer = self.ask("DELETE")
        self.assertEqual((answer.status, answer["content-length"]), (204, None))

    def test_a_client_that_authenticates_itself_is_left_alone(self) -> None:
        for headers in (
            {"Authorization": "Basic dDpw"},
            {"Cookie": "x=1; authorization=token"},
        ):
            self.upstream.answers = [response(401)]
            self.assertEqual(self.ask(headers=headers).status, 401)
            self.assertEqual(
                self.upstream.sent[-1].all(b"authorization"),
                [v.encode() for n, v in headers.items() if n == "Authorization"],
            )
        self.assertEqual(len(self.upstream.sent), 2)
        self.assertEqual(self.credential.asked, [])

    def test_logging_in_needs_no_device(self) -> None:
        for target in ("/c8y/tenant/loginOptions", "/c8y/tenant/oauth?grant_type=x"):
            self.ask("POST", target)
            self.assertEqual(self.upstream.sent[-1].all(b"authorization"), [])

    def test_a_401_is_replayed_once_with_a_fresher_token(self) -> None:
        self.upstream.answers = [response(401), response(201)]
        self.assertEqual(self.ask("POST", body=b"x").status, 201)
        first, second = self.upstream.sent
        self.assertEqual(second.all(b"authorization"), [b"Bearer two"])
        self.assertEqual((first.body, second.body), (b"x", b"x"))
        self.assertEqual(self.credential.asked, [b"Bearer one"])

    def test_second_401_is_passed_through(self) -> None:
        self.upstream.answers = [response(401, b"no")]
        answer = self.ask()
        self.assertEqual((answer.status, answer.body), (401, b"no"))
        self.assertEqual(len(self.upstream.sent), 2)

    def test_a_401_passes_when_there_is_nothing_fresher(self) -> None:
        self.upstream.answers = [response(401, b"no")]
        self.credential.fresher = None
        self.assertEqual(self.ask().status, 401)
        self.assertEqual(len(self.upstream.sent), 1)

    def test_other_errors_are_not_replayed(self) -> None:
        for status in (400, 403, 429, 500, 503):
            self.upstream.answers = [response(status)]
            self.assertEqual(self.ask().status, status)
        self.assertEqual(len(self.upstream.sent), 5)

    def test_parts_of_the_web_ui_are_not_fetched_as_the_device(self) -> None:
        for target in (
            "/c8y/apps/cockpit/",
            "/c8y//apps/cockpit/",
            "/c8y/%61pps/cockpit",
            "/c8y/main.js?x=1",
            "/c8y/x/y%2Ejs",
            "/c8y/./apps/cockpit",
            "/c8y/inventory/../apps/cockpit",
            "/c8y/inventory/x/%2e%2e%2F../apps/cockpit",
            "/c8y/../main.js",
            "/c8y/inventory/..;x/apps/cockpit",
            "/c8y/apps;x=1/cockpit",
            "/c8y/main.js;x",
            "/c8y/apps/../inventory/x",
        ):
            answer = self.ask(target=target)
            self.assertEqual((answer.status, answer.body), (403, b""), target)
        self.assertEqual(self.upstream.sent, [])
        self.ask(target="/c8y/apps/x", headers={"Authorization": "Basic x"})
        self.ask(target="/c8y/inventory/binaries/main.js")
        self.ask(target="/c8y/x?file=a.js")
        self.ask(target="/c8y/inventory/binaries/../.main;p=1/a.js;x")
        self.assertEqual(len(self.upstream.sent), 4)

    def test_a_foreign_web_page_cannot_act_as_the_device(self) -> None:
        for headers in (
            {"Host": "evil.example"},
            {"Host": "evil.example:8001"},
            {"Host": "127.0.0.1.evil.example"},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://localhost:1880"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            answer = self.ask(headers=headers)
            self.assertEqual(answer.status, 403, headers)
            self.assertIn(b"web page", answer.body)
        self.assertEqual(self.upstream.sent, [])
        # As somebody else it may: that is what logins are for.
        self.ask(headers={"Host": "evil.example", "Authorization": "Basic x"})
        self.assertEqual(len(self.upstream.sent), 1)

    def test_programs_and_own_pages_can(self) -> None:
        for headers in (
            {"Host": "localhost:8001"},
            {"Host": "127.0.0.2"},
            {"Host": "[::1]:8001"},
            {"Host": "10.0.0.1"},
            {"Host": "Gateway.Example:8001"},
            {"Host": "localhost:8001", "Origin": "http://localhost:8001"},
            {"Sec-Fetch-Site": "same-origin"},
            {"Sec-Fetch-Site": "none"},
        ):
            self.assertEqual(self.ask(headers=headers).status, 200, headers)

    def test_locations_of_the_tenant_lead_to_the_door(self) -> None:
        door = "http://localhost/c8y"
        for location, expected in (
            ("https://t.example.com/inventory/x?y#z", f"{door}/inventory/x?y#z"),
            ("https://T.Example.com:443/x", f"{door}/x"),
            ("http://t123.example.com/x", f"{door}/x"),
            ("https://t.example.com", f"{door}/"),
            ("https://t.example.com?x", f"{door}/?x"),
            ("//t.example.com/x", f"{door}/x"),
            ("https://t9.example.com/x", f"{door}/x"),
            ("/x/y", f"{door}/x/y"),
            ("x/y", "x/y"),
            ("https://t.example.com:9/x", "https://t.example.com:9/x"),
            (
                "https://evil.example/t.example.com",
                "https://evil.example/t.example.com",
            ),
            ("https://t.example.com.evil.example/", None),
            ("wss://t.example.com/", None),
            ("https://[::1", None),
        ):
            self.upstream.answers = [
                response(302, b"", headers=[(b"Location", location.encode())])
            ]
            self.assertEqual(self.ask()["location"], expected or location)

    def test_cookies_of_the_tenant_can_be_used_by_plain_clients(self) -> None:
        for secure in (False, True):
            self.exchange = ClientExchange(self.resource(secure=secure))
            kept = "; Secure; SameSite=None" if secure else ""
            for cookie, expected in (
                (
                    "a=b; Domain=t.example.com; Path=/; HttpOnly",
                    "a=b; Path=/; HttpOnly",
                ),
                ("a=b;domain=.example.com", "a=b"),
                ("a=b; Domain=elsewhere.org", "a=b; Domain=elsewhere.org"),
                ("a=b; Secure; SameSite=None", f"a=b{kept}"),
                ("a=b; SameSite=Strict; Max-Age=1", "a=b; SameSite=Strict; Max-Age=1"),
                ("a=b; Path=/tenant", "a=b; Path=/c8y/tenant"),
            ):
                self.upstream.answers = [
                    response(headers=[(b"Set-Cookie", cookie.encode())])
                ]
                self.assertEqual(self.ask()["set-cookie"], expected)

    def test_a_bad_gateway_has_a_number_to_ask_about(self) -> None:
        self.upstream.answers = [ConnectionFailed(ConnectionRefusedError(), sent=False)]
        first, second = self.ask()["x-request-id"], self.ask()["x-request-id"]
        assert first is not None
        self.assertRegex(first, "^[0-9a-f]{6}-1$")
        self.assertEqual(second, first[:-1] + "2")

    def test_cumulocity_that_cannot_be_reached_is_a_bad_gateway(self) -> None:
        refused = ConnectionFailed(ConnectionRefusedError(), sent=False)
        self.upstream.answers = [refused]
        answer = self.ask()
        self.assertEqual(answer.line, "502 Bad Gateway")
        self.assertEqual(answer.body, b"Error communicating with Cumulocity")
        self.assertEqual(answer["content-type"], "text/plain; charset=utf-8")

    def test_a_token_that_cannot_be_had_is_a_bad_gateway(self) -> None:
        self.credential.current = None
        self.credential.fetched = fail(CredentialUnavailable("broker down"))
        answer = self.ask()
        self.assertEqual(answer.body, b"Error communicating with Cumulocity")
        self.assertEqual(self.upstream.sent, [])
        self.ask(headers={"Authorization": "Basic x"})
        self.assertEqual(len(self.upstream.sent), 1)

    def test_a_client_that_leaves_takes_its_request_along(self) -> None:
        cancelled: list[object] = []
        self.upstream.answers = [Deferred(cancelled.append)]
        self.ask()
        self.exchange.leave()
        self.assertEqual(len(cancelled), 1)

    def test_a_client_that_leaves_while_a_token_is_fetched(self) -> None:
        cancelled: list[object] = []
        self.credential.current = None
        self.credential.fetched = Deferred(cancelled.append)
        self.ask()
        self.exchange.leave()
        self.assertEqual(len(cancelled), 1)
        self.assertEqual(self.upstream.sent, [])

    def start_upload(self, length: int | None, first: bytes = b"") -> None:
        """Send the head of a POST, and the first bytes of its body."""
        framing = (
            b"Transfer-Encoding: chunked"
            if length is None
            else b"Content-Length: %d" % length
        )
        self.exchange.transport.clear()
        self.exchange.channel.dataReceived(
            b"POST /c8y/x HTTP/1.1\r\nHost: 127.0.0.1\r\n%b\r\n\r\n%b"
            % (framing, first)
        )

    def test_a_small_body_is_kept_for_a_replay(self) -> None:
        self.upstream.answers = [response(401), response(201)]
        self.start_upload(4, b"ab")
        self.assertEqual(self.upstream.sent, [])
        self.exchange.channel.dataReceived(b"cd")
        self.assertEqual([sent.body for sent in self.upstream.sent], [b"abcd"] * 2)

    def test_a_long_body_streams_and_its_401_passes(self) -> None:
        for length in (REPLAYABLE + 1, None):
            self.setUp()
            self.upstream.probing = True
            self.upstream.answers = [response(body=b""), response(401)]
            self.start_upload(length)
            probe, sent = self.upstream.sent
            self.assertEqual(
                (probe.method, probe.target), (b"HEAD", b"/tenant/currentTenant")
            )
            known = UNKNOWN_LENGTH if length is None else length
            self.assertEqual(sent.body.length, known)
            self.assertEqual(self.exchange.answer().status, 401)
            # The next request has a fresh token all the same.
            self.assertEqual(self.credential.asked, [b"Bearer one"])

    def test_a_long_body_is_not_begun_with_a_token_that_is_refused(self) -> None:
        self.upstream.probing = True
        self.upstream.answers = [response(401, b""), response(201)]
        self.start_upload(None)
        probe, sent = self.upstream.sent
        self.assertEqual(probe.all(b"authorization"), [b"Bearer one"])
        self.assertEqual(sent.all(b"authorization"), [b"Bearer two"])
        self.assertEqual(self.exchange.answer().status, 201)

    def test_a_long_body_of_somebody_else_needs_no_probe(self) -> None:
        self.exchange.channel.dataReceived(
            b"POST /c8y/x HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic x\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        self.assertEqual([sent.method for sent in self.upstream.sent], [b"POST"])

    def test_a_streamed_body_arrives_as_it_comes(self) -> None:
        self.upstream.probing = True
        self.upstream.answers = [response(body=b""), Deferred()]
        self.start_upload(None, b"2\r\nab\r\n")
        producer, consumer = self.upstream.sent[1].body, Consumer()
        done = producer.startProducing(consumer)
        producer.pauseProducing()
        self.exchange.channel.dataReceived(b"2\r\ncd\r\n0\r\n\r\n")
        self.assertEqual(consumer.data, b"ab")
        producer.resumeProducing()
        self.assertEqual(consumer.data, b"abcd")
        self.successResultOf(done)

    def test_a_malformed_body_is_the_clients_fault(self) -> None:
        self.upstream.probing = True
        self.upstream.answers = [response(body=b""), Deferred()]
        self.start_upload(None, b"2\r\nab\r\n")
        done = self.upstream.sent[1].body.startProducing(Consumer())
        self.exchange.channel.dataReceived(b"nonsense\r\n")
        self.failureResultOf(done, ProtocolError)
        self.assertEqual(self.exchange.answer().status, 400)

    def test_a_response_streams_under_back_pressure(self) -> None:
        source = Source()
        streaming = open_response(10, source)
        self.upstream.answers = [succeed(streaming)]
        self.assertEqual(self.ask()["content-length"], "10")
        streaming.body.push(b"01234")
        self.assertEqual(self.exchange.answer().body, b"01234")
        self.exchange.channel.pauseProducing()
        streaming.body.push(b"56789")
        streaming.body.end([])
        self.assertEqual(self.exchange.answer().body, b"01234")
        self.exchange.channel.resumeProducing()
        self.assertEqual(self.exchange.answer().body, b"0123456789")

    def test_a_response_that_breaks_off_never_ends_cleanly(self) -> None:
        for length in (10, None):
            self.setUp()
            streaming = open_response(length)
            self.upstream.answers = [succeed(streaming)]
            self.ask()
            streaming.body.push(b"01234")
            streaming.body.fail(Failure(ConnectionDone()))
            self.assertTrue(self.exchange.transport.aborted)
            self.assertNotIn(b"\r\n0\r\n", self.exchange.answer().body)

    def test_a_client_that_leaves_stops_the_download(self) -> None:
        source = Source()
        streaming = open_response(None, source)
        self.upstream.answers = [succeed(streaming)]
        self.ask()
        self.exchange.leave()
        self.assertEqual(source.calls[-1], "stopped")

    def test_a_client_that_leaves_amid_its_upload_is_no_error(self) -> None:
        for length in (100, REPLAYABLE + 1):
            self.setUp()
            self.upstream.probing = True
            self.upstream.answers = [response(body=b""), Deferred()]
            self.start_upload(length, b"x")
            self.exchange.leave()
            self.assertEqual(self.exchange.answer().line, "")


class Consumer:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data
