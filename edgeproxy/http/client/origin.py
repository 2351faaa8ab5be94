"""Where an upstream is."""

from __future__ import annotations

import attr

_DEFAULT_PORTS = {"http": 80, "https": 443}


@attr.s(auto_attribs=True, frozen=True, slots=True)
class Origin:
    """Scheme, host and port (RFC 9110 4.3.1); an IPv6 *host* has no brackets."""

    scheme: str
    host: str
    port: int

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken there."""
        return self.scheme == "https"

    @property
    def authority(self) -> bytes:
        """What the Host field says: brackets around IPv6, no port that goes without."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if _DEFAULT_PORTS.get(self.scheme) != self.port:
            host = f"{host}:{self.port}"
        return host.encode("ascii")
