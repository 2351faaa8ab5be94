"""Imports and exports, as operations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import inlineCallbacks

from edgeproxy.messaging.writer import Fate, Writer
from edgeproxy.registry.management.access import NOBODY
from edgeproxy.registry.management.bulk import Row, read_page, read_row, refused_row
from edgeproxy.registry.management.bulkschemas import MOST_IMPORTED
from edgeproxy.registry.management.calls import Answer, Call
from edgeproxy.registry.management.contents import check
from edgeproxy.registry.management.credentials import JSON, hash_passwords, passwords_in
from edgeproxy.registry.management.hashing import Hashing, hashed
from edgeproxy.registry.management.pace import Work
from edgeproxy.registry.management.refusals import Refused
from edgeproxy.registry.management.registrar import Registrar


class BulkOperations:
    """Reads and writes many devices, so that the doors stay open meanwhile."""

    def __init__(
        self, registrar: Registrar, reader: Writer, hashing: Hashing, reactor: Any
    ) -> None:
        self._registrar = registrar
        self._reader = reader
        self._hashing = hashing
        self._reactor = reactor

    @inlineCallbacks
    def import_devices(self, call: Call) -> Any:
        """Import the devices in the body of *call*; fires with an `Answer`."""
        check("Import", call.body, "request does not contain a valid Import object")
        devices: list[Row] = []
        refused: list[JSON] = []

        def read() -> Iterator[None]:
            for index, data in enumerate(call.body["devices"]):
                try:
                    devices.append(read_row(index, data))
                except Refused as refusal:
                    refused.append(refused_row(index, data.get("id"), refusal))
                yield

        work = Work(self._reactor)
        yield work.run(read())
        secrets = [s for row in devices for s in passwords_in(row.credentials)]
        if secrets:
            yield self._hashing.run(lambda: hash_passwords(secrets, hashed))
        report = yield self._registrar.import_devices(
            call.tenant,
            devices,
            refused,
            replace=call.body.get("replace", False),
            dry_run=call.body.get("dry-run", False),
            user=call.user,
        )
        work.seconds += report.seconds
        yield work.rest()
        done = report.as_json()
        if not call.body.get("dry-run"):
            call.audit(
                f"imported devices into tenant {call.tenant}:"
                f" {done['created']} created, {done['replaced']} replaced"
            )
        return Answer(200, done)

    @inlineCallbacks
    def export_devices(self, call: Call) -> Any:
        """Export the devices that *call* asks for; fires with an `Answer`."""
        check("Export", call.body, "request does not contain a valid Export object")
        secrets = call.body.get("secrets", False)
        if secrets and call.user == NOBODY:
            raise Refused(403, "secrets are only for operators who have logged in")
        after = call.body.get("after", "")
        limit = int(call.body.get("limit", MOST_IMPORTED))
        page = yield self._reader.submit(
            lambda db: read_page(db, call.tenant, after, limit, secrets),
            Fate.APART,
        )
        if secrets and not after:
            call.audit(f"exports devices of tenant {call.tenant} with their secrets")
        return Answer(200, page)
