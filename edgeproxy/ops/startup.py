"""Starting so that a fault is seen: one line, exit status 1, and no half a service."""

from __future__ import annotations

import ipaddress
import resource
import sys
from typing import Any, NoReturn

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

_log = Logger("edgeproxy")

# Connections the kernel keeps for us between two accepts: a site whose gateways all
# reconnect at once after a power cut.
BACKLOG = 1024

# Seconds that requests under way are given when the service stops. systemd gives 90
# in all; a client that waits for longer is one that polls.
DRAIN = 10.0


def cannot_start(problem: str) -> NoReturn:
    """End the process with exit status 1 and one line that says why.

    The line goes into the log, which is all that a daemon has, and past it: twistd has
    put the log in the place of stderr.
    """
    _log.critical("{problem}", problem=problem)
    print(f"edgeproxy: {problem}", file=sys.__stderr__, flush=True)
    raise SystemExit(1)


def raise_descriptor_limit() -> None:
    """Let the process have as many sockets open as it is allowed to.

    The usual soft limit of 1,024 is for programs that use select(). A thousand idle
    clients would reach it, and then no connection to Cumulocity could be opened.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:
            _log.warn("stays at {soft} open files: {error}", soft=soft, error=error)


def at_once(listening: Deferred[Any], problem: str) -> Any:
    """Return what *listening* brought, or end the process because of *problem*.

    Endpoints that listen do so at once, so the outcome is there already.
    """
    outcome: list[Any] = []
    listening.addBoth(outcome.append)
    (result,) = outcome
    if isinstance(result, Failure):
        error: Any = result.value
        reason = getattr(getattr(error, "socketError", None), "strerror", error)
        cannot_start(f"{problem}: {reason}")
    return result


class Listener(Service):
    """Listens on *address* and *port*, which the key *key* sets, for *factory*."""

    _log = Logger()

    def __init__(
        self, reactor: Any, address: str, port: int, factory: Factory, key: str
    ) -> None:
        version = ipaddress.ip_address(address).version
        kind = TCP4ServerEndpoint if version == 4 else TCP6ServerEndpoint
        self._endpoint = kind(reactor, port, BACKLOG, address)
        self._factory = factory
        self._where = f"{f'[{address}]' if version == 6 else address}:{port}"
        self._key = key
        self._port: Any = None

    def startService(self) -> None:
        """Listen, or end the process."""
        super().startService()
        self._port = at_once(
            self._endpoint.listen(self._factory),
            f"{self._key}: cannot listen on {self._where}",
        )
        self._log.info("{key}: listening on {where}", key=self._key, where=self._where)

    def stopService(self) -> Deferred[Any]:
        """Listen no more; fires once whoever is being served has been."""
        super().stopService()
        if self._port is None:
            return succeed(None)
        closed = maybeDeferred(self._port.stopListening)
        served = getattr(self._factory, "wrappedFactory", self._factory)
        drain = getattr(served, "drain", None)
        if drain is None:
            return closed
        # Only when the port is closed: whoever is told to leave comes back at once,
        # and must not be let in by a process that is about to end.
        return closed.addCallback(lambda _: drain(DRAIN))
