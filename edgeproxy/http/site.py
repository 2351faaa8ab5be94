"""The server's side: a Site for the doors on Twisted's own HTTP/1.1 channel."""

from __future__ import annotations

from twisted.web import server
from twisted.web.resource import IResource


class Request(server.Request):
    """A request whose response has no content type unless the resource sets one."""

    defaultContentType = None


class Site(server.Site):
    """Serves *resource*; closes a connection after *timeout* idle seconds (0: never).

    Tracebacks never reach a client.
    """

    displayTracebacks = False
    noisy = False

    def __init__(self, resource: IResource, timeout: int = 60) -> None:
        super().__init__(resource, requestFactory=Request, timeout=timeout or None)


def origin_form(uri: bytes) -> bytes:
    """Return the request target *uri* in origin-form (RFC 9112, §3.2.1).

    Clients of proxies send absolute-form, and servers must accept it (§3.2.2).
    """
    if uri[:1] == b"/":
        return uri
    scheme, _, rest = uri.partition(b"://")
    if scheme.lower() not in (b"http", b"https"):
        return uri
    path = rest.find(b"/")
    query = rest.find(b"?")
    if path < 0 or 0 <= query < path:
        return b"/" + rest[query:] if query >= 0 else b"/"
    return rest[path:]
