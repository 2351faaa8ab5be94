"""What ``/status`` and ``/readiness`` tell: how each part of the service fares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import edgeproxy
from edgeproxy.ops.health import Check


class Credential(Protocol):
    """What is looked at of a device credential."""

    @property
    def healthy(self) -> bool: ...

    @property
    def detail(self) -> str: ...

    @property
    def shown(self) -> dict[str, Any]: ...


class Status:
    """Gathers the parts while the service is composed; reads them when asked."""

    def __init__(self, reactor: Any, sandbox: bool) -> None:
        self.checks: dict[str, Callable[[], Check]] = {}
        self._reactor = reactor
        self._started = reactor.seconds()
        self._sandbox = sandbox
        self._c8y: Callable[[], dict[str, Any]] = dict
        self._hono: dict[str, Any] = {}
        self._store: Any = None
        self._network: Any = None
        self._mechanisms: list[str] = []

    def c8y_waits(self, why: str) -> None:
        """Take note that the /c8y door stays closed."""
        self._c8y = lambda: {"open": False, "detail": why}

    def add_c8y(self, upstream: str, credential: Credential) -> None:
        """Look at the /c8y door's *credential* for *upstream*."""
        self._c8y = lambda: {
            "open": True,
            "upstream": upstream,
            "token": credential.healthy,
            "detail": credential.detail,
            "credential": credential.shown,
        }
        self.checks["c8y-token"] = lambda: Check(credential.healthy, credential.detail)

    def add_hono(
        self, address: str, port: int, tls: tuple[str, int] | None = None
    ) -> None:
        """Take note of where the Hono door is: plain (port 0: not), and with *tls*."""
        self._hono = {
            "open": bool(port) or tls is not None,
            "address": address,
            "port": port,
            "tls": {"address": tls[0], "port": tls[1]} if tls else None,
        }

    def add_messaging(self, store: Any, network: Any, mechanisms: list[str]) -> None:
        """Look at the event store and the consumers."""
        self._store, self._network, self._mechanisms = store, network, mechanisms
        self.checks["event-store"] = lambda: Check(
            store.failing is None, store.failing or f"{self.events_waiting()} waiting"
        )
        self.checks["event-store-file"] = lambda: Check(
            store.damaged is None, store.damaged or "sound"
        )

    def events_waiting(self) -> int:
        """Return how many events wait for a consumer."""
        return sum(self._store.depth.values())

    def events_set_aside(self) -> int:
        """Return how many events a consumer rejected."""
        count: int = self._store.set_aside_count
        return count

    def consumers(self) -> int:
        """Return how many links consumers have attached."""
        count: int = self._network.attached
        return count

    def report(self) -> dict[str, Any]:
        """Return everything, for ``edgeproxyctl status``."""
        return {
            "version": edgeproxy.__version__,
            "uptime": round(self._reactor.seconds() - self._started),
            "sandbox": self._sandbox,
            "c8y": self._c8y(),
            "hono": self._hono,
            "messaging": {
                "consumers": self.consumers(),
                "logins": self._mechanisms,
                "waiting": {t: n for t, n in self._store.depth.items() if n},
                "set_aside": self.events_set_aside(),
                "failing": self._store.failing,
                "damaged": self._store.damaged,
                "bytes": self._store.used,
            },
        }
