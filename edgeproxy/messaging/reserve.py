"""Some disk space kept back, so that a full disk can be emptied again.

Deleting rows takes space first: the write-ahead log grows before the database shrinks.
On a disk filled to the last block no accepted event could be forgotten, and the store
would stay full for ever.
"""

from __future__ import annotations

import os
from pathlib import Path

# Bytes: what is in the log must fit into the database before the log can begin anew,
# and it is up to 2 MiB (`LOG_PAGES`) and one group of events.
SIZE = 4 << 20


class Reserve:
    """The file at *path*, *size* bytes that nobody else gets."""

    def __init__(self, path: str, size: int = SIZE) -> None:
        self._path, self._size = Path(path), size
        self._kept = False

    def keep(self) -> None:
        """Take the space, unless that is done; raises `OSError` if there is none."""
        if self._kept:
            return
        number = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(number, 0, self._size)
        except OSError:
            self._path.unlink(missing_ok=True)
            raise
        finally:
            os.close(number)
        self._kept = True

    def release(self) -> None:
        """Give the space away."""
        self._kept = False
        self._path.unlink(missing_ok=True)
