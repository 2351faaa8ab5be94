"""The /c8y door: which requests go to Cumulocity, and as whom."""

from __future__ import annotations

from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from edgeproxy.c8y.credential import IDeviceCredential
from edgeproxy.c8y.forward import Forward
from edgeproxy.c8y.routes import (
    METHODS,
    authenticates_itself,
    is_login,
    is_web_ui,
    upstream_target,
)
from edgeproxy.http.fields import HOP_BY_HOP, end_to_end
from edgeproxy.http.interfaces import IStreamingResource
from edgeproxy.http.pool import Pool

# Host is the tenant's; Content-Length and Expect are made anew with the body.
_NOT_FORWARDED = HOP_BY_HOP | {b"host", b"content-length", b"expect"}


@implementer(IStreamingResource)
class ProxyResource(Resource):
    """Everything below ``/c8y``; *host* is what Cumulocity knows the tenant by."""

    isLeaf = True
    streaming = True

    def __init__(
        self, upstream: Pool, credential: IDeviceCredential, host: bytes
    ) -> None:
        super().__init__()
        self._upstream = upstream
        self._credential = credential
        self._host = (b"Host", host)

    def render(self, request: Any) -> int:
        """Forward *request*, or answer it where it has no business at Cumulocity."""
        target = upstream_target(request.uri)
        if request.method not in METHODS:
            # First, as the target of CONNECT is no path.
            request.respond(405, None, [(b"Allow", b", ".join(METHODS))], b"")
        elif target is None:
            request.respond(404, None, [], b"")
        else:
            as_device = not (authenticates_itself(request.head) or is_login(target))
            if as_device and is_web_ui(target):
                request.respond(403, None, [], b"")
            else:
                fields = end_to_end(request.head, _NOT_FORWARDED)
                fields.insert(0, self._host)
                credential = self._credential if as_device else None
                Forward(self._upstream, credential, request, target, fields).start()
        return NOT_DONE_YET
