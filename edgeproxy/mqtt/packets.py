"""The control packets of MQTT 3.1.1, as plain values.

Section numbers are those of the OASIS standard of 29 October 2014. QoS 2 is left out
on purpose: nothing here needs it, and half a QoS 2 loses messages.
"""

from __future__ import annotations

from attrs import frozen

# §3.9.3: the one SUBACK return code that is not a granted QoS.
SUBSCRIPTION_REFUSED = 0x80


@frozen
class Will:
    """What the server publishes when the client vanishes (§3.1.2.5)."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


@frozen
class Connect:
    """The first packet of a client (§3.1); *keepalive* in seconds, 0 for none."""

    client_id: str
    clean_session: bool = True
    keepalive: int = 60
    will: Will | None = None
    username: str | None = None
    password: bytes | None = None

    def __repr__(self) -> str:
        # A packet may end up in a log; a password must not.
        return f"<Connect {self.client_id!r} user={self.username!r}>"


@frozen
class ConnAck:
    """The answer to CONNECT (§3.2)."""

    code: int = 0
    session_present: bool = False


@frozen
class Publish:
    """An application message (§3.3); *packet_id* is set for QoS 1 and for it only."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_id: int | None = None

    def __repr__(self) -> str:
        # The payload may be a credential.
        return f"<Publish {self.topic!r} qos={self.qos} {len(self.payload)} bytes>"


@frozen
class PubAck:
    """The receipt for a QoS 1 message (§3.4)."""

    packet_id: int


@frozen
class Subscribe:
    """Topic filters, each with the highest QoS wanted (§3.8)."""

    packet_id: int
    topics: tuple[tuple[str, int], ...]


@frozen
class SubAck:
    """One code for each filter: the QoS granted or `SUBSCRIPTION_REFUSED` (§3.9)."""

    packet_id: int
    codes: tuple[int, ...]


@frozen
class Unsubscribe:
    """Topic filters no longer wanted (§3.10)."""

    packet_id: int
    topics: tuple[str, ...]


@frozen
class UnsubAck:
    """The receipt for UNSUBSCRIBE (§3.11)."""

    packet_id: int


@frozen
class PingReq:
    """A client's sign of life (§3.12)."""


@frozen
class PingResp:
    """The server's answer to it (§3.13)."""


@frozen
class Disconnect:
    """A client's polite end, which discards its will (§3.14)."""


Packet = (
    Connect
    | ConnAck
    | Publish
    | PubAck
    | Subscribe
    | SubAck
    | Unsubscribe
    | UnsubAck
    | PingReq
    | PingResp
    | Disconnect
)
