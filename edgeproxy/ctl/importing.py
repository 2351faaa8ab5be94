"""``edgeproxyctl devices import``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs

from edgeproxy.config.load import Loaded
from edgeproxy.ctl.failure import CommandFailed
from edgeproxy.ctl.progress import Progress
from edgeproxy.ctl.registry import ApiRefused, ApiUnreachable, RegistryApi, joined
from edgeproxy.ctl.sources import JSON, Row, TenantRow, read

# Devices and bytes of one request; the API takes 1,000 and a mebibyte. A lost
# connection leaves it open whether one such lot is in.
LOT, LOT_BYTES = 500, 700_000

# Plain passwords of one request: each takes the service 50 ms to hash.
PASSWORDS = 100

# Refused rows that are shown; --report has them all.
SHOWN = 20


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options to the action's parser."""
    parser.description = (
        "Files are CSV (the first line names the columns: id, enabled, via, auth-id, "
        "password or pwd-hash with salt and hash-function, cert-subject, defaults.x, "
        "ext.x), JSON lines as of an export, or those of a Hono registry of 0.6 or "
        "today, of which several belong together. What is in already is left alone, "
        "so that an import may be run again."
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="-: stdin")
    parser.set_defaults(last="files")
    parser.add_argument(
        "--dry-run", action="store_true", help="change nothing, only say what would"
    )
    parser.add_argument(
        "--replace", action="store_true", help="replace devices that are others"
    )
    parser.add_argument(
        "--report", metavar="FILE", help="write refused rows there, as JSON lines"
    )


@attrs.define
class _Lot:
    """Devices that are sent together: all of one tenant, each with its JSON text."""

    tenant: str
    rows: list[Row] = attrs.field(factory=list)
    texts: list[str] = attrs.field(factory=list)
    size: int = 0
    passwords: int = 0

    def add(self, row: Row, text: str) -> None:
        self.rows.append(row)
        self.texts.append(text)
        self.size += len(text)
        self.passwords += text.count('"pwd-plain"')

    def takes(self, tenant: str, text: str) -> bool:
        """Say whether there is room for one more."""
        return (
            tenant == self.tenant
            and len(self.rows) < LOT
            and self.size + len(text) < LOT_BYTES
            and self.passwords + text.count('"pwd-plain"') <= PASSWORDS
        )

    def body(self, options: argparse.Namespace) -> bytes:
        devices = ",".join(self.texts)
        how = json.dumps({"replace": options.replace, "dry-run": options.dry_run})
        return f'{{"devices":[{devices}],{how[1:]}'.encode()


@attrs.define
class _Tally:
    """What has become of the rows so far."""

    created: int = 0
    replaced: int = 0
    unchanged: int = 0
    refused: list[JSON] = attrs.field(factory=list)

    def refuse(self, row: Row, error: str) -> None:
        told = {"file": row.file, "line": row.line, "id": row.device_id}
        self.refused.append(told | {"error": error})

    @property
    def confirmed(self) -> int:
        return self.created + self.replaced + self.unchanged + len(self.refused)


def run(loaded: Loaded, options: argparse.Namespace) -> int:
    """Import the devices in files, lot by lot."""
    importer = _Importer(RegistryApi(loaded, options), options)
    try:
        importer.run()
    except ApiUnreachable as lost:
        importer.end()
        raise CommandFailed(f"{lost}\n{importer.left_open()}") from None
    except CommandFailed:
        importer.end()
        raise
    importer.end()
    return 1 if importer.tally.refused else 0


class _Importer:
    def __init__(self, api: RegistryApi, options: argparse.Namespace) -> None:
        self.tally = _Tally()
        self._api, self._options = api, options
        self._progress = Progress(options.files)
        self._lot = _Lot(options.tenant)

    def run(self) -> None:
        for row in self._rows():
            if isinstance(row, TenantRow):
                self._create(row)
            elif row.error is not None:
                self.tally.refuse(row, row.error)
            elif row.device is None:
                self._add_to_device(row)
            else:
                self._add(row)
        self._send()

    def end(self) -> None:
        """Say what has become of everything."""
        self._progress.end()
        tally, dry = self.tally, self._options.dry_run
        for told in tally.refused[:SHOWN]:
            where = f"{told['file']}:{told['line']}"
            print(f"{where}: {told['id'] or '?'}: {told['error']}", file=sys.stderr)
        if len(tally.refused) > SHOWN:
            print(f"… and {len(tally.refused) - SHOWN:,} more", file=sys.stderr)
        if self._options.report is not None:
            lines = "".join(json.dumps(told) + "\n" for told in tally.refused)
            Path(self._options.report).write_text(lines)
        print(
            f"{tally.created:,} {'would be ' if dry else ''}created,"
            f" {tally.replaced:,} replaced, {tally.unchanged:,} in already,"
            f" {len(tally.refused):,} refused."
        )

    def left_open(self) -> str:
        """Say what nobody knows, after the service has stopped answering."""
        rows = self._lot.rows
        if not rows:
            return "What is counted above is in."
        first, last = rows[0], rows[-1]
        return (
            f"What is counted above is in. Whether the {len(rows):,} devices from"
            f" {first.file}:{first.line} to {last.file}:{last.line} are, is not known:"
            " all of them, or none. Run the import again: what is in is left alone."
        )

    def _rows(self) -> Iterator[Row | TenantRow]:
        """Yield what is in the files; credentials join their device's row."""
        files = self._progress.opened()
        if len(self._options.files) == 1:
            for path, file in files:
                yield from read(path, file)
            return
        # Hono keeps devices and credentials in two files.
        rows = [row for path, file in files for row in read(path, file)]
        loose = [r for r in rows if isinstance(r, Row) and r.device is None]
        loose = [row for row in loose if row.error is None]
        found = {(row.tenant, row.device_id): row.credentials for row in loose}
        for row in rows:
            if isinstance(row, Row) and row.device is not None:
                more = found.pop((row.tenant, row.device_id), [])
                yield attrs.evolve(row, credentials=[*row.credentials, *more])
            elif row not in loose:
                yield row
        yield from (row for row in loose if (row.tenant, row.device_id) in found)

    def _tenant(self, row: Row) -> str:
        tenant: str = row.tenant or self._options.tenant
        return tenant

    def _add(self, row: Row) -> None:
        text = json.dumps(row.as_json(), separators=(",", ":"))
        if not self._lot.takes(self._tenant(row), text):
            self._send()
            self._lot = _Lot(self._tenant(row))
        self._lot.add(row, text)

    def _add_to_device(self, row: Row) -> None:
        """Import credentials for a device that is there, which stays as it is."""
        path = "devices", self._tenant(row), row.device_id
        try:
            device = self._api.get(*path).value
        except ApiRefused as refused:
            self.tally.refuse(row, str(refused))
            return
        device.pop("status", None)
        self._add(attrs.evolve(row, device=device))

    def _send(self) -> None:
        """Send the lot, and count what has become of it."""
        lot = self._lot
        if not lot.rows:
            return
        path = joined("bulk", lot.tenant, "import")
        try:
            found = self._api.request("POST", path, lot.body(self._options)).value
        except ApiRefused as refused:
            if refused.status != 400:
                raise  # it is not about these devices, and the next would fare the same
            for row in lot.rows:
                self.tally.refuse(row, str(refused))
        else:
            for told in found["refused"]:
                self.tally.refuse(lot.rows[told["index"]], told["error"])
            self.tally.created += found["created"]
            self.tally.replaced += found["replaced"]
            self.tally.unchanged += found["unchanged"]
        self._lot = _Lot(lot.tenant)
        self._progress.show(self.tally.confirmed)

    def _create(self, row: TenantRow) -> None:
        if self._options.dry_run:
            return
        try:
            self._api.request("POST", joined("tenants", row.tenant), row.data)
        except ApiRefused as refused:
            if refused.status != 409:
                raise CommandFailed(f"tenant {row.tenant}: {refused}") from None
