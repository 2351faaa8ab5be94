"""How much payload a tenant may send: its data-volume limit (facts of Hono, §4.3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from edgeproxy.messaging.network import Rejected
from edgeproxy.registry.model import Tenant

# Seconds between two times that the counts are put to disk. A service that is killed
# forgets that much.
SAVE = 60.0


@attrs.frozen
class Allowance:
    """What a tenant may send in a period, which began at *start*: *most* bytes."""

    start: datetime
    most: int


def allowance_of(limit: Any, now: datetime) -> Allowance | None:
    """Return the allowance of a ``data-volume`` limit at *now*; None: no bound.

    The first month is a part of one, and so is what is allowed in it. What cannot be
    read bounds nobody.
    """
    try:
        most = int(limit.get("max-bytes", -1))
        since = datetime.fromisoformat(limit["effective-since"])
        period = limit.get("period") or {}
        days = int(period.get("no-of-days", 0))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return None
    if since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    if most < 0 or now < since:
        return None
    if period.get("mode") == "days":
        if days < 1:
            return None
        length = timedelta(days=min(days, timedelta.max.days))
        return Allowance(since + (now - since) // length * length, most)
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if since <= start:
        return Allowance(start, most)
    end = (start + timedelta(days=32)).replace(day=1)
    return Allowance(since, int(most * ((end - since) / (end - start))))


class Volumes(Service):
    """Counts the payload of tenants that have a limit, and keeps the counts in *path*.

    Nothing is counted for others. *clock* tells monotonic seconds, *wall_clock* Unix
    seconds.
    """

    _log = Logger()

    def __init__(
        self, path: Path, clock: IReactorTime, wall_clock: Callable[[], float]
    ) -> None:
        self._path = path
        self._clock = clock
        self._wall_clock = wall_clock
        # By tenant: when the period began that the bytes were sent in, and how many.
        self._used: dict[str, tuple[str, int]] = {}
        self._call: IDelayedCall | None = None
        try:
            for tenant, (start, used) in json.loads(path.read_text()).items():
                self._used[tenant] = str(start), int(used)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, AttributeError) as error:
            self._log.warn(
                "{path}: begins anew: {error}", path=str(path), error=str(error)
            )

    def stopService(self) -> None:
        """Put the counts to disk."""
        super().stopService()
        if self._call is not None:
            self._call.cancel()
            self._save()

    def take(self, tenant: Tenant, size: int) -> bool:
        """Count *size* bytes; return False, and count nothing, where they are too many.

        Sizes count as multiples of the tenant's minimum message size.
        """
        limit = tenant.resource_limits.get("data-volume")
        if limit is None:
            return True
        now = datetime.fromtimestamp(self._wall_clock(), UTC)
        allowance = allowance_of(limit, now)
        if allowance is None:
            return True
        unit = tenant.minimum_message_size
        if unit > 0:
            size = -(-size // unit) * unit
        start = allowance.start.isoformat()
        began, used = self._used.get(tenant.tenant_id, (start, 0))
        if began != start:
            used = 0
        if used + size > allowance.most:
            return False
        self._used[tenant.tenant_id] = start, used + size
        if self._call is None:
            self._call = self._clock.callLater(SAVE, self._save)
        return True

    def not_taken(self, failure: Failure, tenant: Tenant, size: int) -> Failure:
        """Give back what was counted, but not to who sent what cannot be processed."""
        if not failure.check(Rejected):
            self.give_back(tenant, size)
        return failure

    def give_back(self, tenant: Tenant, size: int) -> None:
        """Count *size* bytes no more: nobody has taken them."""
        found = self._used.get(tenant.tenant_id)
        if found is None or tenant.resource_limits.get("data-volume") is None:
            return
        unit = tenant.minimum_message_size
        if unit > 0:
            size = -(-size // unit) * unit
        self._used[tenant.tenant_id] = found[0], max(0, found[1] - size)

    def _save(self) -> None:
        self._call = None
        aside = self._path.with_name(self._path.name + ".new")
        try:
            aside.write_text(json.dumps(self._used))
            aside.rename(self._path)
        except OSError as error:
            self._log.warn("{path}: {error}", path=str(self._path), error=str(error))
