"""The sandbox's request log: one JSON object a line, for people and for tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import IO

from twisted.logger import Logger


class RequestLog:
    """Appends to *path* what was asked and how it was answered.

    A line has ``time``, ``method``, ``target``, ``status``, ``auth`` (``bearer``,
    ``basic``, ``none`` or ``refused``), ``user``, ``jti`` and ``why``. Credentials
    themselves never come here.
    """

    _log = Logger()

    def __init__(self, path: Path, wall: Callable[[], float]) -> None:
        self.path = path
        self._wall = wall
        self._file: IO[str] | None = None

    def open(self) -> None:
        """Open the file; `OSError` if that cannot be."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a", encoding="utf-8", buffering=1)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def add(
        self,
        method: str,
        target: str,
        status: int,
        auth: str,
        user: str = "",
        jti: str = "",
        why: str = "",
    ) -> None:
        """Write one line, and say the same in the log of the program."""
        entry = {
            "time": round(self._wall(), 3),
            "method": method,
            "target": target,
            "status": status,
            "auth": auth,
            "user": user,
            "jti": jti,
            "why": why,
        }
        if self._file is not None:
            self._file.write(json.dumps(entry) + "\n")
        self._log.info(
            "sandbox cloud: {method} {target} {status} ({auth}{because})",
            **entry,
            because=f": {why}" if why else "",
        )
