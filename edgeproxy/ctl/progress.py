"""How far a long command has come, on a terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from edgeproxy.ctl.failure import CommandFailed

WIDTH = 30  # characters of the bar


class Progress:
    """Shows a bar while the files at *paths* are read; only on a terminal."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = paths
        self._begun = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._shown = 0.0
        self._done = 0
        self._file: TextIO | None = None
        try:
            self._total = sum(Path(p).stat().st_size for p in paths if p != "-")
        except OSError as error:
            raise CommandFailed(f"{error.filename}: {error.strerror}") from None

    def opened(self) -> Iterator[tuple[str, TextIO]]:
        """Yield each path with its file, open until the next."""
        for path in self._paths:
            if path == "-":
                yield path, sys.stdin
                continue
            try:
                with Path(path).open(encoding="utf-8-sig", newline="") as self._file:
                    yield path, self._file
                    self._done += Path(path).stat().st_size
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise CommandFailed(f"{path}: {reason}") from None
            finally:
                self._file = None

    def show(self, count: int) -> None:
        """Show that *count* devices are through."""
        now = time.monotonic()
        if not self._terminal or now - self._shown < 0.1:
            return
        self._shown = now
        rate = count / max(now - self._begun, 0.001)
        read = self._done
        if self._file is not None:
            read += os.lseek(self._file.fileno(), 0, os.SEEK_CUR)
        share = min(read / self._total, 1.0) if self._total else 0.0
        bar = "#" * int(share * WIDTH)
        text = f"[{bar:<{WIDTH}}] {share:4.0%}  {count:,} devices, {rate:,.0f} a second"
        print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the terminal to others."""
        if self._terminal and self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
