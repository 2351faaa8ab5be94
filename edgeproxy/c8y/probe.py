"""Makes sure of the device's credential before a body that can be sent only once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from edgeproxy.c8y.credential import IDeviceCredential
from edgeproxy.http.client.pool import Pool
from edgeproxy.http.client.prepared import Prepared, field_line
from edgeproxy.http.client.response import Response

# Seconds; it stands before somebody's upload.
PATIENCE = 15.0


class Probe:
    """Asks *upstream* for something small as the device, with *credential*.

    thin-edge does the same before it streams. A token is revoked by more than its age:
    by a logout, by the loss of a permission, by a request for the web UI.
    """

    def __init__(self, upstream: Pool, credential: IDeviceCredential) -> None:
        self._upstream = upstream
        self._credential = credential
        self._prepared = Prepared(
            upstream.authority, b"HEAD", b"/tenant/currentTenant", []
        )
        self._done: Deferred[bytes] = Deferred(lambda _: self._cancel())
        self._cancel: Callable[[], None] = lambda: None
        self._authorization = b""
        self._refreshed = False

    def start(self) -> Deferred[bytes]:
        """Return the authorization to send; fails as fetching it or asking does."""
        current = self._credential.current
        if current is not None:
            self._ask(current)
        else:
            fetched = self._credential.fetch()
            self._cancel = fetched.cancel
            fetched.addCallbacks(self._ask, self._done.errback)
        return self._done

    def _ask(self, authorization: bytes) -> None:
        self._authorization = authorization
        exchange = self._upstream.send(
            self._prepared,
            None,
            self,
            extra=field_line(b"Authorization", authorization),
            head_timeout=PATIENCE,
        )
        self._cancel = exchange.cancel

    def responded(self, response: Response) -> None:
        """Take the answer: only a 401 says anything about the credential."""
        self._cancel = response.abort
        response.abort()
        if response.status != 401 or self._refreshed:
            self._done.callback(self._authorization)
            return
        self._refreshed = True
        refused = self._credential.refused(self._authorization)
        self._cancel = refused.cancel
        refused.addCallbacks(self._fresher, self._done.errback)

    def _fresher(self, authorization: bytes | None) -> None:
        # Without another one the upload gets the 401 that it would have got anyway.
        self._done.callback(authorization or self._authorization)

    def failed(self, reason: Any) -> None:
        """Take the news that there is no answer: there would be none to the upload."""
        self._done.errback(reason)
