"""The threads behind the management API, and its resource."""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service

from edgeproxy.messaging.writer import Writer
from edgeproxy.portal.login import Login
from edgeproxy.portal.throttle import Throttle
from edgeproxy.registry.management.access import LocalAccess, LoginAccess
from edgeproxy.registry.management.bulkoperations import BulkOperations
from edgeproxy.registry.management.hashing import Hashing
from edgeproxy.registry.management.operations import Operations
from edgeproxy.registry.management.registrar import Registrar
from edgeproxy.registry.management.resource import ManagementResource
from edgeproxy.registry.schema import connect
from edgeproxy.registry.store import RegistryStore


class Management(Service):
    """Serves the registry *store*; *resource* is the API.

    Changes, searches and hashes each have a thread; lookups by key are answered at
    once. *login* lets operators in; None: whoever is on this machine, where *address*
    is what the API listens on. *cors_allowed_origin* is for web pages of operators.
    """

    def __init__(
        self,
        store: RegistryStore,
        reactor: Any,
        login: Login | None,
        address: str,
        cors_allowed_origin: str,
    ) -> None:
        call = reactor.callFromThread
        self._connections = [connect(store.path), connect(store.path)]
        self._writer = Writer(self._connections[0], call, name="registry")
        self._reader = Writer(self._connections[1], call, name="registry-search")
        self._hashing = Hashing(reactor)
        registrar = Registrar(store, self._writer)
        bulk = BulkOperations(registrar, self._reader, self._hashing, reactor)
        operations = Operations(
            store.connection, registrar, self._reader, self._hashing, bulk
        )
        access: LoginAccess | LocalAccess = LocalAccess(address)
        if login is not None:
            access = LoginAccess(login, Throttle(reactor))
        self.resource = ManagementResource(
            operations,
            access.identify,
            cors_allowed_origin if login is not None else "",
        )

    def startService(self) -> None:
        """Start the threads."""
        super().startService()
        self._writer.start()
        self._reader.start()
        self._hashing.start()

    def stopService(self) -> None:
        """Finish what was asked for, and end the threads."""
        super().stopService()
        self._hashing.stop()
        self._reader.stop()
        self._writer.stop()
        for connection in self._connections:
            connection.close()
