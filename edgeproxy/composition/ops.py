"""Adds health, metrics and status, and what SIGHUP does."""

from __future__ import annotations

from edgeproxy.composition.assembly import Assembly
from edgeproxy.messaging.operator import Operator
from edgeproxy.metrics import counters
from edgeproxy.ops.events import EventsResource
from edgeproxy.ops.hangup import Reloader
from edgeproxy.ops.health import ops_resource
from edgeproxy.ops.systemd import SystemdNotifier


def add_ops(assembly: Assembly, operator: Operator) -> None:
    """Add health, metrics and status, and the handler of SIGHUP."""
    Reloader(assembly.reactor, assembly.reloads).setServiceParent(assembly.inner)
    table, status = assembly.config.ops, assembly.status
    resource = ops_resource(status.checks, status.report)
    resource.putChild(b"events", EventsResource(operator, table.bind_address))
    assembly.listen("ops.port", table.bind_address, table.port, assembly.site(resource))
    # Last of all: everything listens by now.
    SystemdNotifier(assembly.reactor).setServiceParent(assembly.doors)
    counters.EVENTS_WAITING.set_function(status.events_waiting)
    counters.EVENTS_SET_ASIDE.set_function(status.events_set_aside)
    counters.CONSUMERS.set_function(status.consumers)
