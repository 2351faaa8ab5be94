"""One peer's AMQP connection: proton's engine, driven by whatever moves its bytes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import proton

from edgeproxy.amqp.events import DELIVERY, delivery_of, pending_events
from edgeproxy.amqp.incoming import IncomingLink
from edgeproxy.amqp.link import AttachRefused, IAddressSpace, OutgoingLink

CONTAINER_ID = "edgeproxy"

# Seconds without a frame after which a peer is taken for dead. Blocking clients send
# none while their program does something else; who has messages and settles none has
# lost them by then (`messaging.takers`).
IDLE_TIMEOUT = 120.0

# What peers are told instead, so that they send empty frames more often: our proton
# says half of it, and theirs sends twice in that time. Its Python knows nothing of a
# connection that we have closed until it sends the next one.
TOLD_TIMEOUT = 16.0

# Peers may open this many links each; a consumer of one tenant needs three or four.
MAX_LINKS = 256

# Bytes of a frame that a peer may send; attaches and dispositions are far smaller.
MAX_FRAME = 65536


class AMQPConnection:
    """Sans-IO: `receive` bytes, then write what `output` returns.

    *avatar* is who logged in, *space* decides about addresses. *flush_soon* asks the
    owner to call `output` and write, once control is back in the reactor.
    """

    def __init__(
        self,
        avatar: object,
        space: IAddressSpace,
        peer: str,
        flush_soon: Callable[[], None],
    ) -> None:
        self.peer = peer
        self.flush_soon = flush_soon
        self.flowing = True
        self.opened = False  # by the peer; only then is there anything due in time
        self._avatar = avatar
        self._space = space
        self._links: dict[Any, OutgoingLink] = {}
        self._incoming: dict[Any, IncomingLink] = {}
        # By the tags of unsettled deliveries, which are unique in a connection.
        self.sent: dict[str, OutgoingLink] = {}
        self.tags = map(str, count(1))
        self._collector = proton.Collector()
        self._connection = proton.Connection()
        self._connection.container = CONTAINER_ID
        self._connection.collect(self._collector)
        self._transport = proton.Transport(proton.Transport.SERVER)
        self._transport.idle_timeout = TOLD_TIMEOUT
        self._transport.max_frame_size = MAX_FRAME
        self._transport.channel_max = MAX_LINKS - 1
        self._transport.bind(self._connection)

    @property
    def finished(self) -> bool:
        """Whether both sides have nothing more to say."""
        return bool(self._transport.closed)

    @property
    def deaf(self) -> bool:
        """Whether nothing of the peer is taken any more.

        It has closed, or has sent what cannot be read, of which proton says nothing.
        """
        return bool(self._transport.capacity() < 0)

    def receive(self, data: bytes) -> None:
        """Take what the peer sent."""
        while data:
            capacity = self._transport.capacity()
            if capacity <= 0:
                break
            self._transport.push(data[:capacity])
            data = data[capacity:]
            self._dispatch()

    def output(self) -> bytes:
        """Return what to write to the peer."""
        chunks = []
        self._dispatch()
        while (pending := self._transport.pending()) > 0:
            chunks.append(bytes(self._transport.peek(pending)))
            self._transport.pop(pending)
            self._dispatch()
        return b"".join(chunks)

    def tick(self, now: float) -> float | None:
        """Do what is due at *now*, in seconds; return when to be called again."""
        return self._transport.tick(now) or None

    def resume(self) -> None:
        """Offer credit again after the peer has read what was written."""
        self.flowing = True
        for link in list(self._links.values()):
            self._offer(link)

    def has_room(self, link: OutgoingLink) -> None:
        """Be told that the peer of *link* has settled enough to get more."""
        if link.credit > 0:
            self._space.writable(link)

    def shut_down(self) -> None:
        """Say goodbye to the peer: it shall reconnect."""
        self._connection.condition = proton.Condition(
            "amqp:connection:forced", "edgeproxy is stopping"
        )
        self._connection.close()

    def lost(self) -> None:
        """Be told that there is no peer any more."""
        for link in (*self._links, *self._incoming):
            self._drop(link)
        self._transport.close_tail()
        self._transport.close_head()
        self._transport.unbind()

    def _drop(self, theirs: Any) -> None:
        incoming = self._incoming.pop(theirs, None)
        if incoming is not None:
            incoming.lost()
        link = self._links.pop(theirs, None)
        if link is not None:
            link.lost()
            self._space.detached(link)

    def _dispatch(self) -> None:
        collector = self._collector
        for number, event in pending_events(collector):
            if number == DELIVERY:
                self._on_delivery(delivery_of(event))
            elif number in _HANDLERS:
                # Proton's own view of it: slow to make, but with everything in it.
                getattr(self, _HANDLERS[number])(collector.peek())

    def _on_delivery(self, delivery: Any) -> None:
        """Pass on a disposition, or what a peer sends."""
        if self._incoming:
            incoming = self._incoming.get(delivery.link)
            if incoming is not None:
                if delivery.readable:
                    incoming.updated(delivery)
                return
        outgoing = self.sent.get(delivery.tag)
        if outgoing is not None and delivery.updated:
            outgoing.updated(delivery)

    # Names below are those of proton's events.

    def on_connection_remote_open(self, event: Any) -> None:
        """Open our side as well."""
        self.opened = True
        self._connection.open()
        self._transport.pending()  # writes it down: what is told is told
        self._transport.idle_timeout = IDLE_TIMEOUT

    def on_session_remote_open(self, event: Any) -> None:
        """Open our side as well."""
        event.session.open()

    def on_link_remote_open(self, event: Any) -> None:
        """Attach a link of the peer, or refuse it with a condition."""
        link = event.link
        try:
            _refuse_what_is_not_there(link)
            if len(self._links) + len(self._incoming) >= MAX_LINKS:
                raise AttachRefused("amqp:resource-limit-exceeded", "too many links")
            if link.is_receiver:
                self._attach_incoming(link)
            else:
                self._attach_outgoing(link)
        except AttachRefused as refused:
            # Part 2, §2.6.3: attach without a terminus, then detach with the error.
            link.open()
            link.condition = proton.Condition(refused.condition, refused.description)
            link.close()

    def _attach_outgoing(self, link: Any) -> None:
        outgoing = OutgoingLink(self, link)
        self._space.attach(outgoing, self._avatar)
        self._answer(link)
        # What is not in the answer is not done: there are no filters.
        link.source.filter.clear()
        self._links[link] = outgoing
        link.open()

    def _attach_incoming(self, link: Any) -> None:
        incoming = IncomingLink(self, link)
        self._space.attach_sender(incoming, self._avatar)
        self._answer(link)
        self._incoming[link] = incoming
        link.open()
        incoming.opened()

    def _answer(self, link: Any) -> None:
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        link.snd_settle_mode = link.remote_snd_settle_mode

    def on_link_flow(self, event: Any) -> None:
        """Pass on new credit; a peer that drains gets it back unused."""
        outgoing = self._links.get(event.link)
        if outgoing is not None:
            self._offer(outgoing)

    def _offer(self, link: OutgoingLink) -> None:
        if link.credit > 0 and self._space.writable(link):
            return  # there may be more soon: it is not drained yet
        link.drained()

    def on_link_remote_detach(self, event: Any) -> None:
        """Detach our side as well."""
        self._drop(event.link)
        event.link.detach()
        event.link.free()

    def on_link_remote_close(self, event: Any) -> None:
        """Close our side as well."""
        self._drop(event.link)
        event.link.close()
        event.link.free()  # or it is kept as long as its session

    def on_session_remote_close(self, event: Any) -> None:
        """Close our side as well, with the links that were on it."""
        for link in (*self._links, *self._incoming):
            if link.session == event.session:
                self._drop(link)
        event.session.close()
        event.session.free()

    def on_connection_remote_close(self, event: Any) -> None:
        """Close our side as well."""
        for link in (*self._links, *self._incoming):
            self._drop(link)
        self._connection.close()


def _refuse_what_is_not_there(link: Any) -> None:
    """Raise `AttachRefused` for features of AMQP that have no use here."""
    if link.remote_target.type == proton.Terminus.COORDINATOR:
        raise AttachRefused("amqp:not-implemented", "there are no transactions")
    if link.remote_source.dynamic:
        raise AttachRefused("amqp:not-implemented", "there are no dynamic addresses")


_HANDLERS = {
    kind.number: kind.method
    for kind in vars(proton.Event).values()
    if isinstance(kind, proton.EventType) and hasattr(AMQPConnection, kind.method)
}
