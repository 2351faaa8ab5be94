"""The server's factory: what its connections share."""

from __future__ import annotations

import time
from collections.abc import Callable
from secrets import token_hex
from typing import Any

import attr
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.logger import Logger
from twisted.web import server
from twisted.web.resource import IResource, getChildForRequest

from edgeproxy.http.limits import Limits
from edgeproxy.http.memo import HeadMemo
from edgeproxy.http.requesthead import RequestHead
from edgeproxy.http.server.channel import Channel
from edgeproxy.http.server.compose import http_date
from edgeproxy.http.server.request import Request
from edgeproxy.http.server.wire import BODY, CLOSING, HEAD, IDLE, STALLED
from edgeproxy.http.turn import Turn

_log = Logger()

# In nginx's logs: the client closed the connection before there was a response.
CLIENT_LEFT = 499

# Seconds between two looks at all deadlines, and so the grain of time here.
SWEEP = 1.0


@attr.s(auto_attribs=True, frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long a connection may wait for its peer, in seconds."""

    # Longer than the 60 s after which most clients drop a connection themselves.
    idle: float = 75.0
    # For the whole head: whoever sends one byte now and then gets no further.
    head: float = 20.0
    # Between two pieces of a body that somebody wants.
    body: float = 60.0
    # Without any of our full send buffer being read.
    stalled: float = 300.0
    # For the peer to read our last words after an error.
    linger: float = 5.0


class Site(server.Site):
    """Serves a tree of `twisted.web` resources, as `twisted.web.server.Site` does.

    *max_content* is how many bytes of body a resource gets that does not stream; more
    is 413. *max_connections* are served at a time, others are closed at once.
    *default_content_type* is sent with responses that have none; None for none.
    *parse_forms*: whether the fields of posted forms are in ``request.args``.
    *access_log* is called with each request that was answered, or whose connection was
    lost before (`CLIENT_LEFT`). *wall* tells the time
    of day, for Date; deadlines count the reactor's time in sweeps, so that setting the
    clock ends no connection. With a *turn*, requests are handled together with what
    else has arrived; without, each as it comes.

    *requests*, *refused* (what was not HTTP, or too big, or too slow) and
    *turned_away* (connections) only grow; *open_connections* is of now.
    """

    noisy = False
    requestFactory: Any = Request

    def __init__(
        self,
        resource: IResource,
        requestFactory: Callable[[Channel], Request] | None = None,
        *,
        reactor: Any,
        limits: Limits | None = None,
        deadlines: Deadlines | None = None,
        max_content: int = 10 * 1024 * 1024,
        max_connections: int = 10_000,
        default_content_type: bytes | None = b"text/html",
        parse_forms: bool = True,
        access_log: Callable[[Request], None] | None = None,
        wall: Callable[[], float] = time.time,
        turn: Turn | None = None,
    ) -> None:
        super().__init__(resource, requestFactory, reactor=reactor)
        self.reactor = reactor
        self.limits = limits or Limits()
        self.max_content = max_content
        self.max_connections = max_connections
        self.default_content_type = default_content_type
        self.parse_forms = parse_forms
        self.access_log = access_log
        self.wall = wall
        self.turn = turn
        self.heads: HeadMemo[RequestHead] = HeadMemo()
        self.now = 0.0
        self.date = b""
        self.draining = False
        self.run = token_hex(3)
        self.requests = self.refused = self.turned_away = 0
        self._channels: set[Channel] = set()
        self._call: IDelayedCall | None = None
        self._drained: list[Deferred[None]] = []
        allowed = deadlines or Deadlines()
        self.stalled = allowed.stalled
        self._allowed = [float("inf")] * 6
        self._allowed[IDLE], self._allowed[HEAD] = allowed.idle, allowed.head
        self._allowed[BODY], self._allowed[STALLED] = allowed.body, allowed.stalled
        self._allowed[CLOSING] = allowed.linger

    # As a factory

    def startFactory(self) -> None:
        self.draining = False

    def stopFactory(self) -> None:
        """Answer what is in flight, close what is idle: the port has closed."""
        self.draining = True
        for channel in list(self._channels):
            channel.close_if_idle()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if self.draining or len(self._channels) >= self.max_connections:
            self.turned_away += 1
            return None
        return Channel(self)

    def acceptableProtocols(self) -> list[bytes]:
        return [b"http/1.1", b"http/1.0"]

    def getResourceFor(self, request: Any) -> Any:
        if self.resource.isLeaf:
            return self.resource
        request.sitepath = request.prepath[:]
        return getChildForRequest(self.resource, request)

    def log(self, request: Any) -> None:
        if self.access_log is not None:
            self.access_log(request)

    def drain(self, timeout: float) -> Deferred[None]:
        """Finish what is in flight and fire once no connection is left.

        Whatever has not ended after *timeout* seconds is aborted. The listening port is
        its owner's to close.
        """
        self.stopFactory()
        done: Deferred[None] = Deferred()
        if not self._channels:
            done.callback(None)
            return done
        self._drained.append(done)
        call = self.reactor.callLater(timeout, self._abort_all)

        def cancel(result: None) -> None:
            if call.active():
                call.cancel()

        return done.addCallback(cancel)

    def _abort_all(self) -> None:
        for channel in list(self._channels):
            channel.abort()

    # From the channels

    @property
    def open_connections(self) -> int:
        """How many connections there are now."""
        return len(self._channels)

    def opened(self, channel: Channel) -> None:
        """Know of a new connection."""
        if self._call is None:
            self._tick()
        channel.since = self.now
        self._channels.add(channel)

    def closed(self, channel: Channel) -> None:
        """Know that a connection has ended."""
        self._channels.discard(channel)
        if not self._channels:
            if self._call is not None:
                self._call.cancel()
                self._call = None
            waiting, self._drained = self._drained, []
            for deferred in waiting:
                deferred.callback(None)

    def answered(self, request: Request) -> None:
        """Know that a request has got its response, or never will."""
        if self.access_log is not None:
            try:
                self.access_log(request)
            except Exception:
                _log.failure("access log")

    def abandoned(self, request: Request) -> None:
        """Know that the connection was lost before all of the response was written.

        Where nothing was, the status is `CLIENT_LEFT`, which nobody is sent.
        """
        if not request.startedWriting:
            request.code = CLIENT_LEFT
        self.answered(request)

    def _tick(self) -> None:
        self.now += SWEEP
        self.date = http_date(self.wall())
        self._call = self.reactor.callLater(SWEEP, self._sweep)

    def _sweep(self) -> None:
        self._tick()
        now, allowed = self.now, self._allowed
        # A stamp is up to one sweep older than what it stamps: never end early.
        late = [c for c in self._channels if now - c.since > allowed[c.phase]]
        for channel in late:
            channel.timed_out()
