"""The device credential as a user name and password in a file."""

from __future__ import annotations

import base64
import tomllib
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from edgeproxy.c8y.credential import CredentialUnavailable, IDeviceCredential
from edgeproxy.tls.renewal import Renewal

# Seconds between two looks at whether the file has changed.
LOOK = 2.0


@implementer(IDeviceCredential)
class BasicCredential(Service):
    """Reads ``[c8y] username, password`` of the TOML file at *path* (RFC 7617).

    The file is read again when it has changed. One that everybody can read is not used,
    and neither is one without both.
    """

    _log = Logger()

    def __init__(self, path: str, clock: IReactorTime) -> None:
        self._path = path
        self._clock = clock
        self._renewal = Renewal(path)
        self._next: IDelayedCall | None = None
        self.current: bytes | None = None
        self.detail = ""
        self.reload()

    tenant: frozenset[str] = frozenset()

    @property
    def shown(self) -> dict[str, Any]:
        return {"username": self._username}

    @property
    def healthy(self) -> bool:
        return self.current is not None

    def reload(self) -> None:
        """Read the file anew; what is wrong with it goes to log and *detail*."""
        self._renewal.happened()
        try:
            self._username, self.current = _read(Path(self._path))
        except ValueError as error:
            self.current, self._username = None, ""
            self.detail = f"{self._path}: {error}"
            self._log.warn("{detail}", detail=self.detail)
        else:
            self.detail = f"logs in as {self._username}"

    def startService(self) -> None:
        super().startService()
        self._next = self._clock.callLater(LOOK, self._look)

    def stopService(self) -> None:
        super().stopService()
        if self._next is not None:
            self._next.cancel()

    def _look(self) -> None:
        self._next = self._clock.callLater(LOOK, self._look)
        if self._renewal.happened():
            self.reload()

    def fetch(self) -> Deferred[bytes]:
        if self.current is not None:
            return succeed(self.current)
        return fail(CredentialUnavailable(self.detail))

    def refused(self, authorization: bytes) -> Deferred[bytes | None]:
        if self._renewal.happened():
            self.reload()
        return succeed(self.current if self.current != authorization else None)


def _read(path: Path) -> tuple[str, bytes]:
    """Return the user name and the Authorization; ValueError says what is wrong."""
    try:
        if path.stat().st_mode & 0o007:
            raise ValueError("is open to everybody; chmod 0640 it")
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("c8y")
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    if not isinstance(table, dict):
        raise ValueError("has no table [c8y]")
    username, password = table.get("username"), table.get("password")
    if not (isinstance(username, str) and isinstance(password, str) and username):
        raise ValueError("needs username and password in its table [c8y]")
    if ":" in username or not (username + password).isprintable():
        raise ValueError("has a colon in the user name, or control characters")
    pair = f"{username}:{password}".encode()
    return username, b"Basic " + base64.b64encode(pair)
