"""npm's rhea, installed into a folder of its own and driven as a process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.interop import need
from tests.interop.environments import node_with

VERSION = "3.0.5"
SCRIPT = Path(__file__).with_name("rhea.js")


class Rhea:
    """A receiver; `events` yields what happens to it."""

    def __init__(self, **options: Any) -> None:
        options["module"] = str(node_with(f"rhea@{VERSION}") / "rhea")
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
