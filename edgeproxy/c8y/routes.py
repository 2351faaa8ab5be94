"""Which requests the /c8y door forwards where, and which need the device credential.

Plain functions over the raw request target: nothing is decoded on the way, so that
percent-encoding reaches Cumulocity as it was sent.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from edgeproxy.http.requesthead import RequestHead

PREFIX = b"/c8y"

# Seed 000: every method is forwarded. These two are between a client and its proxy.
REFUSED_METHODS = frozenset({b"CONNECT", b"TRACE"})
USUAL_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS")

# Parts of the REST API whose resources may be named *.js (binaries, external ids).
_REST_APIS = frozenset(
    {
        b"inventory",
        b"identity",
        b"event",
        b"measurement",
        b"alarm",
        b"devicecontrol",
        b"tenant",
        b"user",
        b"audit",
        b"notification",
        b"notification2",
        b"service",
    }
)


# What may make a path lead elsewhere than its first segment says.
_UNRESOLVED = re.compile(rb"%|/\.|;|//")


def upstream_target(target: bytes) -> bytes | None:
    """Return the target at Cumulocity for *target* here; None outside the door.

    ``/c8y`` and ``/c8y/`` are its root; path and query stay byte for byte.
    """
    if target.startswith(b"/c8y/"):
        return target[len(PREFIX) :]
    path, mark, query = target.partition(b"?")
    return b"/" + mark + query if path == PREFIX else None


def is_web_ui(target: bytes) -> bool:
    """Say whether *target* (at Cumulocity) is a part of the web UI.

    Cumulocity revokes the token of a device that fetches one, so no request for it
    may carry the device credential (facts of thin-edge, §2.1).
    """
    raw = target.partition(b"?")[0]
    if raw[1:].partition(b"/")[0] in _REST_APIS and not _UNRESOLVED.search(raw):
        return False
    path = unquote_to_bytes(raw)
    segments = [s for s in path.split(b"/") if s]
    if _name_web_ui(segments):
        return True
    # Cumulocity may take the path as it is or resolve it first: neither is to hit.
    return (b"/." in path or b";" in path) and _name_web_ui(_resolved(segments))


def _resolved(segments: list[bytes]) -> list[bytes]:
    """Return *segments* without parameters and dots (RFC 3986, sections 3.3, 5.2.4)."""
    kept: list[bytes] = []
    for segment in segments:
        name = segment.partition(b";")[0]
        if name == b"..":
            kept[-1:] = []
        elif name not in (b"", b"."):
            kept.append(name)
    return kept


def _name_web_ui(segments: list[bytes]) -> bool:
    if not segments or segments[0] in _REST_APIS:
        return False
    return segments[0] == b"apps" or segments[-1].endswith(b".js")


def is_login(target: bytes) -> bool:
    """Say whether *target* (at Cumulocity) is how a user logs in: without a device."""
    if not target.startswith(b"/tenant/"):
        return False
    path = target.partition(b"?")[0].rstrip(b"/")
    return path == b"/tenant/loginOptions" or path.startswith(b"/tenant/oauth")


def authenticates_itself(head: RequestHead) -> bool:
    """Say whether a request brings credentials: Authorization or a session cookie."""
    if b"authorization" in head.index:
        return True
    return b"cookie" in head.index and any(
        pair.strip().partition(b"=")[0] == b"authorization"
        for name, cookie in head.fields
        if name.lower() == b"cookie"
        for pair in cookie.split(b";")
    )
