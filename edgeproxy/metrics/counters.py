"""What is counted, under which name."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

# Our own registry: tests and embedders may have one of their own.
REGISTRY = CollectorRegistry()

C8Y_RESPONSES = Counter(
    "edgeproxy_c8y_responses",
    "Responses of Cumulocity that were passed on, by status.",
    ["status"],
    registry=REGISTRY,
)
C8Y_FAILURES = Counter(
    "edgeproxy_c8y_failures",
    "Requests answered 502, by cause (credential, upstream).",
    ["cause"],
    registry=REGISTRY,
)
HONO_RESPONSES = Counter(
    "edgeproxy_hono_responses",
    "Responses of the Hono door, by endpoint and status.",
    ["endpoint", "status"],
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
