"""Applications of klein give the same responses on stock `Site` and on ours."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor  # noqa: TID251 - real sockets
from twisted.internet.defer import succeed
from twisted.trial.unittest import TestCase
from twisted.web import server
from twisted.web.static import Data

from edgeproxy.http.server.site import Site
from tests.http.served import add_comparisons, get

try:
    from klein import Klein
except ImportError:
    Klein = None


def application() -> Any:
    """Return an application that uses what klein has to offer."""
    app = Klein()

    @app.route("/")
    def root(request: Any) -> bytes:
        return b"root"

    @app.route("/hello/<name>", methods=["GET"])
    def hello(request: Any, name: str) -> str:
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        return f"hello {name}"

    @app.route("/later")
    def later(request: Any) -> Any:
        return succeed(b"later")

    @app.route("/coroutine")
    async def coroutine(request: Any) -> bytes:
        return await succeed(b"awaited")

    @app.route("/form", methods=["POST"])
    def form(request: Any) -> bytes:
        return repr(sorted(request.args.items())).encode() + request.content.read()

    @app.route("/below/", branch=True)
    def below(request: Any) -> Data:
        tree = Data(b"leaf", "text/plain")
        tree.isLeaf = True
        return tree

    @app.route("/redirect")
    def redirect(request: Any) -> None:
        request.redirect(b"/hello/you")

    @app.route("/fail")
    def fail(request: Any) -> None:
        raise LookupError("not here")

    @app.handle_errors(LookupError)
    def missing(request: Any, failure: Any) -> bytes:
        request.setResponseCode(404)
        return b"handled"

    return app


KIND = b"Content-Type: application/x-www-form-urlencoded"
REQUESTS = {
    "root": get(b"/"),
    "head": get(b"/", method=b"HEAD"),
    "variable": get(b"/hello/w%C3%B6rld"),
    "method_not_allowed": get(b"/hello/you", method=b"PUT"),
    "unknown": get(b"/nowhere"),
    "later": get(b"/later"),
    "coroutine": get(b"/coroutine"),
    "form": get(b"/form?q=1", KIND, method=b"POST", body=b"a=1&b=2"),
    "resource": get(b"/below/deep/er"),
    "redirect": get(b"/redirect"),
    "error": get(b"/fail"),
}


class KleinTests(TestCase):
    """One test per entry of `REQUESTS`."""

    timeout = 20
    if Klein is None:
        skip = "klein is not installed (Debian has no package of it)"

    def sites(self) -> list[Any]:
        app = application()
        return [server.Site(app.resource()), Site(app.resource(), reactor=reactor)]


add_comparisons(KleinTests, REQUESTS)
