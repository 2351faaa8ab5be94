"""The SASL layer of the listener, in front of proton's engine.

Proton's own SASL server offers neither PLAIN nor a way to ask somebody else, so this
speaks the layer itself (AMQP 1.0, part 5, §5.3): protocol header, mechanisms, init,
outcome. Sans-IO: bytes in; bytes and credentials out.
"""

from __future__ import annotations

import struct
from typing import Any

import attrs
import proton

SASL_HEADER = b"AMQP\x03\x01\x00\x00"

# Descriptors of the frame bodies, part 5, §5.3.3.
_MECHANISMS, _INIT, _OUTCOME = 0x40, 0x41, 0x44

# Part 5, §5.3.1: the negotiated maximum frame size does not apply to SASL frames;
# each fits in MIN-MAX-FRAME-SIZE.
MAX_FRAME = 512

OK, AUTH_FAILED, SYSTEM_ERROR = 0, 1, 2  # sasl-code, §5.3.3.6


class SaslError(Exception):
    """The peer does not speak the SASL layer; the connection is of no use."""


@attrs.frozen
class Plain:
    """A name and a password (RFC 4616)."""

    username: bytes
    password: bytes = attrs.field(repr=False)


@attrs.frozen
class Anonymous:
    """No credentials at all (RFC 4505)."""


@attrs.frozen
class External:
    """Whoever the layer below says it is (RFC 4422, appendix A).

    *authorization_id* is who the peer wants to act as; empty: as itself.
    """

    authorization_id: bytes


SaslCredentials = Plain | Anonymous | External


class SaslServer:
    """The listener's side of the layer; offers *mechanisms*, such as ``PLAIN``."""

    def __init__(self, mechanisms: list[str]) -> None:
        self._offered = mechanisms
        self._buffer = b""
        self._greeted = False

    def receive(self, data: bytes) -> tuple[bytes, SaslCredentials | None]:
        """Take *data*; return what to send, and the credentials once they are there.

        Raises `SaslError`; what it carries in ``args[0]`` may be sent before closing.
        """
        self._buffer += data
        reply = b""
        if not self._greeted:
            if len(self._buffer) < len(SASL_HEADER):
                if not SASL_HEADER.startswith(self._buffer[:4]):
                    raise SaslError(SASL_HEADER)
                return b"", None
            if not self._buffer.startswith(SASL_HEADER):
                # Part 2, §2.2: answer with the header that we would accept.
                raise SaslError(SASL_HEADER)
            self._buffer = self._buffer[len(SASL_HEADER) :]
            self._greeted = True
            symbols = proton.Array(
                proton.UNDESCRIBED,
                proton.Data.SYMBOL,
                *(proton.symbol(name) for name in self._offered),
            )
            reply = SASL_HEADER + _frame(_MECHANISMS, [symbols])
        body = self._next_frame()
        return reply, None if body is None else self._credentials(body)

    def outcome(self, code: int) -> bytes:
        """Return the frame that ends the layer with *code*."""
        return _frame(_OUTCOME, [proton.ubyte(code)])

    def hold(self, data: bytes) -> None:
        """Keep what a peer sends ahead of the outcome."""
        self._buffer += data

    def rest(self) -> bytes:
        """Return what the peer sent after its last frame: it is for the next layer."""
        rest, self._buffer = self._buffer, b""
        return rest

    def _next_frame(self) -> bytes | None:
        if len(self._buffer) < 8:
            return None
        size, offset, kind = struct.unpack_from(">IBB", self._buffer)
        if not 8 <= size <= MAX_FRAME or kind != 1 or not 8 <= offset * 4 <= size:
            raise SaslError(b"")
        if len(self._buffer) < size:
            return None
        body, self._buffer = self._buffer[offset * 4 : size], self._buffer[size:]
        return body

    def _credentials(self, body: bytes) -> SaslCredentials:
        fields = _described(body, _INIT)
        mechanism = str(fields[0])
        response = fields[1] if len(fields) > 1 else b""
        if mechanism not in self._offered:
            raise SaslError(self.outcome(AUTH_FAILED))
        if mechanism == "ANONYMOUS":
            return Anonymous()
        if mechanism == "EXTERNAL":
            return External(response if isinstance(response, bytes) else b"")
        parts = response.split(b"\0") if isinstance(response, bytes) else []
        if len(parts) != 3:
            raise SaslError(self.outcome(AUTH_FAILED))
        return Plain(parts[1], parts[2])


def _described(body: bytes, code: int) -> list[Any]:
    """Return the list in *body*, which must be described by *code*."""
    data = proton.Data()
    try:
        if data.decode(body) != len(body):
            raise SaslError(b"")
        data.rewind()
        data.next()
        found = data.get_object()
    except (proton.ProtonException, OverflowError, TypeError, ValueError):
        raise SaslError(b"") from None
    if (
        not isinstance(found, proton.Described)
        or found.descriptor != code
        or not isinstance(found.value, list)
        or not found.value
    ):
        raise SaslError(b"")
    # Newer protons give views of memory that *data* owns: copy while it lives.
    return [bytes(v) if isinstance(v, memoryview) else v for v in found.value]


def _frame(code: int, fields: list[Any]) -> bytes:
    data = proton.Data()
    data.put_object(proton.Described(proton.ulong(code), fields))
    body = bytes(data.encode())
    return struct.pack(">IBBH", len(body) + 8, 2, 1, 0) + body
