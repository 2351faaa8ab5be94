"""What is counted, under which name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import CounterMetricFamily

# Our own registry: tests and embedders may have one of their own.
REGISTRY = CollectorRegistry()


class Tally(dict[Any, int]):
    """A counter by labels: one value, or a tuple of them; ``tally[labels] += 1``.

    That takes a tenth of what the library's counters do, which take a lock. *most*
    bounds how many there are: labels may come from requests, and what is beyond counts
    as ``other``.
    """

    def __init__(
        self,
        name: str,
        help: str,
        labels: Sequence[str],
        registry: CollectorRegistry = REGISTRY,
        most: int = 200,
    ) -> None:
        super().__init__()
        self._family = name, help, labels
        self._most = most
        registry.register(self)  # type: ignore[arg-type]

    __hash__ = object.__hash__  # type: ignore[assignment]  # registries keep a dict

    def __missing__(self, labels: Any) -> int:
        return 0

    def __setitem__(self, labels: Any, count: int) -> None:
        if len(self) >= self._most and labels not in self:
            # A count that begins is 1: that is what there is to be added.
            labels = tuple("other" for _ in self._family[2])
            count += self.get(labels, 0)
        super().__setitem__(labels, count)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the counts to whoever exports the registry."""
        name, help, labels = self._family
        family = CounterMetricFamily(name, help, labels=labels)
        for values, count in list(self.items()):
            each = values if isinstance(values, tuple) else (values,)
            family.add_metric([str(value) for value in each], count)
        yield family


C8Y_RESPONSES = Tally(
    "edgeproxy_c8y_responses",
    "Responses of Cumulocity that were passed on, by status.",
    ["status"],
)
C8Y_FAILURES = Tally(
    "edgeproxy_c8y_failures",
    "Requests answered 502, by cause (credential, upstream).",
    ["cause"],
)
HONO_RESPONSES = Tally(
    "edgeproxy_hono_responses",
    "Responses of the Hono door, by endpoint and status.",
    ["endpoint", "status"],
)
COMMANDS = Tally(
    "edgeproxy_commands",
    "Commands of applications to devices, by what became of them (accepted, released, "
    "rejected).",
    ["outcome"],
)
DEVICES_WAITING = Gauge(
    "edgeproxy_devices_waiting",
    "Requests of devices that wait for a command.",
    registry=REGISTRY,
)
EVENTS_WAITING = Gauge(
    "edgeproxy_events_waiting",
    "Events on disk that no consumer has accepted yet.",
    registry=REGISTRY,
)
EVENTS_SET_ASIDE = Gauge(
    "edgeproxy_events_set_aside",
    "Events on disk that are delivered no more: a consumer could not take them.",
    registry=REGISTRY,
)
EVENTS_REMOVED = Counter(
    "edgeproxy_events_removed",
    "Events that left the disk without a consumer's having accepted them, by reason"
    " (expired, too-old, purged).",
    ["reason"],
    registry=REGISTRY,
)
CONSUMERS = Gauge(
    "edgeproxy_consumers",
    "AMQP links on which consumers are attached.",
    registry=REGISTRY,
)
REGISTRY_RESPONSES = Tally(
    "edgeproxy_registry_responses",
    "Responses of the management API, by operation and status.",
    ["operation", "status"],
)
