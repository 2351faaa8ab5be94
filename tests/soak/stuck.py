"""Two consumers, one of them stuck; one device whose event is always released."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from proton.handlers import MessagingHandler
from proton.reactor import Container

from tests.soak.site import ADDRESS, Publisher, Site, Verdict

HELD, RELEASED = "d0", "d1"


def get_stuck(folder: Path, seconds: float) -> Verdict:
    """Publish for *seconds*; return what became of all devices' events but two.

    The stuck consumer is attached first, has credit for one event, and keeps it: the
    first of d0, as nothing else is there. The other one releases all events of d1.
    """
    site = Site(folder)
    received: list[str] = []
    try:
        site.service.start()
        held, *others = (Publisher(site.service.hono, d) for d in site.devices)
        held.start()
        while len(held.accepted) < 5:
            time.sleep(0.02)
        held.end()
        stuck = _Receiver(site, 1, lambda body: None)
        stuck.start()
        _wait_for(lambda: stuck.bodies == ["d0-0"])

        def judge(body: str) -> str:
            if body.startswith(RELEASED):
                return "release"
            received.append(body)
            return "accept"

        other = _Receiver(site, 100, judge)
        other.start()
        for publisher in others:
            publisher.start()
        time.sleep(seconds)
        for publisher in others:
            publisher.end()
        flowing = [p for p in others if not p.name.startswith(RELEASED)]
        expected = {
            body
            for publisher in flowing
            for body in publisher.accepted
            if not body.startswith(RELEASED)
        }
        _wait_for(lambda: expected <= set(received))
        assert stuck.bodies == ["d0-0"], stuck.bodies
        assert set(other.bodies) >= {"d1-0"}
        assert not {b for b in other.bodies if b.startswith((HELD, "d1-1"))}
        stuck.stop()
        # Its connection is gone: what it held is the other one's now.
        _wait_for(lambda: set(held.accepted) <= set(received))
        (folder / "delivered").write_text("\n".join(received))
        other.stop()
        return site.judge([held, *(_without(p) for p in flowing)])
    finally:
        site.stop()


def _without(publisher: Publisher) -> Publisher:
    publisher.accepted = [b for b in publisher.accepted if not b.startswith(RELEASED)]
    return publisher


def _wait_for(condition: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.02)


class _Receiver(MessagingHandler):  # type: ignore[misc]
    """A consumer in a thread; *judge* says what becomes of a body (None: nothing)."""

    def __init__(self, site: Site, credit: int, judge: Any) -> None:
        super().__init__(prefetch=0, auto_accept=False)
        self._url = f"amqp://127.0.0.1:{site.service.amqp}"
        self._credit, self._judge = credit, judge
        self.bodies: list[str] = []
        self._container = Container(self)
        self._thread = threading.Thread(target=self._container.run, daemon=True)
        self._ended = False

    def start(self) -> None:
        """Connect."""
        self._thread.start()

    def on_start(self, event: Any) -> None:
        self._connection = event.container.connect(self._url, reconnect=False)
        event.container.create_receiver(self._connection, ADDRESS)
        event.container.schedule(0.05, self)

    def on_link_opened(self, event: Any) -> None:
        event.receiver.flow(self._credit)

    def on_message(self, event: Any) -> None:
        body = bytes(event.message.body).decode().strip()
        self.bodies.append(body)
        verdict = self._judge(body)
        if verdict is not None:
            getattr(self, verdict)(event.delivery)
            event.receiver.flow(1)

    def on_timer_task(self, event: Any) -> None:
        if self._ended:
            self._connection.close()
        else:
            event.container.schedule(0.05, self)

    def stop(self) -> None:
        """Leave, without settling anything."""
        self._ended = True
        self._thread.join(10)
