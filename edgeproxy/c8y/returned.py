"""What comes back from Cumulocity, so that it makes sense to a client of the door."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from edgeproxy.c8y.routes import PREFIX
from edgeproxy.http.fields import HOP_BY_HOP, end_to_end
from edgeproxy.http.head import Fields
from edgeproxy.http.responsehead import ResponseHead
from edgeproxy.http.server.compose import response_start

# Made anew by our side of the client's connection.
_NOT_RETURNED = HOP_BY_HOP | {b"content-length"}

_PORTS = {"http": 80, "https": 443}


class Returned:
    """Adapts the heads of responses.

    *tenant* are the names that Cumulocity knows the tenant by, in lower case, *told*
    returns more of them that the credential tells, *port* is where its API is; *secure*
    tells whether clients reach the door over TLS.
    """

    def __init__(
        self,
        tenant: set[str],
        told: Callable[[], frozenset[str]],
        port: int,
        secure: bool,
    ) -> None:
        self._tenant = tenant
        self._told = told
        self._port = port
        self._secure = secure

    def head(
        self, head: ResponseHead, host: bytes | None
    ) -> tuple[bytes | None, Fields]:
        """Return the start of the head that the client gets, and its fields.

        The start is None where it cannot be used as it is: without a Date. *host* is
        the Host that the client asked. What depends on nothing but *head* is concluded
        once.
        """
        if head.follows is not None and head.follows[0] is self:
            known: tuple[bytes | None, Fields] = head.follows[1]
            return known
        fields = end_to_end(head, _NOT_RETURNED)
        if b"location" in head.index or b"set-cookie" in head.index:
            return None, [self._adapted(field, host) for field in fields]
        start = None
        # Not any Date of the head: Connection may name it.
        dated = any(name.lower() == b"date" for name, _ in fields)
        if dated and head.status >= 200:
            start = response_start(head.status, head.reason, fields)
        head.follows = self, (start, fields)
        return start, fields

    def _adapted(
        self, field: tuple[bytes, bytes], host: bytes | None
    ) -> tuple[bytes, bytes]:
        name = field[0].lower()
        if name == b"location":
            return field[0], self.location(field[1], host)
        if name == b"set-cookie":
            return field[0], self.cookie(field[1])
        return field

    def location(self, value: bytes, host: bytes | None) -> bytes:
        """Return a Location that leads to the tenant as one that leads to the door.

        Any other is left alone (RFC 9110, section 10.2.2). Without a *host* the result
        is relative.
        """
        try:
            parts = urlsplit(value.decode("latin-1"))
            port = parts.port or _PORTS.get(parts.scheme, self._port)
        except ValueError:
            return value
        if not parts.netloc:
            if not parts.path.startswith("/") or parts.scheme:
                return value
        elif (
            parts.scheme not in ("", "http", "https")
            or (parts.hostname or "") not in self._tenant | self._told()
            or port not in (self._port, _PORTS.get(parts.scheme))
        ):
            return value
        rest = value.partition(b"//")[2] if parts.netloc else value
        at = min((i for i in map(rest.find, (b"/", b"?", b"#")) if i >= 0), default=-1)
        path = rest[at:] if at >= 0 else b""
        base = b"" if host is None else b"http%b://%b" % (b"s" * self._secure, host)
        return base + PREFIX + (path if path[:1] == b"/" else b"/" + path)

    def cookie(self, value: bytes) -> bytes:
        """Return a Set-Cookie that a client of the door keeps and sends back.

        The tenant's Domain would make it refuse the cookie, and so would Secure over
        plain HTTP, which SameSite=None needs (RFC 6265, section 5.3; 6265bis, 5.7). A
        Path is below the door's.
        """
        pair, *attributes = value.split(b";")
        kept = [pair]
        for attribute in attributes:
            name, _, given = attribute.strip().partition(b"=")
            name, given = name.strip().lower(), given.strip()
            if name == b"domain" and self._is_ours(given):
                continue
            if not self._secure and (
                name == b"secure" or (name, given.lower()) == (b"samesite", b"none")
            ):
                continue
            if name == b"path" and given[:1] == b"/" and given != b"/":
                attribute = b" Path=" + PREFIX + given
            kept.append(attribute)
        return b";".join(kept)

    def _is_ours(self, domain: bytes) -> bool:
        name = domain.decode("latin-1").lower().lstrip(".")
        return any(f".{host}".endswith(f".{name}") for host in self._tenant)
