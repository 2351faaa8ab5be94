"""Programs of others from PyPI and npm, each in an environment of its own.

They are installed the first time they are needed, into the user's cache, and are the
same for every set of our own packages.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.interop import REQUIRED, need

INSTALL = 300.0  # seconds


def python_with(*requirements: str) -> str:
    """Return the path of a Python that has *requirements* (``c8y_api==3.7.3``)."""
    system = need("python3")

    def install(folder: Path) -> list[list[str]]:
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q"]
        return [
            [system, "-m", "venv", str(folder)],
            [*pip, "--disable-pip-version-check", *requirements],
        ]

    return str(_environment("python", requirements, install) / "bin" / "python")


def node_with(*requirements: str) -> Path:
    """Return a ``node_modules`` folder that has *requirements* (``rhea@3.0.5``)."""
    need("node")
    npm = need("npm")

    def install(folder: Path) -> list[list[str]]:
        quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        return [[npm, "install", *quiet, "--prefix", str(folder), *requirements]]

    return _environment("node", requirements, install) / "node_modules"


def _environment(
    kind: str,
    requirements: tuple[str, ...],
    install: Callable[[Path], list[list[str]]],
) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or tempfile.gettempdir()
    name = "-".join([kind, *(r.replace("/", "_") for r in requirements)])
    folder = Path(cache) / f"edgeproxy-interop-{os.getuid()}" / name
    mark = folder / ".complete"
    if mark.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    # One at a time: other runs may be about the same.
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists():
            shutil.rmtree(folder, ignore_errors=True)
            for command in install(folder):
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=INSTALL
                )
                if done.returncode:
                    reason = f"{command[0]} cannot install: {done.stderr[-300:]}"
                    raise AssertionError(reason) if REQUIRED else SkipTest(reason)
            mark.touch()
    return folder
