"""Composes the service: this module reads like the program's table of contents."""

from __future__ import annotations

import gc
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import inlineCallbacks
from twisted.internet.interfaces import IReactorPluggableNameResolver

from edgeproxy.composition.assembly import Assembly
from edgeproxy.composition.c8y import add_c8y_door
from edgeproxy.composition.hono import add_hono_door
from edgeproxy.composition.management import add_management
from edgeproxy.composition.messaging import add_messaging
from edgeproxy.composition.ops import add_ops
from edgeproxy.composition.registry import open_registry
from edgeproxy.composition.sandbox import add_sandbox
from edgeproxy.config.load import Loaded
from edgeproxy.messaging.database import StoreError
from edgeproxy.ops.lookups import SharedLookups
from edgeproxy.ops.startup import at_once, cannot_start, raise_descriptor_limit
from edgeproxy.portal.consumers import UsersFileError
from edgeproxy.portal.operators import OperatorsFileError
from edgeproxy.registry.store import RegistryError
from edgeproxy.sandbox.sandbox import Sandbox
from edgeproxy.tls.errors import TLSFileError

# Files that a start fails for, each with the sentence that says why.
UNUSABLE = (
    TLSFileError,
    StoreError,
    RegistryError,
    UsersFileError,
    OperatorsFileError,
)


class EdgeProxy(MultiService):
    """The service: sandbox, messaging, the doors, and ops, which listens last.

    It is composed when it starts: twistd forks before that, and neither a database
    nor its lock survives a fork.
    """

    def __init__(self, loaded: Loaded, reactor: Any) -> None:
        super().__init__()
        self._loaded = loaded
        self._assembly = Assembly(loaded, reactor)
        self._sandbox: Sandbox | None = None
        self._assembly.inner.setServiceParent(self)
        self._assembly.doors.setServiceParent(self)

    def startService(self) -> None:
        """Compose and start everything, or end the process with the reason why not."""
        raise_descriptor_limit()
        reactor = self._assembly.reactor
        if IReactorPluggableNameResolver.providedBy(reactor):
            reactor.installNameResolver(SharedLookups(reactor.nameResolver))
        try:
            self._compose()
        except UNUSABLE as error:
            cannot_start(str(error))
        if self._sandbox is not None:
            at_once(self._sandbox.listen(), "sandbox.port, sandbox.mqtt_port")
        super().startService()
        # What is here now stays: the collector need not look at it ever again, which
        # takes 25 ms each time.
        gc.collect()
        gc.freeze()

    def _compose(self) -> None:
        assembly, sandbox = self._assembly, self._loaded.sandbox
        if sandbox:
            self._sandbox = add_sandbox(assembly)
        registry = open_registry(assembly, demo=sandbox)
        add_management(assembly, registry)
        network, operator = add_messaging(assembly)
        add_hono_door(assembly, registry, network)
        add_c8y_door(assembly)
        add_ops(assembly, operator)

    @inlineCallbacks
    def stopService(self) -> Any:
        """Finish what is under way, then close what it needs."""
        self.running = 0
        yield self._assembly.doors.stopService()
        yield self._assembly.inner.stopService()
        for close in self._assembly.closing:
            close()
