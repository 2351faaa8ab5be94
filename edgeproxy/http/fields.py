"""Header fields that are between two neighbours only (RFC 9110, §7.6.1)."""

from __future__ import annotations

from collections.abc import Iterable

from edgeproxy.http.head import Fields, connection_options

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


# Options that name no field: nothing to look for among the others.
_OPTIONS = frozenset({b"close", b"keep-alive", b"upgrade"})


def end_to_end(
    fields: Iterable[tuple[bytes, bytes]], besides: frozenset[bytes]
) -> Fields:
    """Return *fields* without those that end at this hop.

    That is `HOP_BY_HOP`, what a Connection field lists, and the lower-case names
    *besides*.
    """
    kept: Fields = []
    listed: set[bytes] = set()
    for field in fields:
        name = field[0].lower()
        if name == b"connection":
            listed.update(connection_options(field[1]))
        elif name not in HOP_BY_HOP and name not in besides:
            kept.append(field)
    if listed and not listed <= _OPTIONS:
        return [field for field in kept if field[0].lower() not in listed]
    return kept
