"""A Hono door in memory: all of it is real but the network, which keeps messages."""

from __future__ import annotations

import base64
import hashlib
from functools import partial
from pathlib import Path
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from edgeproxy.hono.authentication import Authentication
from edgeproxy.hono.commanding import Commander
from edgeproxy.hono.compat import V_0_6, Compat
from edgeproxy.hono.requestids import RequestIds
from edgeproxy.hono.resource import HonoResource
from edgeproxy.hono.volume import Volumes
from edgeproxy.hono.waiters import Waiters
from edgeproxy.messaging.message import Message
from edgeproxy.messaging.network import INetwork
from edgeproxy.messaging.responses import CommandResponse
from edgeproxy.portal.avatars import IDevice
from edgeproxy.portal.devices import DeviceRealm, PasswordChecker
from edgeproxy.portal.login import login_as
from edgeproxy.portal.passwords import PasswordVerifier
from edgeproxy.portal.remembered import RememberedLogins
from edgeproxy.portal.throttle import Throttle
from edgeproxy.registry.assertion import assert_registration
from edgeproxy.registry.store import RegistryStore
from tests.fakes.site import Answer, Exchange

NOW = 1700000000.5

JSON = {"Content-Type": "application/json"}

# Of both tenants that are served and those that are not: every one has these devices.
DEVICES: dict[str, dict[str, Any]] = {
    "sensor": {"defaults": {"importance": "high", "to": "z", "qos": 7}},
    "other": {},
    "off": {"enabled": False},
    "gw": {},
    "gw-off": {"enabled": False},
    "d": {"via": ["gw", "gw-off"]},
    "a/b:é": {"via": ["gw"]},
}
TENANTS: dict[str, dict[str, Any]] = {
    "T": {},
    "U": {},
    "DISABLED": {"enabled": False},
    "NO-HTTP": {"adapters": [{"type": "hono-mqtt", "enabled": True}]},
    "SPENT": {
        "resource-limits": {
            "data-volume": {"effective-since": "2020-01-01T00:00:00Z", "max-bytes": 20}
        }
    },
    "SILENT": {"adapters": [{"type": "hono-http"}]},
}


def basic(user: str, password: str = "right") -> dict[str, str]:
    """Return the header field of a login."""
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


DEVICE, GATEWAY = basic("sensor@T"), basic("gw@T")


def password(auth_id: str, password: str = "right", **more: Any) -> dict[str, Any]:
    """Return credentials in Hono's JSON form."""
    digest = hashlib.sha256(b"salt" + password.encode()).digest()
    secret = {
        "hash-function": "sha-256",
        "salt": base64.b64encode(b"salt").decode(),
        "pwd-hash": base64.b64encode(digest).decode(),
    }
    return {
        "type": "hashed-password",
        "auth-id": auth_id,
        "secrets": [secret],
    } | more


def fill(registry: RegistryStore) -> None:
    """Put tenants and devices into *registry*; a device's auth-id is its id."""
    with registry.transaction():
        for tenant, data in TENANTS.items():
            registry.put_tenant(tenant, data)
            for device, about in DEVICES.items():
                registry.put_device(tenant, device, about)
                registry.put_credentials(tenant, device, password(device))
            blocked = password("blocked", enabled=False)
            registry.put_credentials(tenant, "sensor", blocked)


@implementer(INetwork)
class Network:
    """Keeps what is sent and answers with *answer*."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.responses: list[CommandResponse] = []
        self.answer: Any = None

    def send(self, message: Message) -> Deferred[None]:
        self.sent.append(message)
        if isinstance(self.answer, Exception):
            return fail(self.answer)
        return self.answer or succeed(None)

    def respond(self, response: CommandResponse) -> Deferred[None]:
        self.responses.append(response)
        return fail(self.answer) if self.answer else succeed(None)


class Door(Exchange):
    """One connection to a door in the mode *compat*."""

    def __init__(self, compat: Compat, authentication: bool, **more: Any) -> None:
        self.registry = RegistryStore(":memory:", compat.adapter_enabled)
        fill(self.registry)
        self.network = Network()
        self.timer = Clock()
        checker = PasswordChecker(
            self.registry,
            self.registry,
            PasswordVerifier(None, None, most_waiting=0),
            lambda: NOW,
        )
        login = login_as(Portal(DeviceRealm(), [checker]), IDevice)
        remembered = RememberedLogins(login, self.registry, lambda: NOW)
        self.waiters = Waiters(self.timer)
        assertion = partial(assert_registration, self.registry)
        ids = RequestIds(b"key")
        self.commander = Commander(self.waiters, assertion, ids)
        throttled = Authentication(remembered, Throttle(self.timer))
        super().__init__(
            HonoResource(
                throttled if authentication else None,
                assertion,
                self.network,
                self.commander,
                Volumes(Path("/nonexistent/volumes"), Clock(), lambda: NOW),
                compat,
                max_payload=20,
                realm='My "Hono"',
                wall_clock=lambda: NOW,
                **more,
            )
        )


class DoorTestCase(SynchronousTestCase):
    """A test with a door; *authentication* says whether devices log in there."""

    authentication = True
    compat = V_0_6

    def setUp(self) -> None:
        self.open_door()

    def open_door(self, **more: Any) -> None:
        """Make the door anew, with *more* arguments for its resource."""
        self.door = Door(self.compat, self.authentication, **more)
        self.addCleanup(self.door.registry.close)
        self.network = self.door.network

    def ask(
        self,
        method: str = "POST",
        target: str = "/telemetry",
        body: bytes = b'{"temp": 5}',
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request, by default of a device that logs in; return the answer."""
        return self.door.ask(
            method, target, body, DEVICE | JSON if headers is None else headers
        )
