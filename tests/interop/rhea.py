"""npm's rhea, installed into a folder of its own and driven as a process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest

from tests.interop import REQUIRED, need

VERSION = "3.0.5"
SCRIPT = Path(__file__).with_name("rhea.js")


def rhea() -> Path:
    """Return the folder of the module; installs it the first time, or skips."""
    node, npm = need("node"), need("npm")
    assert node
    cache = os.environ.get("XDG_CACHE_HOME") or tempfile.gettempdir()
    folder = Path(cache) / f"edgeproxy-interop-{os.getuid()}" / f"rhea-{VERSION}"
    module = folder / "node_modules" / "rhea"
    if not (module / "package.json").exists():
        # Aside, then into place: other runs may be about the same.
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = tempfile.mkdtemp(dir=folder.parent)
        installed = subprocess.run(
            [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
            + ["--prefix", aside, f"rhea@{VERSION}"],
            capture_output=True,
            text=True,
            timeout=120,
        )
        if installed.returncode:
            reason = f"npm cannot install rhea: {installed.stderr.strip()[-200:]}"
            raise AssertionError(reason) if REQUIRED else SkipTest(reason)
        try:
            Path(aside).rename(folder)
        except OSError:
            shutil.rmtree(aside)  # somebody else was quicker
    return module


class Rhea:
    """A receiver; `events` yields what happens to it."""

    def __init__(self, **options: Any) -> None:
        options["module"] = str(rhea())
        self._process = subprocess.Popen(
            [need("node"), str(SCRIPT), json.dumps(options)],
            stdout=subprocess.PIPE,
            text=True,
        )

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield events until the process ends."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            yield json.loads(line)
        self._process.wait(10)

    def wait_for(self, name: str) -> dict[str, Any]:
        """Return the next event called *name*."""
        for event in self.events():
            if event["event"] == name:
                return event
            assert event["event"] in ("open", "attached", "message"), event
        raise AssertionError(f"no {name}")

    def stop(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
