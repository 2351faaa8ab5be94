"""What is counted, under which name."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

# Our own registry: tests and embedders may have one of their own.
REGISTRY = CollectorRegistry()


class Children(dict[Any, Any]):
    """The children of *counter* by their labels: one value, or a tuple of them.

    Looking one up takes a tenth of what ``labels()`` does. *most* bounds how many
    there are: labels may come from requests, and what is beyond counts as ``other``.
    """

    def __init__(self, counter: Counter, most: int = 200) -> None:
        super().__init__()
        self._counter, self._most = counter, most

    def __missing__(self, labels: Any) -> Any:
        values = labels if isinstance(labels, tuple) else (labels,)
        if len(self) >= self._most:
            return self._counter.labels(*("other" for _ in values))
        child = self[labels] = self._counter.labels(*map(str, values))
        return child


_C8Y_RESPONSES = Counter(
    "edgeproxy_c8y_responses",
    "Responses of Cumulocity that were passed on, by status.",
    ["status"],
    registry=REGISTRY,
)
C8Y_RESPONSES = Children(_C8Y_RESPONSES)
C8Y_FAILURES = Counter(
    "edgeproxy_c8y_failures",
    "Requests answered 502, by cause (credential, upstream).",
    ["cause"],
    registry=REGISTRY,
)
_HONO_RESPONSES = Counter(
    "edgeproxy_hono_responses",
    "Responses of the Hono door, by endpoint and status.",
    ["endpoint", "status"],
    registry=REGISTRY,
)
HONO_RESPONSES = Children(_HONO_RESPONSES)
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
