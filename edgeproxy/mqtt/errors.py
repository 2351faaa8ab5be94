"""What can go wrong between two MQTT peers."""

from __future__ import annotations

# MQTT 3.1.1, table 3.1.
CONNACK_TEXTS = {
    0: "accepted",
    1: "unacceptable protocol version",
    2: "identifier rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
}


class ProtocolError(Exception):
    """Bytes or a packet broke the rules of MQTT 3.1.1.

    *connack* is the return code a server owes the client before it closes, where the
    specification asks for one (protocol level: 1, identifier: 2), else None.
    """

    def __init__(self, reason: str, connack: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.connack = connack


class ConnectRefused(Exception):
    """The server answered CONNECT with a return code other than 0."""

    def __init__(self, code: int) -> None:
        super().__init__(f"CONNACK {code}, {CONNACK_TEXTS[code]}")
        self.code = code


class SubscriptionRefused(Exception):
    """The server refused at least one of the topics subscribed to."""

    def __init__(self, topics: list[str]) -> None:
        super().__init__(f"subscription refused: {', '.join(topics)}")
        self.topics = topics


class SessionClosed(Exception):
    """The connection was given up, for the *reason* told."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotConnected(Exception):
    """There is no usable connection at the moment."""
