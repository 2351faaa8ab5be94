"""The same resources give the same responses on stock's site and on ours.

What may differ is listed in `ResponseSeen`: who the server is, the time, the order of
fields, how a body of unknown length is framed, and lengths of bodies that are not sent.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.twisted import MetricsResource
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet import reactor  # noqa: TID251 - real sockets
from twisted.internet.defer import inlineCallbacks
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.trial.unittest import TestCase
from twisted.web import guard, resource, server, static, util
from zope.interface import implementer

from edgeproxy.http.server.site import Site
from tests.http.served import Wants, add_comparisons, get


class Page(resource.Resource):
    """Renders by a function."""

    isLeaf = True

    def __init__(self, render: Any) -> None:
        super().__init__()
        self._render = render

    def render_GET(self, request: Any) -> Any:
        return self._render(request)

    render_POST = render_GET


def later(request: Any) -> int:
    def go_on() -> None:
        request.write(b"two")
        request.finish()

    request.write(b"one ")
    reactor.callLater(0, go_on)
    return server.NOT_DONE_YET


def later_with_length(request: Any) -> int:
    request.setHeader("content-length", "7")
    return later(request)


def never_writes(request: Any) -> int:
    reactor.callLater(0, request.finish)
    return server.NOT_DONE_YET


def cookies(request: Any) -> bytes:
    request.addCookie(b"a", b"1", path=b"/", secure=True)
    request.addCookie("b", "2; x\r\ny", httpOnly=True, sameSite="lax")
    return b"%r %r" % (request.getCookie(b"in"), request.getCookie(b"none"))


def counted(request: Any) -> bytes:
    session = request.getSession()
    session.count = getattr(session, "count", 0) + 1
    assert request.getSession() is session and request.session is session
    return b"%d %r" % (session.count, session.uid in request.site.sessions)


def fail(request: Any) -> bytes:
    raise ValueError("<told nobody>")


def form(request: Any) -> bytes:
    return repr(sorted(request.args.items())).encode() + request.content.read()


def redirect(request: Any) -> bytes:
    request.redirect(b"/else?where")
    return b""


def not_modified(request: Any) -> bytes:
    if request.setETag(b'"tag"') or request.setLastModified(1_000_000_000.5):
        return b""
    return b"content"


def reason(request: Any) -> bytes:
    request.setResponseCode(400, b"Bad QoS Header Value")
    return b"Bad QoS Header Value"


def surface(request: Any) -> bytes:
    request.setHeader(b"x-split", b"a\r\nSet-Cookie: b")
    request.setHeader("X-Twice", "1")
    request.responseHeaders.addRawHeader(b"x-twice", b"2")
    request.setHeader(b"etag", b"e")
    request.setHeader(b"www-authenticate", b"w")
    request.rememberRootURL()
    facts = (
        request.method, request.uri, request.path, request.args, request.prepath,
        request.postpath, request.clientproto, request.isSecure(), request.getUser(),
        request.getPassword(), request.getRequestHostname(), request.sibLink(b"s"),
        request.childLink(b"c"), request.getHeader("x-a"), request.getHeader(b"X-A"),
        request.requestHeaders.getRawHeaders("x-a"), request.getClientAddress().host,
        sorted(request.getAllHeaders().items()), request.getHeader(b"none"),
        type(request.getHost()).__name__, request.received_cookies, request.sitepath,
        re.sub(rb":\d+", b"", request.prePathURL()),
        re.sub(rb":\d+", b"", request.getRootURL()),
        request.code, request.code_message, request.sentLength, request.startedWriting,
        request.finished, request.notifyFinish() is not request.notifyFinish(),
    )  # fmt: skip
    return repr(facts).encode()


class Segments(resource.Resource):
    """Shows how far traversal got."""

    def getChild(self, path: bytes, request: Any) -> resource.Resource:
        if path == b"on":
            return self
        return Page(lambda r: repr((r.prepath, r.postpath)).encode())


class Puts(resource.Resource):
    """Knows a method that stock does not."""

    isLeaf = True

    def render_PUT(self, request: Any) -> bytes:
        return request.method + b" " + request.content.read()


class NoBytes(resource.Resource):
    isLeaf = True

    def render_GET(self, request: Any) -> Any:
        return "text"


class Upper(resource.Resource):
    """Its responses go through an encoder."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"compress me " * 100


@implementer(IRealm)
class Realm:
    def __init__(self, page: resource.Resource) -> None:
        self._page = page

    def requestAvatar(self, avatarId: object, mind: object, *interfaces: object) -> Any:
        return resource.IResource, self._page, lambda: None


def tree(directory: str) -> resource.Resource:
    root = resource.Resource()
    file = Path(directory) / "file.txt"
    file.write_bytes(bytes(range(256)) * 1000)
    root.putChild(b"file", static.File(str(file)))
    root.putChild(b"directory", static.File(directory))
    root.putChild(b"data", static.Data(b"data", "text/x"))
    registry = CollectorRegistry()
    Counter("seen", "Seen", registry=registry).inc()
    root.putChild(b"metrics", MetricsResource(registry))
    portal = Portal(
        Realm(Page(lambda request: b"let in")),
        [InMemoryUsernamePasswordDatabaseDontUse(user=b"pass")],
    )
    root.putChild(
        b"guarded",
        guard.HTTPAuthSessionWrapper(portal, [guard.BasicCredentialFactory("realm")]),
    )
    root.putChild(b"moved", util.Redirect(b"/data"))
    root.putChild(b"segments", Segments())
    root.putChild(b"puts", Puts())
    root.putChild(b"nobytes", NoBytes())
    root.putChild(
        b"gzip",
        resource.EncodingResourceWrapper(Upper(), [server.GzipEncoderFactory()]),
    )
    for render in (later, later_with_length, never_writes, cookies, counted, fail, form,
                   redirect, not_modified, reason, surface):  # fmt: skip
        root.putChild(render.__name__.encode(), Page(render))
    return root


BASIC = b"Authorization: Basic " + base64.b64encode(b"user:pass")
URLENCODED = b"Content-Type: application/x-www-form-urlencoded"
MULTIPART = b'Content-Type: multipart/form-data; boundary="-x"'
PARTS = (
    b'---x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'---x\r\nContent-Disposition: form-data; name="f"; filename="f.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\nbytes \xc3\xa4 in a file\r\n"
    b"---x--\r\n"
)

REQUESTS: dict[str, bytes] = {
    "file": get(b"/file"),
    "file_head": get(b"/file", method=b"HEAD"),
    "file_range": get(b"/file", b"Range: bytes=10-20"),
    "file_suffix_range": get(b"/file", b"Range: bytes=-5"),
    "file_bad_range": get(b"/file", b"Range: bytes=999999-"),
    "file_not_modified": get(
        b"/file", b"If-Modified-Since: Fri, 20 Nov 2099 12:00:00 GMT"
    ),
    "directory_without_slash": get(b"/directory"),
    "directory_file": get(b"/directory/file.txt", b"Range: bytes=0-0"),
    "data": get(b"/data"),
    "data_head": get(b"/data", method=b"HEAD"),
    "not_found": get(b"/none"),
    "not_found_head": get(b"/none", method=b"HEAD"),
    "metrics": get(b"/metrics"),
    "unauthorized": get(b"/guarded"),
    "authorized": get(b"/guarded", BASIC),
    "wrong_password": get(b"/guarded", BASIC + b"x"),
    "moved": get(b"/moved"),
    "redirect": get(b"/redirect"),
    "segments": get(b"/segments/on/on/off/a%2fb/c%20d//?e=f"),
    "method_not_allowed": get(b"/data", method=b"POST"),
    "method_unknown": get(b"/data", method=b"PATCH"),
    "head_of_put_only": get(b"/puts", method=b"HEAD"),
    "put": get(b"/puts", method=b"PUT", body=b"body"),
    "options_star": get(b"*", method=b"OPTIONS"),
    "no_bytes": get(b"/nobytes"),
    "gzip": get(b"/gzip", b"Accept-Encoding: gzip"),
    "gzip_not_accepted": get(b"/gzip"),
    "later": get(b"/later"),
    "later_head": get(b"/later", method=b"HEAD"),
    "later_with_length": get(b"/later_with_length"),
    "later_http10": b"GET /later HTTP/1.0\r\n\r\n",
    "never_writes": get(b"/never_writes"),
    "cookies": get(b"/cookies", b"Cookie: in=side; x", b"Cookie: y=z"),
    "session": get(b"/counted"),
    "session_expired": get(b"/counted", b"Cookie: TWISTED_SESSION=none"),
    "fail": get(b"/fail"),
    "fail_head": get(b"/fail", method=b"HEAD"),
    "query": get(b"/form?a=1&a=2&b=&c=%20x"),
    "form_urlencoded": get(
        b"/form?a=0", URLENCODED, method=b"POST", body=b"a=1&a=2&b=&c=%20"
    ),
    "form_multipart": get(b"/form", MULTIPART, method=b"POST", body=PARTS),
    "form_chunked": get(
        b"/form", URLENCODED, b"Transfer-Encoding: chunked", method=b"POST"
    )
    + b"3\r\na=1\r\n0\r\n\r\n",
    "no_form": get(b"/form", b"Content-Type: text/plain", method=b"POST", body=b"a=1"),
    "not_modified": get(b"/not_modified", b'If-None-Match: "tag"'),
    "not_modified_since": get(
        b"/not_modified", b"If-Modified-Since: Sun, 09 Sep 2001 01:46:41 GMT"
    ),
    "modified": get(b"/not_modified", b'If-None-Match: "other"'),
    "precondition": get(b"/not_modified", b'If-None-Match: "tag"', method=b"POST"),
    "reason": get(b"/reason"),
    "surface": get(b"/surface/a/b?x=y", b"X-A: 1", b"x-a: 2", BASIC, b"Cookie: k=v"),
    "surface_post": get(b"/surface/", BASIC, method=b"POST", body=b"body"),
}  # fmt: skip


class CompatibilityTests(TestCase):
    """One test per entry of `REQUESTS`; see the end of the module."""

    timeout = 20

    def sites(self) -> list[Any]:
        directory = self.mktemp()
        Path(directory).mkdir()
        root = tree(directory)
        return [server.Site(root), Site(root, reactor=reactor)]

    @inlineCallbacks
    def test_a_session_is_found_again(self) -> Any:
        for site in (
            server.Site(Page(counted)),
            Site(Page(counted), reactor=reactor),
        ):
            port = reactor.listenTCP(0, site, interface="127.0.0.1")
            self.addCleanup(port.stopListening)
            seen = []
            cookie = b""
            for _ in range(2):
                endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
                client = yield connectProtocol(
                    endpoint, Wants(get(b"/", cookie or b"A: b"))
                )
                answer = yield client.done
                match = re.search(rb"Set-Cookie: (TWISTED_SESSION=\w+)", answer)
                if match:
                    cookie = b"Cookie: " + match[1]
                seen.append(answer[-6:])
            self.assertEqual(seen, [b"1 True", b"2 True"])
            for session in list(site.sessions.values()):
                session.expire()


add_comparisons(CompatibilityTests, REQUESTS)
