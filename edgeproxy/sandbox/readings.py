"""What devices report: measurements, events and alarms, kept in memory."""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import Any

from attrs import frozen

from edgeproxy.sandbox.answers import Answer, Call, Refusal, missing
from edgeproxy.sandbox.inventory import Inventory
from edgeproxy.sandbox.paging import page

# A sandbox that runs for weeks must not fill the memory; the oldest go first.
KEPT = 10_000


@frozen
class Kind:
    """One of the three APIs: its path, its words, what a report must say."""

    api: str
    singular: str
    mandatory: tuple[str, ...]

    @property
    def plural(self) -> str:
        return self.singular + "s"

    @property
    def path(self) -> tuple[str, str]:
        return (self.api, self.plural)


KINDS = (
    Kind("measurement", "measurement", ("type", "time")),
    Kind("event", "event", ("type", "time", "text")),
    Kind("alarm", "alarm", ("type", "time", "text", "severity")),
)


class Readings:
    """Takes and lists the reports of one *kind*, whose sources *inventory* knows."""

    def __init__(self, kind: Kind, base: str, inventory: Inventory) -> None:
        self._kind = kind
        self._base = base
        self._inventory = inventory
        self._ids = count(1)
        self._kept: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def list(self, call: Call) -> Answer:
        """Return a page of the reports, of one source or type if asked."""
        wanted = [
            each
            for each in self._kept
            if call.query.get("source", each["source"]["id"]) == each["source"]["id"]
            and call.query.get("type", each["type"]) == each["type"]
        ]
        kind = self._kind
        return page(call, self._base, f"{kind.singular}collection", kind.plural, wanted)

    def create(self, call: Call) -> Answer:
        """Take one report, or a collection of them, all or nothing."""
        kind, body = self._kind, call.json()
        many = body.get(kind.plural)
        if not isinstance(many, list):
            self._check(body)
            made = self._add(body)
            answer = made if call.wants_body else None
            return Answer(201, kind.singular, answer, location=made["self"])
        for each in many:
            self._check(each)
        added = [self._add(each) for each in many]
        answer = {kind.plural: added} if call.wants_body else None
        return Answer(201, f"{kind.singular}collection", answer)

    def read(self, call: Call) -> Answer:
        """Return one report."""
        for each in self._kept:
            if each["id"] == call.path[-1]:
                return Answer(200, self._kind.singular, each)
        name = self._kind.singular
        raise Refusal(
            404,
            f"{name}/Not Found",
            f"Finding {name} from database failed : "
            f"No {name} for gid '{call.path[-1]}'!",
        )

    def _check(self, body: Any) -> None:
        if not isinstance(body, dict):
            raise missing(*self._kind.mandatory)
        source = body.get("source")
        lacking = [name for name in self._kind.mandatory if not body.get(name)]
        if not isinstance(source, dict) or not source.get("id"):
            lacking.append("source")
        if lacking:
            raise missing(*lacking)
        assert isinstance(source, dict)
        if str(source["id"]) not in self._inventory:
            name = self._kind.singular
            raise Refusal(
                422,
                f"{name}/Unprocessable Entity",
                "Source object does not exist in inventory.",
            )

    def _add(self, body: dict[str, Any]) -> dict[str, Any]:
        report_id = str(next(self._ids))
        link = f"{self._base}/{'/'.join(self._kind.path)}/{report_id}"
        source = {**body["source"], "id": str(body["source"]["id"])}
        made = {**body, "source": source, "id": report_id, "self": link}
        self._kept.append(made)
        return made
