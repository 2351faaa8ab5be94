"""Have the kernel notice a server that is gone without a word."""

from __future__ import annotations

import socket
from typing import Any

from twisted.protocols.tls import TLSMemoryBIOProtocol

# Seconds. What a server has not acknowledged for this long never arrived: the link came
# back with another address, a NAT forgot us. Left alone, Linux tries for 15 minutes.
UNACKNOWLEDGED = 60
# Of silence, until it is asked whether it is there (a long poll says nothing else).
ASK_AFTER, ASK_EVERY, ASK_TIMES = 60, 15, 4


def watch(transport: Any) -> None:
    """Let *transport*, TLS or not, be lost when its peer is."""
    while isinstance(transport, TLSMemoryBIOProtocol):
        transport = transport.transport
    handle = getattr(transport, "getHandle", lambda: None)()
    if not isinstance(handle, socket.socket) or not hasattr(socket, "TCP_USER_TIMEOUT"):
        return  # a test's
    try:
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            (socket.TCP_KEEPIDLE, ASK_AFTER),
            (socket.TCP_KEEPINTVL, ASK_EVERY),
            (socket.TCP_KEEPCNT, ASK_TIMES),
            (socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED * 1000),
        ):
            handle.setsockopt(socket.IPPROTO_TCP, option, value)
    except OSError:
        pass  # it is gone already, or not TCP
