"""Names are looked up once for all who ask at the same time.

A lookup takes a thread for as long as the system's resolver is patient, ten seconds and
more where no name server answers, and nobody can stop it. Requests that come meanwhile
would queue one each; the process does not end before it has done them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import (
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from zope.interface import implementer


@implementer(IHostnameResolver)
class SharedLookups:
    """Looks names up with *resolver*, each one once at a time."""

    def __init__(self, resolver: Any) -> None:
        self._resolver = resolver
        self._under_way: dict[Any, _Lookup] = {}

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[Any] | None = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        """Tell *resolutionReceiver* of the addresses; see the interface."""
        types = None if addressTypes is None else tuple(addressTypes)
        key = hostName, portNumber, types, transportSemantics
        known = self._under_way.get(key)
        lookup = known or _Lookup(hostName)
        lookup.receivers.append(resolutionReceiver)
        resolutionReceiver.resolutionBegan(lookup)
        if known is None:
            self._under_way[key] = lookup
            lookup.forget = lambda: self._under_way.pop(key)
            try:
                self._resolver.resolveHostName(
                    lookup, hostName, portNumber, addressTypes, transportSemantics
                )
            except Exception:
                lookup.forget()
                raise
        return lookup


@implementer(IResolutionReceiver, IHostResolution)
class _Lookup:
    """One lookup and all who wait for it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.receivers: list[Any] = []
        self.forget: Any = None
        self._found: list[Any] = []

    def resolutionBegan(self, resolutionInProgress: Any) -> None:
        """Do nothing: the receivers know."""

    def addressResolved(self, address: Any) -> None:
        """Keep *address* until all are there."""
        self._found.append(address)

    def resolutionComplete(self) -> None:
        """Tell all who wait."""
        self.forget()
        for receiver in self.receivers:
            for address in self._found:
                receiver.addressResolved(address)
            receiver.resolutionComplete()

    def cancel(self) -> None:
        """Do nothing: the others still wait."""
