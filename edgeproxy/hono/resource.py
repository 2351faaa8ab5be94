"""The Hono door's resource: telemetry and events of devices and gateways."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from edgeproxy.hono.authentication import Authentication
from edgeproxy.hono.commanding import Commander
from edgeproxy.hono.compat import Compat
from edgeproxy.hono.conversation import Conversation
from edgeproxy.hono.cors import Cors
from edgeproxy.hono.publication import publish
from edgeproxy.hono.responding import respond
from edgeproxy.hono.routes import Routes
from edgeproxy.hono.volume import Volumes
from edgeproxy.http.interfaces import IStreamingResource
from edgeproxy.messaging.message import COMMAND, EVENT, TELEMETRY
from edgeproxy.messaging.network import INetwork
from edgeproxy.portal.avatars import Device
from edgeproxy.registry.assertion import Assertion

Assert = Callable[[str, str, str | None, Device | None], Assertion]


@implementer(IStreamingResource)
class HonoResource(Resource):
    """Everything that devices publish to, and where they answer to commands.

    *authentication* finds out who sends a request (None: nobody logs in), *assertion*
    vouches for a tenant's device and perhaps its gateway, *network* takes the messages,
    *commander* has commands for those who wait, *volumes* counts for tenants with a
    limit. *compat* is the mode. *max_payload* is
    in bytes, *realm* is for WWW-Authenticate, pages of *allowed_origin* may publish. A
    connection is closed after *idle_timeout* seconds (0: never).
    """

    isLeaf = True
    streaming = True

    def __init__(
        self,
        authentication: Authentication | None,
        assertion: Assert,
        network: INetwork,
        commander: Commander,
        volumes: Volumes,
        compat: Compat,
        max_payload: int,
        realm: str,
        allowed_origin: str = "*",
        idle_timeout: float = 0,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.authentication = authentication
        self.assertion = assertion
        self.network = network
        self.commander = commander
        self.volumes = volumes
        self.handlers = {TELEMETRY: publish, EVENT: publish, COMMAND: respond}
        self.compat = compat
        self.routes = Routes(authentication is not None, compat.post_names_device)
        self.cors = Cors(allowed_origin)
        self.max_payload = max_payload
        quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
        self.challenge = (b"WWW-Authenticate", f'Basic realm="{quoted}"'.encode())
        self.idle_timeout = idle_timeout
        self.wall_clock = wall_clock

    def render(self, request: Any) -> int:
        """Take what a device publishes."""
        Conversation(self, request).start()
        return NOT_DONE_YET
