"""Asks a resource in memory: bytes in, bytes out, over the site that doors run on."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.web.resource import Resource

from edgeproxy.http.server.site import Site
from tests.http.wires import Wire


class Exchange:
    """One connection to *resource*."""

    def __init__(self, resource: Resource) -> None:
        self.clock = Clock()
        site = Site(
            resource,
            reactor=self.clock,
            default_content_type=None,
            parse_forms=False,
        )
        self.channel: Any = site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 4))
        self.transport = Wire()
        self.channel.makeConnection(self.transport)

    def ask(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request and return what has come back so far."""
        self.transport.clear()
        fields = {"Host": "localhost", **(headers or {})}
        if body:
            fields["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.channel.dataReceived(
            f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body
        )
        return self.answer()

    def answer(self) -> Answer:
        """Return what has come back since the last request."""
        return Answer(self.transport.value())

    def leave(self) -> None:
        """Close the client's side."""
        from twisted.internet.error import ConnectionLost
        from twisted.python.failure import Failure

        self.channel.connectionLost(Failure(ConnectionLost()))


class Answer:
    """A response as it came over the wire."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        self.line = line.removeprefix("HTTP/1.1 ")
        self.status = int(self.line[:3]) if self.line[:3].isdigit() else 0
        self.fields = [
            (name.lower(), value.strip())
            for name, _, value in (field.partition(":") for field in fields)
        ]

    def __getitem__(self, name: str) -> str | None:
        """Return the values of a field, joined; None without any."""
        values = [value for found, value in self.fields if found == name]
        return ", ".join(values) if values else None
