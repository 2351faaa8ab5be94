"""Why a request got no response."""

from __future__ import annotations

from twisted.internet.error import TimeoutError as TwistedTimeout


class RequestFailed(Exception):
    """There is no response, or none to the end.

    *sent* says whether the server may have seen, and acted on, any of the request.
    """

    def __init__(self, text: str, sent: bool) -> None:
        super().__init__(text)
        self.sent = sent


class ConnectionFailed(RequestFailed):
    """The connection ended, or did not come about; *reason* is Twisted's exception."""

    def __init__(self, reason: BaseException | None, sent: bool) -> None:
        super().__init__(str(reason) or "connection lost", sent)
        self.reason = reason


class Overloaded(RequestFailed):
    """As many requests as may be are waiting for a connection; answer 503."""


class TimedOut(RequestFailed, TwistedTimeout):
    """A deadline passed; *phase* is "queue", "connect", "head", "body" or "unread"."""

    def __init__(self, phase: str, sent: bool) -> None:
        super().__init__(f"timed out: {phase}", sent)
        self.phase = phase

    def __str__(self) -> str:
        return f"timed out: {self.phase}"
