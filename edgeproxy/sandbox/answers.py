"""What the sandbox's handlers take and give, and how Cumulocity words a refusal.

Handlers are plain functions from `Call` to `Answer`; they never see a connection.
(facts: Cumulocity §2.2, §2.3 and §3.)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attrs import field, frozen

ERROR_INFO = "https://www.cumulocity.com/guides/reference-guide/#error_reporting"


def media_type(name: str) -> bytes:
    """Return Cumulocity's media type for *name*, in the order real answers have."""
    kind = f"application/vnd.com.nsn.cumulocity.{name}+json"
    return f"{kind};charset=UTF-8;ver=0.9".encode("ascii")


@frozen
class Call:
    """A request: decoded path segments, query, and the body as it came."""

    method: str
    path: tuple[str, ...]
    query: dict[str, str] = field(factory=dict)
    body: bytes = b""
    accept: str = ""
    content_type: str = ""

    def json(self) -> dict[str, Any]:
        """Return the body, which must be a JSON object."""
        if not self.body:
            raise Refusal(
                422, "undefined/validationError", "Representation must not be null"
            )
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            raise Refusal(
                400, "general/badRequest", "Invalid JSON in the request body"
            ) from None
        if not isinstance(value, dict):
            raise Refusal(
                422, "undefined/validationError", "Representation must be an object"
            )
        return value

    @property
    def wants_body(self) -> bool:
        """Whether a change is answered with what it made: only if Accept is given.

        ``*/*``, which many clients always send, counts as not given.
        """
        return self.accept.strip() not in ("", "*/*")


@frozen
class Answer:
    """A status, and a JSON body of one of Cumulocity's media types, or none.

    With a *file* that is the body, of the media type *file_type*, and ranges of it may
    be asked for.
    """

    status: int
    kind: str = ""
    body: Any = None
    location: str = ""
    allow: tuple[str, ...] = ()
    file: Path | None = None
    file_type: str = ""

    @property
    def content_type(self) -> bytes:
        return media_type(self.kind)

    @property
    def content(self) -> bytes:
        return b"" if self.body is None else json.dumps(self.body).encode()


class Refusal(Exception):
    """An answer in Cumulocity's error form."""

    def __init__(
        self, status: int, error: str, message: str, allow: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.answer = Answer(
            status,
            "error",
            {"error": error, "message": message, "info": ERROR_INFO},
            allow=allow,
        )


def missing(*fields: str) -> Refusal:
    """Return the refusal of a body that lacks mandatory *fields*."""
    return Refusal(
        422,
        "undefined/validationError",
        f"Following mandatory fields should be included: {','.join(fields)}",
    )
