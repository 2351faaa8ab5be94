"""The service or its consumer, killed at random moments under load."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from tests.soak.site import Publisher, Site, Verdict


def kill_the_service(folder: Path, rounds: int) -> Verdict:
    """Kill the service *rounds* times; the consumer comes back by itself."""

    def fault(site: Site) -> None:
        site.service.kill()
        site.service.start()

    return _rounds(folder, rounds, fault, (0.2, 0.8))


def kill_the_consumer(folder: Path, rounds: int) -> Verdict:
    """Kill the consumer *rounds* times; it is away for a moment."""

    def fault(site: Site) -> None:
        site.kill_consumer()
        time.sleep(random.uniform(0, 0.2))
        site.start_consumer()

    return _rounds(folder, rounds, fault, (0.3, 0.8))


def _rounds(
    folder: Path,
    rounds: int,
    fault: Callable[[Site], None],
    pause: tuple[float, float],
) -> Verdict:
    site = Site(folder)
    try:
        site.service.start()
        site.start_consumer()
        publishers = [Publisher(site.service.hono, device) for device in site.devices]
        for publisher in publishers:
            publisher.start()
        for _ in range(rounds):
            time.sleep(random.uniform(*pause))
            fault(site)
        for publisher in publishers:
            publisher.end()
        site.wait_until_drained()
        return site.judge(publishers)
    finally:
        site.stop()
