"""Attachments of events: one file each, kept in a folder (facts: Cumulocity §4.3)."""

from __future__ import annotations

import json
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from edgeproxy.sandbox.answers import Answer, Call, Refusal
from edgeproxy.sandbox.readings import Readings

KIND = "eventbinary"


class Attachments:
    """Takes, gives and deletes the attachments of *events*, as files in *folder*."""

    def __init__(self, base: str, events: Readings, folder: Path) -> None:
        self._base = base
        self._events = events
        self._folder = folder
        self._known: dict[str, dict[str, Any]] = {}

    def create(self, call: Call) -> Answer:
        """Take the attachment of an event that has none yet."""
        event = self._event(call)
        if event in self._known:
            text = "Attachment already exists"
            raise Refusal(409, "event/Conflict", text)
        return self._keep(event, call)

    def replace(self, call: Call) -> Answer:
        """Take the attachment of an event in the place of the one it has."""
        return self._keep(self._event(call), call)

    def read(self, call: Call) -> Answer:
        """Give the attachment, as the file that it is."""
        event = self._event(call)
        if event not in self._known:
            raise Refusal(404, "event/Not Found", "Event has no attachment")
        file = self._folder / event
        return Answer(200, file=file, file_type=self._known[event]["type"])

    def delete(self, call: Call) -> Answer:
        """Delete the attachment, if there is one."""
        if self._known.pop(self._event(call), None) is not None:
            (self._folder / call.path[-2]).unlink(missing_ok=True)
        return Answer(204)

    def _event(self, call: Call) -> str:
        event = call.path[-2]
        self._events.read(Call("GET", (*call.path[:-2], event)))
        return event

    def _keep(self, event: str, call: Call) -> Answer:
        content, name, kind = _parts(call)
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / event).write_bytes(content)
        link = f"{self._base}/event/events/{event}/binaries"
        made = {
            "self": link,
            "type": kind,
            "source": event,
            "length": len(content),
            "name": name,
        }
        self._known[event] = made
        return Answer(201, KIND, made, location=link)


def _parts(call: Call) -> tuple[bytes, str, str]:
    """Return content, name and type of an upload, which may be multipart or not.

    Clients send the parts ``object`` and ``file`` in either order, and the file with
    or without a name.
    """
    if not call.content_type.lower().startswith("multipart/"):
        kind = call.content_type or "application/octet-stream"
        return call.body, f"event-{call.path[-2]}", kind
    head = f"Content-Type: {call.content_type}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=policy.HTTP).parsebytes(head + call.body)
    described: dict[str, Any] = {}
    content, name, kind = None, "", ""
    for part in message.iter_parts():
        payload: Any = part.get_payload(decode=True)
        match part.get_param("name", header="content-disposition"):
            case "object":
                described = json.loads(payload)
            case "file":
                content = bytes(payload)
                name = part.get_filename() or ""
                kind = part.get_content_type() if "content-type" in part else ""
    if content is None:
        raise Refusal(422, "undefined/validationError", "The part 'file' is missing")
    name = described.get("name") or name or f"event-{call.path[-2]}"
    return content, name, described.get("type") or kind or "application/octet-stream"
