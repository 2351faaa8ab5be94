"""Writing to a TCP socket at once instead of on the reactor's next turn.

A Twisted transport queues what is written, asks the reactor to be told when the socket
is writable and sends then: two system calls and a turn of the loop for something that
nearly always could have been sent on the spot. `writer` does that, and leaves
everything else to the transport. See docs/decisions/0005-immediate-socket-writes.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.tcp import Connection
from twisted.protocols.tls import TLSMemoryBIOProtocol

if TYPE_CHECKING:
    from edgeproxy.http.turn import Turn

Write = Callable[[bytes], None]
Flush = Callable[[], None]

# As much as the transport itself sends in one go (`FileDescriptor.SEND_LIMIT`).
AT_ONCE = 128 * 1024

# What is read of the transport besides public names; present in Twisted 22.4 to 26.10.
_PRIVATE = ("dataBuffer", "_tempDataBuffer", "_writeDisconnected")


def turned(transport: Any, turn: Turn | None) -> tuple[Write, Flush]:
    """Return what to call instead of ``transport.write``, and what flushes it.

    What is written while *turn* handles what has arrived is sent when all of that is
    done, in one piece. Flushing sends it at once: before the connection is closed, say.
    """
    now = writer(transport)
    if turn is None:
        return now, _nothing
    outbox = _Outbox(turn, now)
    return outbox.write, outbox.flush


class _Outbox:
    """What one connection has written in this turn."""

    __slots__ = ("_now", "_turn", "_waiting")

    def __init__(self, turn: Turn, now: Write) -> None:
        self._turn, self._now = turn, now
        self._waiting: bytes | list[bytes] = b""

    def write(self, data: bytes) -> None:
        waiting = self._waiting
        if not self._turn.handling:
            if waiting:
                self.flush()
            self._now(data)
        elif not waiting:
            self._waiting = data
            if data:
                self._turn.outgoing.append(self.flush)
        elif type(waiting) is list:
            waiting.append(data)
        else:
            assert isinstance(waiting, bytes)
            self._waiting = [waiting, data]

    def flush(self) -> None:
        waiting = self._waiting
        if waiting:
            self._waiting = b""
            self._now(waiting if isinstance(waiting, bytes) else b"".join(waiting))


def _nothing() -> None:
    """Flush what writes at once."""


def writer(transport: Any) -> Write:
    """Return what to call instead of ``transport.write``, to write at once.

    It is ``transport.write`` itself unless *transport* is a TCP connection of Twisted's
    own whose insides are as expected. TLS over such a connection is given this way of
    writing too: its records leave as they are made.
    """
    if isinstance(transport, TLSMemoryBIOProtocol):
        below = transport.transport
        if isinstance(below, Connection) and "write" not in vars(below):
            below.write = writer(below)  # type: ignore[method-assign]
        return transport.write
    if (
        not isinstance(transport, Connection)
        or getattr(transport, "TLS", False)
        or not all(hasattr(transport, name) for name in _PRIVATE)
    ):
        write: Write = transport.write
        return write
    queue = transport.write
    send = transport.socket.send

    def write_now(data: bytes) -> None:
        # What was queued goes first, a transport that is closing has its own ways, and
        # what will not fit anyway is not copied twice.
        if (
            len(data) > AT_ONCE
            or transport._tempDataBuffer
            or transport.dataBuffer
            or not transport.connected
            or transport.disconnecting
            or transport._writeDisconnected
        ):
            queue(data)
            return
        try:
            sent = send(data)
        except OSError:
            # EAGAIN: the socket is full. Anything else: the transport meets the same
            # error on its next turn and reports it where errors are expected.
            sent = 0
        if sent < len(data):
            queue(data[sent:] if sent else data)

    return write_now
