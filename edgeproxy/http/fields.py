"""Header fields that are between two neighbours only (RFC 9110, §7.6.1)."""

from __future__ import annotations

from edgeproxy.http.head import Fields, connection_options
from edgeproxy.http.requesthead import RequestHead
from edgeproxy.http.responsehead import ResponseHead

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


def end_to_end(head: RequestHead | ResponseHead, dropped: frozenset[bytes]) -> Fields:
    """Return the fields of *head* without those that end at this hop.

    *dropped* are their lower-case names, `HOP_BY_HOP` among them; what a Connection
    field lists goes as well.
    """
    index, fields = head.index, head.fields
    if b"connection" in index:
        listed = {
            option
            for name, value in fields
            if name.lower() == b"connection"
            for option in connection_options(value)
        }
        if not listed <= _OPTIONS:
            dropped = dropped | listed
    if len(index) == len(fields):
        # No name comes twice, so the index has them all, in order and lower case.
        pairs = zip(index, fields, strict=True)
        return [field for name, field in pairs if name not in dropped]
    return [field for field in fields if field[0].lower() not in dropped]
