"""How many connections a pool keeps, and how long anybody waits."""

from __future__ import annotations

import attr


@attr.s(auto_attribs=True, frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """Bounds on the connections to one origin; times are in seconds."""

    # Connections that ordinary requests are on, being opened or in use.
    connections: int = 64
    # All of them, with downloads and long polls: one for each that may be open.
    most: int = 1024
    # A request that has taken this long is no ordinary one and gives up its place.
    patience: float = 2.0
    # Requests that wait for a connection, and how long they do.
    queue: int = 1024
    queue_timeout: float = 10.0
    # Servers and middleboxes drop idle connections after 60 s or more.
    idle: float = 50.0
    connect: float = 10.0
    # From the request's last byte to the end of the response's head.
    head: float = 60.0
    # Without a byte of the body, either way.
    silence: float = 60.0
    # A response that nobody reads.
    unread: float = 30.0
