"""Notices that files of key material have changed."""

from __future__ import annotations

import os
from pathlib import Path


class Renewal:
    """Watches *paths*, each a file or a folder of files; None is no path.

    Asked whenever a connection is made, which costs far less than its handshake: so the
    next connection after a renewal shows the new certificate, and no timer runs.
    """

    def __init__(self, *paths: str | None) -> None:
        self._paths = [Path(path) for path in paths if path is not None]
        self._seen = self._look()

    def happened(self) -> bool:
        """Say whether anything has changed since the last time this was asked."""
        now = self._look()
        changed = now != self._seen
        self._seen = now
        return changed

    def _look(self) -> list[tuple[str, int, int, int]]:
        return [
            (str(file), found.st_mtime_ns, found.st_size, found.st_ino)
            for path in self._paths
            for file in [path, *_files(path)]
            if (found := _stat(file)) is not None
        ]


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []  # a file, or a folder that cannot be read


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
