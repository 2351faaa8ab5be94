"""A disk that fills up under load, and has room again."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.soak.site import Publisher, Site, Verdict


def small_file_system(folder: Path, size: str) -> None:
    """Mount one of *size* at *folder*, or skip the running test."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        raise SkipTest("needs root, to mount a small file system")
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        raise SkipTest(f"cannot mount: {mounted.stderr.strip()}")


def unmount(folder: Path) -> None:
    """Unmount *folder*, even if it is still in use."""
    subprocess.run(["umount", "-l", str(folder)], check=False)


def fill_the_disk(folder: Path, rounds: int) -> Verdict:
    """Fill the disk with events, let a consumer make room, *rounds* times.

    Meanwhile the service must be up, refuse with 503, and take events again by itself.
    """
    disk = folder / "disk"
    small_file_system(disk, "8m")
    store = (disk / "events.sqlite").absolute()
    site = Site(folder, f"hono.messaging.embedded.store_path={store}")
    try:
        site.service.start()
        publishers = [
            Publisher(site.service.hono, device, size=1900, pause=0.001)
            for device in site.devices
        ]
        for publisher in publishers:
            publisher.start()
        for _ in range(rounds):
            refused = _answers(publishers, 503)
            _wait_for(lambda r=refused: _answers(publishers, 503) > r + 20)  # type: ignore[misc]
            _wait_for(lambda: not site.service.ready())
            assert _is_alive(site)
            site.start_consumer()
            taken = _answers(publishers, 202)
            _wait_for(lambda t=taken: _answers(publishers, 202) > t + 20)  # type: ignore[misc]
            _wait_for(site.service.ready)
            site.kill_consumer()
        for publisher in publishers:
            publisher.end()
        assert all(set(p.statuses) <= {202, 503} for p in publishers)
        site.start_consumer()
        site.wait_until_drained()
        return site.judge(publishers)
    finally:
        site.stop()
        unmount(disk)


def _answers(publishers: list[Publisher], status: int) -> int:
    return sum(publisher.statuses[status] for publisher in publishers)


def _is_alive(site: Site) -> bool:
    connection = HTTPConnection("127.0.0.1", site.service.ops, timeout=10)
    connection.request("GET", "/liveness")
    alive = connection.getresponse().status == 200
    connection.close()
    return alive


def _wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happens"
        time.sleep(0.02)
