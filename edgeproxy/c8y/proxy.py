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
from edgeproxy.http.head import Fields
from edgeproxy.http.interfaces import IStreamingResource
from edgeproxy.http.pool import Pool
from edgeproxy.http.prepared import Prepared
from edgeproxy.http.requesthead import RequestHead

# Host is the tenant's; Content-Length and Expect are made anew with the body.
_NOT_FORWARDED = HOP_BY_HOP | {b"host", b"content-length", b"expect"}


# What goes upstream for a request, and whether as the device; or a refusal.
Plan = tuple[Prepared, bool] | tuple[int, Fields]


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
        head = request.head
        if head.follows is None or head.follows[0] is not self:
            head.follows = self, self._plan(head)
        first, second = head.follows[1]
        if type(first) is int:
            request.respond(first, None, second, b"")
        else:
            credential = self._credential if second else None
            Forward(self._upstream, credential, request, first).start()
        return NOT_DONE_YET

    def _plan(self, head: RequestHead) -> Plan:
        """Conclude from *head* alone what is done with its request."""
        target = upstream_target(head.uri)
        if head.method not in METHODS:
            # First, as the target of CONNECT is no path.
            return 405, [(b"Allow", b", ".join(METHODS))]
        if target is None:
            return 404, []
        as_device = not (authenticates_itself(head) or is_login(target))
        if as_device and is_web_ui(target):
            return 403, []
        fields = [self._host, *end_to_end(head, _NOT_FORWARDED)]
        prepared = Prepared(self._upstream.authority, head.method, target, fields)
        return prepared, as_device
