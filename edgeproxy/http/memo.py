"""Heads that come again, known by their bytes.

Clients that poll send the same head each time, and servers answer with one that
changes with its Date. A head that was parsed once is found again by what it looks like
on the wire, together with what follows from it. See docs/decisions/0017-heads-known.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from edgeproxy.http.requesthead import RequestHead
from edgeproxy.http.responsehead import ResponseHead

H = TypeVar("H", RequestHead, ResponseHead)

# Heads known at once, and the longest of them in bytes: together at most some 2 MiB
# with all that follows from them. When there are more, all are forgotten, which costs
# each one parsing.
MOST = 256
LONGEST = 2048

# What holds a secret is not kept a moment longer than its request is. Handshakes are
# never the same twice.
_NOT_KEPT = frozenset(
    {
        b"authorization",
        b"cookie",
        b"proxy-authorization",
        b"sec-websocket-key",
        b"set-cookie",
        b"www-authenticate",
        b"x-xsrf-token",
        b"tfatoken",
    }
)


class HeadMemo(Generic[H]):
    """Heads by the bytes they were parsed from, the empty line included."""

    __slots__ = ("_heads", "find")

    find: Callable[[bytes], H | None]

    def __init__(self) -> None:
        self._heads: dict[bytes, H] = {}
        self.find = self._heads.get

    def keep(self, raw: bytes, head: H) -> None:
        """Know *head* by *raw* from now on, unless it is long or holds a secret."""
        if len(raw) > LONGEST or not _NOT_KEPT.isdisjoint(head.index):
            return
        # Notification 2.0 and others have their tokens in the query.
        if isinstance(head, RequestHead) and b"token" in head.target.lower():
            return
        if len(self._heads) >= MOST:
            self._heads.clear()
        self._heads[raw] = head
