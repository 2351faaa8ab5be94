"""One connection of the server: requests in, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.reader import RequestReader
from edgeproxy.http.requesthead import RequestHead
from edgeproxy.http.server.compose import refusal
from edgeproxy.http.server.upload import Upload
from edgeproxy.http.server.wire import BODY, BUSY, HEAD, IDLE, READ_AHEAD, STALLED, Wire

if TYPE_CHECKING:
    from edgeproxy.http.server.request import Request
    from edgeproxy.http.server.site import Site


class Channel(Wire):
    """Serves one connection: one request at a time, in the order they came.

    Further requests wait unparsed; when `READ_AHEAD` bytes of them wait, or when the
    peer does not read what it is sent, nothing more is read from it.
    """

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.head: RequestHead | None = None
        self.upload: Upload | None = None
        self.whole: bytes | None = None
        self._reader = RequestReader(site.limits, site.heads)
        self._request: Request | None = None
        self._serving = False

    # From the transport

    def connectionMade(self) -> None:
        super().connectionMade()
        self.site.opened(self)

    def _received(self, data: bytes) -> None:
        if self._successor is not None:
            self._successor.dataReceived(data)
            return
        if self._closing:
            return
        reader = self._reader
        reader.feed(data)
        if self._request is None:
            self._serve()
        elif self.upload is not None and self.upload.wanted:
            self.since = self.site.now
            self.upload.pump()
        if (
            (self._request is not None or self._choked)
            and self._reading
            and reader.pending > READ_AHEAD
        ):
            self._pause_reading()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.handle()
        self._closing = True
        try:
            self._lost(reason)
        finally:
            # Last of all: when this was the last one, the service may end.
            self.site.closed(self)

    def _lost(self, reason: Failure) -> None:
        if self._successor is not None:
            self._successor.connectionLost(reason)
            return
        request, self._request = self._request, None
        upload, self.upload = self.upload, None
        producer, self._producer = self._producer, None
        if upload is not None:
            upload.body.fail(reason)
        if producer is not None:
            producer.stopProducing()
        if request is not None:
            request.connectionLost(reason)
            self.site.abandoned(request)

    def pauseProducing(self) -> None:
        super().pauseProducing()
        if self.phase == BODY and not (self.upload is None or self.upload.wanted):
            # Answered early: that it can be choked again shows that it reads.
            self.since = self.site.now

    def resumeProducing(self) -> None:
        super().resumeProducing()
        if self._request is None:
            self._serve()

    # Requests, one after the other

    def _serve(self) -> None:
        """Start requests until one stays unanswered or no whole head is left."""
        if self._serving:
            return
        self._serving = True
        reader = self._reader
        try:
            while self._request is None and not (self._choked or self._closing):
                head = reader.head()
                if head is None:
                    self._await_head()
                    break
                self._begin(head)
                if self._reading and not reader.pending:
                    break
        except ProtocolError as error:
            self._refuse(error)
        finally:
            self._serving = False

    def _await_head(self) -> None:
        phase = IDLE if self._reader.between else HEAD
        if phase != self.phase:
            self.phase, self.since = phase, self.site.now
        if not self._reading:
            self._resume_reading()

    def _begin(self, head: RequestHead) -> None:
        self.site.requests += 1
        self.phase = BUSY
        self.head = head
        # All of the body came along with the head, if only because there is none.
        self.whole = self._reader.whole()
        if self.whole is None:
            self.upload = Upload(self, self._reader, head)
        self._request = request = self.site.requestFactory(self)
        request.process()

    def requestDone(self, request: Request, close: bool) -> None:
        """Go on to the next request, or close when *close* says so."""
        if request is not self._request:
            return
        self._request = self.head = None
        unread = False
        if self.upload is not None:
            upload, self.upload = self.upload, None
            unread = upload.unread
            if unread:
                error = ProtocolError(400, "9112 9.3", "answered before its end")
                upload.body.fail(Failure(error))
        self.site.answered(request)
        if close or self.site.draining:
            if unread:
                self._close(linger=True)
            else:
                self.loseConnection()
            return
        # It is not idle while it still reads what was written.
        self.phase = STALLED if self._choked else IDLE
        self.since = self.site.now
        if not self._serving and (self._reader.pending or not self._reading):
            self._serve()

    # From the upload

    def read_body(self) -> None:
        """Go on reading the body of the request that is being answered."""
        upload = self.upload
        if upload is None or self._request is None:
            return
        self.phase, self.since = BODY, self.site.now
        upload.pump()
        if self.phase == BODY and upload.wanted:
            self._resume_reading()

    def body_read(self) -> None:
        """Know that the body has been read to its end."""
        if self.phase == BODY:
            self.phase = BUSY

    def collected(self) -> None:
        """Let the request go on, which waited for its whole body."""
        if self._request is not None:
            self._request.collected()

    def write_continue(self, interim: bytes) -> None:
        """Send *interim* unless the response has begun."""
        if self._request is None or not self._request.startedWriting:
            self.write(interim)

    def upload_failed(self, upload: Upload, error: ProtocolError) -> None:
        """Answer *error*, unless whoever received the body has answered by now."""
        if self.upload is upload:
            self._refuse(error)

    # Closing

    def _refuse(self, error: ProtocolError) -> None:
        """Answer what is wrong with the request, if that can still be said; close."""
        self.site.refused += 1
        request, self._request = self._request, None
        self.upload = self.head = None
        if request is not None and request.startedWriting:
            self.abort()
        else:
            self.write(refusal(error, self.site.date))
            self._close(linger=True)
        if request is not None:
            request.refused(error)
            self.site.answered(request)

    def too_big(self) -> None:
        """Refuse the request for the size of its body."""
        self._refuse(ProtocolError(413, "9110 15.5.14", "body too big"))

    def _respondToBadRequestAndDisconnect(self) -> None:
        self._refuse(ProtocolError(400, "9110 15.5.1", "form data is malformed"))

    @property
    def must_close(self) -> bool:
        """Whether the connection cannot outlive the response that starts now."""
        assert self.head is not None
        upload = self.upload
        return (
            not self.head.keep_alive
            or self.site.draining
            or (upload is not None and upload.unread)
        )

    def close_if_idle(self) -> None:
        """Close unless a request is on its way or being answered."""
        if self._successor is not None:
            getattr(self._successor, "close", self.transport.loseConnection)()
        elif self._request is None and not self._closing and self._reader.between:
            self._close(linger=False)

    def timed_out(self) -> None:
        """End what took too long: say so where nothing was said yet, else abort."""
        if self.phase == IDLE:
            self._close(linger=False)
        elif self.phase == BODY and self.upload is not None:
            if self.upload.wanted:
                self.upload.fail(
                    ProtocolError(408, "9110 15.5.9", "body took too long")
                )
            elif self._choked and self.site.now - self.since > self.site.stalled:
                self.abort()  # answered early, and does not read that
        elif self.phase == HEAD:
            self._refuse(ProtocolError(408, "9110 15.5.9", "head took too long"))
        else:
            self.abort()

    def detach(self, protocol: IProtocol) -> None:
        """Hand the connection to *protocol*, with what was read beyond the head."""
        self._flush()
        self.transport.unregisterProducer()
        self._request = self.head = self.upload = None
        self.phase = BUSY
        self._resume_reading()
        self._hand_over(protocol, self._reader.rest())
