"""The /c8y door: what reaches Cumulocity, and what comes back."""

from __future__ import annotations

from typing import Any, cast

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from edgeproxy.c8y.credential import CredentialUnavailable, IDeviceCredential
from edgeproxy.c8y.proxy import ProxyResource
from edgeproxy.http.upstream import Response
from tests.fakes.site import Answer, Exchange


@implementer(IDeviceCredential)
class Credential:
    """Gives *current* at once, or what *fetched* and *fresher* bring."""

    healthy, detail = True, ""

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
    body: bytes

    def all(self, name: bytes) -> list[bytes]:
        return [value for found, value in self.headers if found.lower() == name]


class Upstream:
    """Keeps requests; answers them with *answers*, the last one for ever."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.answers: list[Any] = [response()]

    def request(self, *request: Any) -> Deferred[Response]:
        self.sent.append(Sent(*request))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            return fail(answer)
        return answer if isinstance(answer, Deferred) else succeed(answer)


def response(status: int = 200, body: bytes = b"{}", **more: Any) -> Response:
    headers = more.get("headers", [(b"Content-Type", b"application/json")])
    reason = more.get("reason", b"Fine")
    return Response(status, reason, headers, body, more.get("length", len(body)))


class ProxyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.upstream, self.credential = Upstream(), Credential()
        resource = ProxyResource(
            cast(Any, self.upstream), self.credential, b"t.example.com"
        )
        self.exchange = Exchange(resource)

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
        self.assertEqual(self.sent_for("http://any:1/c8y/x?y"), b"/x?y")

    def test_other_paths_are_not_found(self) -> None:
        for target in ("/", "/c8yx", "/C8Y/x", "/x/c8y/", "/%638y/x"):
            self.assertEqual(self.ask(target=target).status, 404)
        self.assertEqual(self.upstream.sent, [])

    def test_every_method_of_the_api_is_forwarded(self) -> None:
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            self.assertEqual(self.ask(method).status, 200)
            self.assertEqual(self.upstream.sent[-1].method, method.encode())

    def test_other_methods_are_not_allowed(self) -> None:
        for method in ("TRACE", "PROPFIND"):
            answer = self.ask(method)
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
        ):
            answer = self.ask(target=target)
            self.assertEqual((answer.status, answer.body), (403, b""), target)
        self.assertEqual(self.upstream.sent, [])
        self.ask(target="/c8y/apps/x", headers={"Authorization": "Basic x"})
        self.ask(target="/c8y/inventory/binaries/main.js")
        self.ask(target="/c8y/x?file=a.js")
        self.assertEqual(len(self.upstream.sent), 3)

    def test_cumulocity_that_cannot_be_reached_is_a_bad_gateway(self) -> None:
        self.upstream.answers = [ConnectionRefusedError("no")]
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
