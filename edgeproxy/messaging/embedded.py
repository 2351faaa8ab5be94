"""The embedded network: consumers attach to edgeproxy itself."""

from __future__ import annotations

import secrets
from itertools import count
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from zope.interface import implementer

from edgeproxy.amqp.incoming import IncomingLink, Settle
from edgeproxy.amqp.link import AttachRefused, IAddressSpace, OutgoingLink
from edgeproxy.amqp.outcome import Outcome, State
from edgeproxy.messaging.commands import Malformed, OnCommand, read_command
from edgeproxy.messaging.encoding import encode
from edgeproxy.messaging.message import (
    COMMAND,
    COMMAND_RESPONSE,
    EVENT,
    TELEMETRY,
    Message,
)
from edgeproxy.messaging.network import INetwork
from edgeproxy.messaging.queue import EventQueue
from edgeproxy.messaging.responses import CommandResponse, encode_response
from edgeproxy.messaging.rows import StoredEvent
from edgeproxy.messaging.store import EventStore
from edgeproxy.messaging.telemetry import TelemetryLinks
from edgeproxy.messaging.upkeep import Upkeep
from edgeproxy.portal.avatars import Consumer

# Characters of an address that a refusal repeats: it has to fit into a small frame.
MOST_SAID = 100


@implementer(INetwork, IAddressSpace)
class EmbeddedNetwork(Service):
    """Telemetry goes to whoever is attached, events through the *store*.

    Consumers receive from ``telemetry/TENANT`` and ``event/TENANT``. A receiver with
    distribution mode ``copy`` is shown what passes and takes nothing. Events older
    than *max_age* seconds are removed. Applications send to ``command/TENANT``, which
    goes to *on_command*, and wait at ``command_response/TENANT/REPLY-ID``.
    """

    on_command: OnCommand | None = None

    def __init__(
        self, store: EventStore, clock: Any, max_age: float = 30 * 86400
    ) -> None:
        self._store = store
        self._upkeep = Upkeep(store, clock, max_age)
        self._clock = clock
        self._telemetry: dict[str, TelemetryLinks] = {}
        self._responses: dict[str, TelemetryLinks] = {}
        self._events: dict[str, EventQueue] = {}
        self._browsers: dict[str, list[OutgoingLink]] = {}
        # Unique across restarts as well: consumers may use it to spot duplicates.
        self._ids = map(f"{secrets.token_hex(6)}-{{}}".format, count())
        self.attached = 0

    def startService(self) -> None:
        """Open the way to the disk."""
        super().startService()
        self._store.start()
        self._upkeep.startService()

    def stopService(self) -> Deferred[None]:
        """Put everything to disk, let it be answered, and close the store."""
        super().stopService()
        self._upkeep.stopService()
        closed: Deferred[None] = Deferred()

        def close() -> None:
            self._store.close()
            closed.callback(None)

        # By then all events have been told; a turn later the answers have left.
        told = self._store.change(lambda db: None)
        told.addBoth(lambda _: self._clock.callLater(0, close) and None)
        return closed

    def refresh(self) -> None:
        """Read the store anew: somebody else has changed what is in it."""
        for queue in self._events.values():
            queue.refresh()

    def send(self, message: Message) -> Deferred[None]:
        """Take responsibility for *message*; see `INetwork`."""
        encoded = encode(message, next(self._ids))
        tenant = message.tenant_id
        if message.kind == EVENT:
            stored = self._store.append(
                tenant,
                message.device_id,
                encoded,
                message.creation_time,
                message.ttl,
            )
            return stored.addCallback(self._stored, message.address, tenant)
        links = self._telemetry.get(tenant) or TelemetryLinks(self._clock)
        sent = links.send(encoded, wait=message.qos > 0)
        self._show(message.address, encoded)
        return sent

    def respond(self, response: CommandResponse) -> Deferred[None]:
        """Hand a device's *response* to the application; see `INetwork`."""
        links = self._responses.get(response.address) or TelemetryLinks(self._clock)
        return links.send(encode_response(response, next(self._ids)), wait=True)

    def _stored(self, event: StoredEvent, address: str, tenant: str) -> None:
        self._show(address, event.message)
        queue = self._events.get(tenant)
        if queue is not None:
            queue.stored(event)

    def _show(self, address: str, encoded: bytes) -> None:
        for link in self._browsers.get(address, ()):
            if link.credit > 0:
                link.send(encoded, None)

    def attach(self, link: OutgoingLink, avatar: Any) -> None:
        """Let *link* consume from its address; see `IAddressSpace`."""
        kind, tenant = _parse(link.address)
        _check_right(avatar, tenant)
        if kind == EVENT and link.presettled and not link.copies:
            raise AttachRefused(
                "amqp:not-allowed", "events are delivered unsettled, or could be lost"
            )
        if link.copies:
            self._browsers.setdefault(link.address, []).append(link)
        elif kind == TELEMETRY:
            if tenant not in self._telemetry:
                self._telemetry[tenant] = TelemetryLinks(self._clock)
            self._telemetry[tenant].add(link)
        elif kind == COMMAND_RESPONSE:
            if link.address not in self._responses:
                self._responses[link.address] = TelemetryLinks(self._clock)
            self._responses[link.address].add(link)
        else:
            if tenant not in self._events:
                self._events[tenant] = EventQueue(tenant, self._store, self._clock)
            self._events[tenant].add(link)
        self.attached += 1

    def attach_sender(self, link: IncomingLink, avatar: Any) -> None:
        """Let *link* send commands; see `IAddressSpace`."""
        kind, _, rest = link.address.partition("/")
        tenant, slash, device = rest.partition("/")
        if kind != COMMAND or not tenant or (slash and not device):
            raise AttachRefused(
                "amqp:not-found",
                f"nothing can be sent to {link.address[:MOST_SAID]!r};"
                " there is command/TENANT",
            )
        _check_right(avatar, tenant)

        def take(encoded: bytes, settle: Settle) -> None:
            try:
                command = read_command(encoded, tenant, device or None)
            except Malformed as malformed:
                settle(malformed.outcome)
                return
            if self.on_command is None:
                settle(Outcome(State.RELEASED))
            else:
                self.on_command(command, settle)

        link.on_message = take

    def writable(self, link: OutgoingLink) -> bool:
        """Use the new credit of *link*; see `IAddressSpace`."""
        kind, tenant = _parse(link.address)
        if kind != EVENT or link.copies:
            return False
        queue = self._events[tenant]
        queue.pump()
        return queue.reading

    def detached(self, link: OutgoingLink) -> None:
        """Let go of *link*; see `IAddressSpace`."""
        kind, tenant = _parse(link.address)
        self.attached -= 1
        if link.copies:
            self._browsers[link.address].remove(link)
            if not self._browsers[link.address]:
                del self._browsers[link.address]
        elif kind == TELEMETRY:
            self._telemetry[tenant].discard(link)
        elif kind == COMMAND_RESPONSE:
            self._responses[link.address].discard(link)
            if not self._responses[link.address]:
                del self._responses[link.address]
        else:
            self._events[tenant].discard(link)


def _check_right(avatar: Any, tenant: str) -> None:
    if not (isinstance(avatar, Consumer) and avatar.may_use(tenant)):
        raise AttachRefused("amqp:unauthorized-access", f"no right on {tenant}")


def _parse(address: str) -> tuple[str, str]:
    kind, _, rest = address.partition("/")
    tenant, _, reply_id = rest.partition("/")
    if kind == COMMAND_RESPONSE:
        known = bool(tenant and reply_id)
    else:
        known = kind in (TELEMETRY, EVENT) and bool(tenant) and tenant == rest
    if not known:
        raise AttachRefused(
            "amqp:not-found",
            f"no such address: {address[:MOST_SAID]!r}; there are telemetry/TENANT,"
            " event/TENANT and command_response/TENANT/REPLY-ID",
        )
    return kind, tenant
