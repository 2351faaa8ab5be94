"""For clients that speak plain HTTP to a door that has HTTPS: where to go."""

from __future__ import annotations

from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from edgeproxy.http.interfaces import IStreamingResource

NO_HOST = b"This server does not support HTTP. Please retry this request using HTTPS"


@implementer(IStreamingResource)
class RedirectResource(Resource):
    """Answers everything with 307 to the same URL at https (seed 000).

    307 rather than 301: the method and body are to be sent there (RFC 9110, 15.4.8).
    """

    isLeaf = True
    streaming = True

    def render(self, request: Any) -> int:
        """Redirect, whatever is asked."""
        host = request.head.index.get(b"host")
        if not host or not request.uri.startswith(b"/"):
            text = (b"Content-Type", b"text/plain; charset=utf-8")
            request.respond(400, None, [text], NO_HOST)
        else:
            location = b"https://%b%b" % (host, request.uri)
            request.respond(307, None, [(b"Location", location)], b"")
        return NOT_DONE_YET
