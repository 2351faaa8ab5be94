"""What the parts share while the service is put together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.web.resource import Resource

from edgeproxy.config.load import Loaded
from edgeproxy.config.tables import Config
from edgeproxy.http.server.site import Site
from edgeproxy.http.turn import Turn
from edgeproxy.ops.accesslog import AccessLog
from edgeproxy.ops.startup import Listener, cannot_start
from edgeproxy.ops.status import Status


class Assembly:
    """The service while it is put together: where each part adds what it consists of.

    Services go to *inner* or *doors*: what serves others starts first and stops last.
    *reloads* are the named steps of a SIGHUP, *closing* what is closed in the end.
    """

    def __init__(self, loaded: Loaded, reactor: Any) -> None:
        self.config: Config = loaded.config
        self.state = loaded.state
        self.reactor = reactor
        self.reloads: list[tuple[str, Callable[[], None]]] = []
        self.closing: list[Callable[[], None]] = []
        self.status = Status(reactor, loaded.sandbox)
        self.inner, self.doors = MultiService(), MultiService()
        self.turn = Turn(reactor)
        self.access_log = AccessLog(reactor)
        self.access_log.setServiceParent(self.inner)

    def listen(self, key: str, address: str, port: int, factory: Any) -> None:
        """Have *factory* listen; *key* is what a failure to do so is blamed on."""
        listener = Listener(self.reactor, address, port, factory, key)
        listener.setServiceParent(self.doors)

    def site(self, resource: Resource, **more: Any) -> Site:
        """Return the site of a door: nothing but what its resource says."""
        return Site(
            resource,
            reactor=self.reactor,
            default_content_type=None,
            parse_forms=False,
            access_log=self.access_log,
            turn=self.turn,
            **more,
        )


def first_line(path: str | None) -> bytes | None:
    """Return what `read_first_line` does, or end the process with its reason."""
    try:
        return read_first_line(path)
    except ValueError as error:
        cannot_start(str(error))


def read_first_line(path: str | None) -> bytes | None:
    """Return the first line of the file at *path*, which holds a password.

    Raises `ValueError` where it cannot be read, or everybody can.
    """
    if path is None:
        return None
    try:
        if Path(path).stat().st_mode & 0o007:
            raise ValueError(f"{path}: is open to everybody; chmod 0640 it")
        return Path(path).read_bytes().partition(b"\n")[0].rstrip(b"\r")
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
