"""The Hono door's resource: telemetry and events of devices and gateways."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from edgeproxy.hono.publication import Publication
from edgeproxy.http.interfaces import IStreamingResource
from edgeproxy.messaging.network import INetwork
from edgeproxy.portal.remembered import RememberedLogins
from edgeproxy.registry.assertion import Assertion

Assert = Callable[[str, str, str | None], Assertion]


@implementer(IStreamingResource)
class HonoResource(Resource):
    """Everything that devices publish to.

    *logins* turns credentials into a `Device` (None: nobody logs in), *assertion*
    vouches for a tenant's device and perhaps its gateway, *network* takes the
    messages. *max_payload* is in bytes, *realm* is for WWW-Authenticate.
    """

    isLeaf = True
    streaming = True

    def __init__(
        self,
        logins: RememberedLogins | None,
        assertion: Assert,
        network: INetwork,
        max_payload: int,
        realm: str,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.logins = logins
        self.assertion = assertion
        self.network = network
        self.max_payload = max_payload
        quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
        self.challenge = (b"WWW-Authenticate", f'Basic realm="{quoted}"'.encode())
        self.wall_clock = wall_clock

    def render(self, request: Any) -> int:
        """Take what a device publishes."""
        Publication(self, request).start()
        return NOT_DONE_YET
