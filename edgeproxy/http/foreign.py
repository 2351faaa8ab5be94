"""Requests that a web page made a browser on this machine send.

A door that asks for no login relies on who can reach it. A browser can, and any web
page may have it send requests: those carry an Origin or Sec-Fetch-Site that tells. A
name of the attacker's that resolves to this machine (DNS rebinding) makes the page look
like our own, but for the Host it was asked under. (RFC 6454; Fetch Metadata.)
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from edgeproxy.http.requesthead import RequestHead

# What a browser says of requests that no other site has caused.
_OWN_SITES = (b"same-origin", b"none")


class OwnNames:
    """The names under which this machine may be asked.

    Those are *names*, the addresses of *listening* (any address literal, where that is
    a wildcard: rebinding needs a name), the host's own name, and all of loopback.
    """

    def __init__(self, listening: Iterable[str], names: Iterable[str] = ()) -> None:
        host = socket.gethostname().lower()
        self._names = {"localhost", host, f"{host}.local", *map(str.lower, names)}
        addresses = [ipaddress.ip_address(address) for address in listening]
        self._any = any(address.is_unspecified for address in addresses)
        self._addresses = set(addresses)

    def include(self, name: str) -> bool:
        """Say whether *name*, a host without its port, is one of ours."""
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name.lower() in self._names
        return self._any or address.is_loopback or address in self._addresses

    def is_this_machine(self, address: str) -> bool:
        """Say whether a client at *address* runs on this machine."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return found.is_loopback or found in self._addresses

    def is_foreign(self, head: RequestHead, scheme: bytes) -> bool:
        """Say whether somebody else's web page is behind a request with *head*.

        Programs send none of the fields that are looked at but Host, and HTTP/1.0
        clients not even that.
        """
        index = head.index
        host = index.get(b"host")
        if host is not None and not self.include(host_name(host)):
            return True
        site = index.get(b"sec-fetch-site")
        if site is not None and site not in _OWN_SITES:
            return True
        origin = index.get(b"origin")
        # Several, of which browsers send none, count as foreign.
        return origin is not None and (
            (len(index) != len(head.fields) and _repeated(head, b"origin"))
            or origin.lower() != b"%b://%b" % (scheme, (host or b"").lower())
        )


def host_name(host: bytes) -> str:
    """Return the name in the value of a Host field, without port and brackets."""
    text = host.decode("latin-1")
    if text[:1] == "[":
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


def _repeated(head: RequestHead, wanted: bytes) -> bool:
    return sum(name.lower() == wanted for name, _ in head.fields) > 1
