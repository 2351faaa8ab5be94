"""What becomes of a request, concluded from its head alone."""

from __future__ import annotations

import attrs

from edgeproxy.c8y.routes import (
    REFUSED_METHODS,
    USUAL_METHODS,
    authenticates_itself,
    is_login,
    is_web_ui,
    upstream_target,
)
from edgeproxy.http.client.prepared import Prepared
from edgeproxy.http.fields import HOP_BY_HOP, end_to_end
from edgeproxy.http.foreign import OwnNames
from edgeproxy.http.head import Fields, connection_options
from edgeproxy.http.requesthead import RequestHead

# Host is the tenant's; Content-Length and Expect are made anew with the body.
_NOT_FORWARDED = HOP_BY_HOP | {b"host", b"content-length", b"expect"}

_TEXT = (b"Content-Type", b"text/plain; charset=utf-8")

FOREIGN = (
    b"This request would act as the device, and Host, Origin or Sec-Fetch-Site say "
    b"that a web page of somebody else is behind it. Where this machine has another "
    b"name, set c8y.proxy.client.host to that.\n"
)


@attrs.frozen
class Refusal:
    """The request is answered here and now."""

    status: int
    fields: Fields = attrs.field(factory=list)
    body: bytes = b""


@attrs.frozen
class Plan:
    """The request goes upstream as *prepared*, and *as_device* or as who it says.

    *tunnels*: it asks for a WebSocket.
    """

    prepared: Prepared
    as_device: bool
    tunnels: bool = False


class Planner:
    """Plans requests for the tenant with this *authority*, called *host* there.

    *own* are the names of this machine, *scheme* the one that the door is asked under.
    """

    def __init__(
        self, authority: bytes, host: bytes, own: OwnNames, scheme: bytes
    ) -> None:
        self._authority = authority
        self._host = (b"Host", host)
        self._own = own
        self._scheme = scheme

    def plan(self, head: RequestHead) -> Plan | Refusal:
        """Return what becomes of the request with *head*."""
        if {head.method, effective_method(head)} & REFUSED_METHODS:
            # First, as the target of CONNECT is no path.
            return Refusal(405, [(b"Allow", b", ".join(USUAL_METHODS))])
        target = upstream_target(head.uri)
        if target is None:
            return Refusal(404)
        as_device = not (authenticates_itself(head) or is_login(target))
        if as_device:
            if is_web_ui(target):
                return Refusal(403)
            if self._own.is_foreign(head, self._scheme):
                return Refusal(403, [_TEXT], FOREIGN)
        fields = [self._host, *end_to_end(head, _NOT_FORWARDED)]
        tunnels = asks_for_websocket(head)
        if tunnels:
            fields += [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
        prepared = Prepared(self._authority, head.method, target, fields)
        return Plan(prepared, as_device, tunnels)


def effective_method(head: RequestHead) -> bytes:
    """Return the method that is executed (seed 001, limited HTTP clients)."""
    if head.method != b"POST":
        return head.method
    return head.index.get(b"x-http-method", head.method).upper()


def asks_for_websocket(head: RequestHead) -> bool:
    """Say whether the request is the client's half of a handshake (RFC 6455, 4.1)."""
    index = head.index
    return (
        head.method == b"GET"
        and head.minor == 1
        and index.get(b"upgrade", b"").lower() == b"websocket"
        and b"upgrade" in connection_options(index.get(b"connection", b""))
        and not head.length
    )
