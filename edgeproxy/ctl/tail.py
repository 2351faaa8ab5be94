"""``edgeproxyctl tail``: shows messages as they come."""

from __future__ import annotations

import argparse
import base64
import json
import sys
from datetime import UTC, datetime
from typing import Any

import proton
from proton.handlers import MessagingHandler
from proton.reactor import Backoff, Container, Copy

from edgeproxy.config.load import Loaded
from edgeproxy.ctl.failure import CommandFailed
from edgeproxy.ctl.listener import add_login_to, login, url_of
from edgeproxy.registry.demo import TENANT


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "tail",
        help="show messages as they come",
        description="Shows what passes and takes nothing, unless --consume is given. "
        "Goes on when the service restarts; ends with Ctrl-C.",
    )
    command.add_argument("kind", choices=["telemetry", "event"])
    command.add_argument(
        "--tenant", default=TENANT, help="whose messages (default: %(default)s)"
    )
    command.add_argument("--json", action="store_true", help="one object a line")
    command.add_argument(
        "--consume",
        action="store_true",
        help="be a consumer: accept the messages, so that nobody else gets them",
    )
    add_login_to(command)
    command.set_defaults(run=tail)


def tail(loaded: Loaded, options: argparse.Namespace) -> int:
    """Print messages until interrupted."""
    tailer = _Tailer(url_of(loaded), options, login(loaded, options))
    Container(tailer).run()
    if tailer.refused is not None:
        raise CommandFailed(tailer.refused)
    return 0


class _Tailer(MessagingHandler):  # type: ignore[misc]
    """Receives from one address and prints; proton's own container reconnects."""

    def __init__(
        self, url: str, options: argparse.Namespace, login: dict[str, Any]
    ) -> None:
        super().__init__(prefetch=100, auto_accept=options.consume)
        self._url, self._options, self._login = url, options, login
        self._address = f"{options.kind}/{options.tenant}"
        self.refused: str | None = None

    def on_start(self, event: Any) -> None:
        connection = event.container.connect(
            self._url, reconnect=Backoff(initial=0.1, max_delay=2.0), **self._login
        )
        mode = None if self._options.consume else Copy()
        event.container.create_receiver(connection, self._address, options=mode)

    def on_link_opened(self, event: Any) -> None:
        verb = "consuming" if self._options.consume else "watching"
        self._say(f"{verb} {self._address} at {self._url}; Ctrl-C ends it")

    def on_disconnected(self, event: Any) -> None:
        self._say(f"connection to {self._url} lost; trying again")

    def on_transport_error(self, event: Any) -> None:
        condition = event.transport.condition
        if condition is not None and condition.name == "amqp:unauthorized-access":
            self._end(event, "the listener refuses this login; see --username")

    def on_link_error(self, event: Any) -> None:
        condition = event.link.remote_condition
        self._end(event, f"{condition.name}: {condition.description}")

    def on_message(self, event: Any) -> None:
        show = _as_json if self._options.json else _as_line
        print(show(event.message), flush=True)

    def _end(self, event: Any, reason: str) -> None:
        self.refused = reason
        event.container.stop()

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def _created(message: proton.Message) -> datetime:
    return datetime.fromtimestamp(message.creation_time or 0, UTC)


def _payload(message: proton.Message) -> bytes:
    body = message.body
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else bytes(body)


def _plain(value: Any) -> Any:
    """Return *value* without proton's type, which its text would name: int32(1)."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return int(value) if is_number else value


def _as_line(message: proton.Message) -> str:
    properties = dict(message.properties or {})
    device = properties.pop("device_id", "?")
    extra = " ".join(f"{name}={_plain(value)}" for name, value in properties.items())
    when = _created(message).astimezone().isoformat(timespec="seconds")
    text = _payload(message).decode("utf-8", "backslashreplace")
    return f"{when} {device} [{message.content_type or '-'}] {text}  {extra}"


def _as_json(message: proton.Message) -> str:
    payload = _payload(message)
    shown: dict[str, Any] = {
        "address": message.address,
        "content_type": message.content_type,
        "creation_time": _created(message).isoformat(timespec="milliseconds"),
        "properties": dict(message.properties or {}),
    }
    try:
        shown["payload"] = payload.decode("utf-8")
    except UnicodeDecodeError:
        shown["payload_base64"] = base64.b64encode(payload).decode("ascii")
    return json.dumps(shown)
