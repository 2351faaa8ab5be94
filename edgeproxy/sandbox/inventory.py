"""The inventory: managed objects, kept in memory (facts: Cumulocity §4)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from edgeproxy.sandbox.answers import Answer, Call, Refusal
from edgeproxy.sandbox.paging import page

PATH = ("inventory", "managedObjects")
KIND = "managedobject"

# A client may send them back as it got them; it cannot change them.
READ_ONLY = frozenset({"id", "self", "creationTime", "lastUpdated", "owner"})

REFERENCES = ("childDevices", "childAssets", "childAdditions")


class Inventory:
    """Creates, reads, updates and deletes managed objects.

    *base* starts every link; *now* gives the time as Cumulocity writes it.
    """

    def __init__(self, base: str, now: Callable[[], str]) -> None:
        self._base = base
        self._now = now
        self._ids = count(1001)
        self._objects: dict[str, dict[str, Any]] = {}

    def __contains__(self, object_id: object) -> bool:
        return object_id in self._objects

    def register(self, device_id: str) -> str:
        """Return the id of the device's managed object, made the first time."""
        for object_id, found in self._objects.items():
            if found.get("name") == device_id and "c8y_IsDevice" in found:
                return object_id
        fragments = {"name": device_id, "type": "c8y_MQTTDevice", "c8y_IsDevice": {}}
        return str(self._add(fragments, f"device_{device_id}")["id"])

    def list(self, call: Call) -> Answer:
        """Return a page of the objects, of one type or with one fragment if asked."""
        wanted = [
            found
            for found in self._objects.values()
            if call.query.get("type", found.get("type")) == found.get("type")
            and call.query.get("fragmentType", "id") in found
        ]
        return page(call, self._base, f"{KIND}collection", "managedObjects", wanted)

    def create(self, call: Call, user: str) -> Answer:
        """Add an object."""
        made = self._add(call.json(), user)
        body = made if call.wants_body else None
        return Answer(201, KIND, body, location=made["self"])

    def read(self, call: Call) -> Answer:
        """Return one object."""
        return Answer(200, KIND, self._find(call))

    def update(self, call: Call) -> Answer:
        """Merge the body into an object at the first level; null deletes a fragment."""
        found = self._find(call)
        sent = call.json()
        changes = {key: value for key, value in sent.items() if key not in READ_ONLY}
        for key, value in changes.items():
            if value is None:
                found.pop(key, None)
            else:
                found[key] = value
        found["lastUpdated"] = self._now()
        if not call.wants_body:
            return Answer(200, KIND)
        # Nothing but the id is a sign of life, and answered in kind.
        return Answer(200, KIND, found if changes else {"id": found["id"]})

    def delete(self, call: Call) -> Answer:
        """Forget an object."""
        del self._objects[self._find(call)["id"]]
        return Answer(204)

    def _add(self, fragments: dict[str, Any], user: str) -> dict[str, Any]:
        object_id = str(next(self._ids))
        link = f"{self._base}/{'/'.join(PATH)}/{object_id}"
        made = {key: value for key, value in fragments.items() if value is not None}
        made |= {
            name: {"references": [], "self": f"{link}/{name}"} for name in REFERENCES
        }
        made |= {
            "id": object_id,
            "self": link,
            "owner": user,
            "creationTime": self._now(),
            "lastUpdated": self._now(),
        }
        self._objects[object_id] = made
        return made

    def _find(self, call: Call) -> dict[str, Any]:
        object_id = call.path[-1]
        try:
            return self._objects[object_id]
        except KeyError:
            raise Refusal(
                404,
                "inventory/Not Found",
                "Finding device data from database failed : "
                f"No managedObject for id '{object_id}'!",
            ) from None
