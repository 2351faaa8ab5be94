"""Responses as callers of the pool see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IProtocol

from edgeproxy.http.body import Body, Receiver
from edgeproxy.http.head import Fields
from edgeproxy.http.responsehead import ResponseHead

if TYPE_CHECKING:
    from edgeproxy.http.client.connection import Connection


class Response:
    """A final response, its body still on the way or already here.

    *fields* are in wire order with their case. The body flows when `deliver` is called;
    a response that nobody reads keeps its connection from others and is aborted after
    a while.
    """

    __slots__ = ("_body", "_connection", "_whole", "fields", "head", "reason", "status")

    def __init__(
        self, head: ResponseHead, body: Body | bytes, connection: Connection
    ) -> None:
        self.head = head
        self.status = head.status
        self.reason = head.reason
        self.fields: Fields = head.fields
        self._connection = connection
        self._whole: bytes | None = None
        self._body: Body | None = None
        if isinstance(body, Body):
            self._body = body
        else:
            self._whole = body

    @property
    def body(self) -> Body:
        """The body; one that arrived whole becomes an object when it is asked for."""
        if self._body is None:
            self._body = Body.whole(self._whole or b"")
            self._whole = None
        return self._body

    @property
    def transport(self) -> Any:
        """The connection's transport: for addresses and certificates, not to use."""
        return self._connection.transport

    def get(self, name: bytes) -> bytes | None:
        """Return the last value of the field *name*, given in lower case."""
        return self.head.index.get(name)

    @property
    def length(self) -> int | None:
        """How many bytes the body has; None when only its end tells."""
        return self.body.length

    def take(self) -> bytes | None:
        """Return the whole body if it is here, as small ones are; else None."""
        whole = self._whole
        if whole is not None:
            self._whole = b""
            return whole
        return self.body.take()

    def deliver(self, receiver: Receiver) -> None:
        """Pass the body to *receiver* (`interfaces.IBodyReceiver`) as it arrives."""
        self.body.deliver(receiver)

    def abort(self) -> None:
        """Give the rest up, and the connection unless the body is complete."""
        self.body.stopProducing()

    def detach(self, protocol: IProtocol) -> None:
        """After 101, or 2xx to CONNECT: hand the connection over to *protocol*.

        It is connected to the transport and given the bytes that followed the head. The
        connection counts no longer.
        """
        self._connection.detach(self, protocol)
