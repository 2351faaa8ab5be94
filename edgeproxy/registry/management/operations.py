"""What each operation of the document does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import Deferred, inlineCallbacks, maybeDeferred

from edgeproxy.messaging.writer import Fate, Writer
from edgeproxy.registry.management import refusals, search
from edgeproxy.registry.management.bulkoperations import BulkOperations
from edgeproxy.registry.management.calls import Answer, Call
from edgeproxy.registry.management.credentials import (
    hash_passwords,
    passwords_in,
    shown,
    taken_in,
)
from edgeproxy.registry.management.hashing import Hashing, hashed
from edgeproxy.registry.management.refusals import Refused
from edgeproxy.registry.management.registrar import Registrar
from edgeproxy.registry.management.tenants import (
    device_shown,
    device_taken_in,
    tenant_taken_in,
)
from edgeproxy.registry.rows import new_id


def _created(collection: str, *ids: str) -> Callable[[str], Answer]:
    path = "/".join(quote(name, safe=":=") for name in ids)
    location = f"/v1/{collection}/{path}"
    return lambda version: Answer(201, {"id": ids[-1]}, version, location)


def _changed(version: str | None) -> Answer:
    return Answer(204, None, version)


class Operations:
    """Does what is asked for, by *registrar*; *reader* runs searches in its thread.

    *connection* answers what is found by its key at once, *bulk* does what concerns
    many devices.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        registrar: Registrar,
        reader: Writer,
        hashing: Hashing,
        bulk: BulkOperations,
    ) -> None:
        self._db = connection
        self._registrar = registrar
        self._reader = reader
        self._hashing = hashing
        self._importDevices = bulk.import_devices
        self._exportDevices = bulk.export_devices

    def run(self, name: str, call: Call) -> Deferred[Answer]:
        """Do the operation *name*; fails with `Refused`."""
        done: Deferred[Answer] = maybeDeferred(getattr(self, f"_{name}"), call)
        return done

    # Tenants

    def _createTenant(self, call: Call) -> Deferred[Answer]:
        return self._new_tenant(call, new_id())

    def _createTenantWithId(self, call: Call) -> Deferred[Answer]:
        return self._new_tenant(call, call.tenant)

    def _new_tenant(self, call: Call, tenant: str) -> Deferred[Answer]:
        data = tenant_taken_in({} if call.body is None else call.body)
        done = self._registrar.create_tenant(tenant, data)
        return _audited(done, call, f"created tenant {tenant}").addCallback(
            _created("tenants", tenant)
        )

    def _getTenant(self, call: Call) -> Answer:
        data, version = self._row(
            refusals.NO_TENANT,
            "SELECT data, version FROM tenants WHERE tenant = ?",
            call.tenant,
        )
        return Answer(200, json.loads(data), version)

    def _updateTenant(self, call: Call) -> Deferred[Answer]:
        data = tenant_taken_in(call.body)
        done = self._registrar.update_tenant(call.tenant, data, call.if_match)
        return _audited(done, call, f"changed tenant {call.tenant}").addCallback(
            _changed
        )

    def _deleteTenant(self, call: Call) -> Deferred[Answer]:
        done = self._registrar.delete_tenant(call.tenant, call.if_match)
        return _audited(done, call, f"deleted tenant {call.tenant}").addCallback(
            _changed
        )

    def _searchTenants(self, call: Call) -> Deferred[Answer]:
        return self._search("tenants", None, call)

    # Devices

    def _createDevice(self, call: Call) -> Deferred[Answer]:
        return self._new_device(call, new_id())

    def _createDeviceWithId(self, call: Call) -> Deferred[Answer]:
        return self._new_device(call, call.device)

    def _new_device(self, call: Call, device: str) -> Deferred[Answer]:
        data = device_taken_in({} if call.body is None else call.body)
        done = self._registrar.create_device(call.tenant, device, data, call.user)
        what = f"created device {call.tenant}/{device}"
        return _audited(done, call, what).addCallback(
            _created("devices", call.tenant, device)
        )

    def _getDevice(self, call: Call) -> Answer:
        self._known(call.tenant)
        data, version, *status = self._row(
            refusals.NO_DEVICE,
            "SELECT data, version, created, updated, last_user FROM devices"
            " WHERE tenant = ? AND device = ?",
            call.tenant,
            call.device,
        )
        return Answer(200, device_shown(json.loads(data), *status), version)

    def _updateDevice(self, call: Call) -> Deferred[Answer]:
        data = device_taken_in(call.body)
        done = self._registrar.update_device(
            call.tenant, call.device, data, call.if_match, call.user
        )
        what = f"changed device {call.tenant}/{call.device}"
        return _audited(done, call, what).addCallback(_changed)

    def _deleteDevice(self, call: Call) -> Deferred[Answer]:
        done = self._registrar.delete_device(call.tenant, call.device, call.if_match)
        what = f"deleted device {call.tenant}/{call.device}"
        return _audited(done, call, what).addCallback(_changed)

    @inlineCallbacks
    def _deleteDevices(self, call: Call) -> Any:
        count = yield self._registrar.delete_devices(call.tenant)
        call.audit(f"deleted all devices of tenant {call.tenant}: {count}")
        return Answer(204)

    def _searchDevices(self, call: Call) -> Deferred[Answer]:
        return self._search("devices", call.tenant, call)

    # Credentials

    def _getCredentials(self, call: Call) -> Answer:
        self._known(call.tenant)
        (version,) = self._row(
            refusals.NO_CREDENTIALS,
            "SELECT credentials_version FROM devices WHERE tenant = ? AND device = ?",
            call.tenant,
            call.device,
        )
        rows = self._db.execute(
            "SELECT data FROM credentials WHERE tenant = ? AND device = ?"
            " ORDER BY type, auth_id",
            (call.tenant, call.device),
        )
        return Answer(200, [shown(json.loads(data)) for (data,) in rows], version)

    @inlineCallbacks
    def _updateCredentials(self, call: Call) -> Any:
        credentials = taken_in(call.body)
        secrets = passwords_in(credentials)
        if secrets:
            yield self._hashing.run(lambda: hash_passwords(secrets, hashed))
        version = yield self._registrar.update_credentials(
            call.tenant, call.device, credentials, call.if_match
        )
        call.audit(f"changed credentials of device {call.tenant}/{call.device}")
        return Answer(204, None, version)

    # What they share

    def _search(self, table: str, tenant: str | None, call: Call) -> Deferred[Answer]:
        query = search.read_query(table, tenant, call.query)
        done = self._reader.submit(
            lambda db: search.run_search(db, table, tenant, query), Fate.APART
        )
        return done.addCallback(lambda found: Answer(200, found))

    def _known(self, tenant: str) -> None:
        query = "SELECT 1 FROM tenants WHERE tenant = ?"
        self._row(refusals.NO_TENANT, query, tenant)

    def _row(self, otherwise: tuple[int, str], query: str, *names: str) -> Any:
        row = self._db.execute(query, names).fetchone()
        if row is None:
            raise Refused(*otherwise)
        return row


def _audited(done: Deferred[Any], call: Call, what: str) -> Deferred[Any]:
    """Log *what* was done once it is."""

    def log(result: Any) -> Any:
        call.audit(what)
        return result

    return done.addCallback(log)
