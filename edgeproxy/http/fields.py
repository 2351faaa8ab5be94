"""Header fields that are between two neighbours only (RFC 9110, §7.6.1)."""

from __future__ import annotations

from collections.abc import Iterable

Field = tuple[bytes, bytes]

# §7.6.1 names these; Proxy-Connection is no standard but sent all the same, and
# Proxy-Authenticate and Proxy-Authorization are between a client and its proxy.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


def end_to_end(fields: Iterable[Field], besides: frozenset[bytes]) -> list[Field]:
    """Return *fields* without those that end at this hop.

    That is `HOP_BY_HOP`, what a Connection field lists, and the lower-case names
    *besides*.
    """
    fields = list(fields)
    dropped = HOP_BY_HOP | besides
    for name, value in fields:
        if name.lower() == b"connection":
            dropped |= {option.strip().lower() for option in value.split(b",")}
    return [(name, value) for name, value in fields if name.lower() not in dropped]
