"""What operations are given, and give back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from twisted.logger import Logger

_audit = Logger("edgeproxy.audit")


@attrs.frozen
class Call:
    """One request: its parameters, its JSON value, and who it is from."""

    ids: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any
    if_match: str | None
    user: str
    address: str

    @property
    def tenant(self) -> str:
        """The tenant that the path names."""
        return self.ids["tenantId"]

    @property
    def device(self) -> str:
        """The device that the path names."""
        return self.ids["deviceId"]

    def audit(self, done: str) -> None:
        """Log who has *done* what; that holds no secrets."""
        _audit.info(
            "{user} at {address} {done}",
            user=self.user,
            address=self.address,
            done=done,
        )


@attrs.frozen
class Answer:
    """What is answered: *body* is a JSON value, or its text (None: there is none)."""

    status: int
    body: Any = None
    etag: str | None = None
    location: str | None = None
