"""Commands from applications, read from AMQP messages (facts of Hono, §6.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import proton

from edgeproxy.amqp.outcome import Outcome, State
from edgeproxy.messaging.message import COMMAND, COMMAND_RESPONSE

BAD_REQUEST = "hono:bad-request"

# Characters of correlation id and reply id together: both travel in a URI.
MOST_ID = 1000

# What becomes a header field of a response: no control characters.
_FIELD = re.compile(r"[^\x00-\x1f\x7f]+")


@attrs.frozen
class Command:
    """A command called *name* for a device.

    *reply_id* and *correlation_id* are None for a one-way command, to which nobody
    expects a response.
    """

    tenant_id: str
    device_id: str
    name: str
    payload: bytes
    content_type: str | None = None
    reply_id: str | None = None
    correlation_id: str | None = None


# Gives a command to a device and tells by the outcome what became of it.
OnCommand = Callable[[Command, Callable[[Outcome], None]], None]


class Malformed(Exception):
    """The message is no command; *outcome* is what its sender is told."""

    def __init__(self, description: str, condition: str = BAD_REQUEST) -> None:
        self.outcome = Outcome(State.REJECTED, condition, description)
        super().__init__(description)


def read_command(encoded: bytes, tenant_id: str, device_id: str | None) -> Command:
    """Return the command in an AMQP message, or raise `Malformed`.

    It came over a link to ``command/TENANT``, or to that of the one *device_id*.
    """
    if not encoded:
        raise Malformed("malformed command message")  # proton would end the process
    try:
        return _read(encoded, tenant_id, device_id)
    except (proton.ProtonException, ValueError, TypeError, OverflowError):
        # Proton looks at some fields only when they are asked for.
        raise Malformed("malformed command message") from None


def _read(encoded: bytes, tenant_id: str, device_id: str | None) -> Command:
    message = proton.Message()
    message.decode(encoded)
    # Proton says "None" where there is none.
    name, content_type = message.subject, str(message.content_type)
    if not isinstance(name, str) or not _FIELD.fullmatch(name):
        raise Malformed("malformed command message: needs a subject")
    if not (content_type.isascii() and _FIELD.fullmatch(content_type or "None")):
        raise Malformed("malformed command message: content type")
    device = _device(message.address, tenant_id, device_id)
    reply_id, correlation_id = _reply(message, tenant_id)
    return Command(
        tenant_id,
        device,
        name,
        _payload(message, encoded),
        None if content_type in ("None", "") else content_type,
        reply_id,
        correlation_id,
    )


def _device(address: str | None, tenant_id: str, device_id: str | None) -> str:
    """Return the device that the message's *address* names."""
    if not address and device_id is not None:
        return device_id
    kind, _, rest = (address or "").partition("/")
    tenant, _, device = rest.partition("/")
    if kind != COMMAND or not device:
        raise Malformed("malformed command message: to must be command/TENANT/DEVICE")
    if tenant != tenant_id or device_id not in (None, device):
        description = "to is not of the link's tenant or device"
        raise Malformed(description, "amqp:unauthorized-access")
    return device


def _reply(message: Any, tenant_id: str) -> tuple[str | None, str | None]:
    """Return reply id and correlation id; None of each for a one-way command."""
    if not message.reply_to:
        return None, None
    prefix = f"{COMMAND_RESPONSE}/{tenant_id}/"
    reply_id = message.reply_to.removeprefix(prefix)
    if reply_id in ("", message.reply_to):
        raise Malformed(f"malformed command message: reply-to must be {prefix}…")
    correlation_id = message.correlation_id
    if correlation_id is None:
        correlation_id = message.id
    if not isinstance(correlation_id, str) or not correlation_id:
        raise Malformed("malformed command message: needs correlation-id or message-id")
    if len(reply_id) + len(correlation_id) > MOST_ID:
        raise Malformed("malformed command message: ids are too long")
    return reply_id, correlation_id


def _payload(message: Any, encoded: bytes) -> bytes:
    body = message.body
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray | memoryview):
        # Of several data sections (part 3, §3.2.6) proton has the last one only.
        return b"".join(_data_sections(encoded)) or bytes(body)
    raise Malformed("malformed command message: unsupported body type")


def _data_sections(encoded: bytes) -> Iterator[bytes]:
    """Yield what is in the data sections of a message that proton has read."""
    data = proton.Data()
    while encoded:
        data.clear()
        used = data.decode(encoded)
        if used <= 0:
            break
        encoded = encoded[used:]
        data.rewind()
        data.next()
        data.enter()
        data.next()
        descriptor = data.get_object()
        data.next()
        if descriptor in (0x75, "amqp:data:binary"):
            yield bytes(data.get_binary())
