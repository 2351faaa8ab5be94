"""Proton's events, without what is not needed of them.

Proton's `Collector` wraps six objects for every event, though most events are not even
looked at: that was more than half of what a message costs. Here an event is a number
and a pointer; both sets of packages have these functions of the C library.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import proton
from cproton import (
    pn_collector_peek,
    pn_collector_pop,
    pn_event_delivery,
    pn_event_type,
)

DELIVERY: int = proton.Event.DELIVERY.number


def pending_events(collector: Any) -> Iterator[tuple[int, Any]]:
    """Yield number and pointer of each event of *collector*, then take it away.

    An event and what it points to are there until the next one is asked for.
    """
    pointer = collector._impl
    while event := pn_collector_peek(pointer):
        yield pn_event_type(event), event
        pn_collector_pop(pointer)


def delivery_of(event: Any) -> Any:
    """Return the ``proton.Delivery`` that *event* is about."""
    return proton.Delivery.wrap(pn_event_delivery(event))
