"""Days of a site whose consumer is away now and then: virtual time, real disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import attrs
from twisted.internet.defer import gatherResults

from edgeproxy.messaging.embedded import EmbeddedNetwork
from edgeproxy.messaging.message import EVENT, Message
from edgeproxy.messaging.store import EventStore
from edgeproxy.portal.avatars import Consumer
from tests.fakes.link import FakeLink
from tests.fakes.threads import ThreadClock

HOUR = 3600


@attrs.frozen
class Days:
    """Figures; sizes are in bytes, of all files of the store."""

    published: int
    lost: int
    out_of_order: int
    most_waiting: int
    largest: int
    resting: int
    in_the_end: int


class _Consumer:
    """Accepts whatever it gets, in the order of its coming."""

    def __init__(self, network: EmbeddedNetwork, received: list[bytes]) -> None:
        self._network, self._received = network, received
        self._seen = 0
        self.link = FakeLink("event/T", credit=200)
        network.attach(cast(Any, self.link), Consumer("all"))

    def work(self) -> None:
        while self.link.waiting:
            self.link.settle()
        self._received += self.link.messages[self._seen :]
        self._seen = len(self.link.messages)
        self.link.credit = 200
        self._network.writable(cast(Any, self.link))

    def leave(self) -> None:
        self.link.lose()
        self._network.detached(cast(Any, self.link))


def live_through(folder: Path, hours: int, step: int, devices: int) -> Days:
    """Let each of *devices* publish every *step* seconds for *hours* hours."""
    clock = ThreadClock()
    path = folder / "events.sqlite"
    store = EventStore(str(path), clock, uptime=clock.seconds)
    network = EmbeddedNetwork(store, clock)
    network.startService()

    def run_threads(times: int = 3) -> None:
        for _ in range(times):
            clock.wait_for(store.run_apart(lambda db: None))

    def size() -> int:
        return sum(file.stat().st_size for file in folder.glob("events.sqlite*"))

    run_threads()
    received: list[bytes] = []
    consumer: _Consumer | None = None
    published = most_waiting = largest = resting = 0
    for now in range(0, hours * HOUR, step):
        away = now // HOUR % 6 == 5
        if away and consumer is not None:
            consumer.leave()
            consumer = None
        elif not away and consumer is None:
            consumer = _Consumer(network, received)
        sent = [network.send(_event(d, now // step, now)) for d in range(devices)]
        published += devices
        clock.wait_for(gatherResults(sent))
        for _ in range(max(1, step // 60)):
            clock.advance(min(step, 60))
            for _ in range(20):
                if consumer is None or not (consumer.link.waiting or store.depth["T"]):
                    break
                consumer.work()
                run_threads(2)
            run_threads(1)
        most_waiting = max(most_waiting, store.depth["T"])
        largest = max(largest, size())
        if now == HOUR:
            resting = size()
    if consumer is None:
        consumer = _Consumer(network, received)
    while store.depth["T"]:
        consumer.work()
        run_threads()
    for _ in range(3):
        clock.advance(60)
        run_threads(20)
    in_the_end = size()
    stopped = network.stopService()
    run_threads()
    clock.advance(0)
    assert stopped.called
    return _figures(received, published, most_waiting, largest, resting, in_the_end)


def _event(device: int, number: int, now: float) -> Message:
    return Message(
        kind=EVENT,
        tenant_id="T",
        device_id=f"d{device}",
        payload=b"event=%d-%d=" % (device, number) + bytes(500),
        content_type="text/plain",
        qos=1,
        creation_time=now,
        properties={},
        trace={},
    )


def _figures(received: list[bytes], published: int, *sizes: int) -> Days:
    newest: dict[bytes, int] = {}
    out_of_order = 0
    seen = set()
    for message in received:
        device, _, number = message.split(b"event=")[1].split(b"=")[0].partition(b"-")
        if (device, number) not in seen:
            out_of_order += int(number) != newest.get(device, -1) + 1
            newest[device] = int(number)
            seen.add((device, number))
    most_waiting, largest, resting, in_the_end = sizes
    return Days(
        published=published,
        lost=published - len(seen),
        out_of_order=out_of_order,
        most_waiting=most_waiting,
        largest=largest,
        resting=resting,
        in_the_end=in_the_end,
    )
