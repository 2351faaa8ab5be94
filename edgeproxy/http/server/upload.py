"""The body of one request while it arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.python.failure import Failure

from edgeproxy.http.body import Body
from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.head import CHUNKED
from edgeproxy.http.reader import END, RequestReader
from edgeproxy.http.requesthead import RequestHead

if TYPE_CHECKING:
    from edgeproxy.http.server.channel import Channel

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Upload:
    """Moves a request's body from the channel's reader to its receiver.

    *unread* is true until the end has been read: a connection whose request was
    answered before that cannot carry another one.
    """

    __slots__ = ("_channel", "_collecting", "_expected", "_pumping", "_reader", "body",
                 "unread")  # fmt: skip

    def __init__(
        self, channel: Channel, reader: RequestReader, head: RequestHead
    ) -> None:
        self._channel = channel
        self._reader = reader
        self._expected = head.expect_continue
        self._collecting = False
        self._pumping = False
        self.unread = True
        self.body = Body(self, None if head.length == CHUNKED else head.length)
        # What came along with the head; often that is all of it.
        while (event := reader.next()) is not None:
            if event is END:
                self.unread = False
                self.body.end(reader.trailers)
                break
            assert isinstance(event, bytes)
            self.body.push(event)

    @property
    def wanted(self) -> bool:
        """Whether what arrives now is taken at once."""
        return self._collecting or self.body.wants

    def collect(self, limit: int) -> None:
        """Read all of the body, as nobody streams it; 413 beyond *limit* bytes.

        `Request.collected` follows, from within when everything is here already.
        """
        self._collecting = True
        if max(self.body.length or 0, self.body.received) > limit:
            self.fail(ProtocolError(413, "9110 15.5.14", "body too big"))
            return
        if not self.unread:
            self._collecting = False
            self._channel.collected()
            return
        self.body_wanted()
        self._channel.read_body()

    def pump(self) -> None:
        """Pass on what is in the reader, as long as somebody takes it."""
        if self._pumping:
            return
        self._pumping = True
        body = self.body
        try:
            while self.wanted and self.unread:
                event = self._reader.next()
                if event is None:
                    break
                if event is END:
                    self._ended()
                    break
                assert isinstance(event, bytes)
                body.push(event)
                if self._collecting and body.received > self._channel.site.max_content:
                    raise ProtocolError(413, "9110 15.5.14", "body too big")
        except ProtocolError as error:
            self.fail(error)
        finally:
            self._pumping = False

    def _ended(self) -> None:
        self.unread = False
        self._channel.body_read()
        self.body.end(self._reader.trailers)
        if self._collecting:
            self._collecting = False
            self._channel.collected()

    def fail(self, error: ProtocolError) -> None:
        """End the body with *error*; whoever receives it may still answer."""
        self._collecting = False
        self.body.fail(Failure(error))
        self._channel.upload_failed(self, error)

    # As the source of a Body

    def body_wanted(self) -> None:
        """Send 100 (Continue) if the client waits for it (RFC 9110 section 10.1.1)."""
        if self._expected and not self.body.received:
            self._expected = False
            self._channel.write_continue(CONTINUE)

    def body_resumed(self) -> None:
        """Read on: what is held first, then from the peer."""
        self._channel.read_body()

    def body_stopped(self) -> None:
        """Do nothing yet: the answer will close the connection."""
