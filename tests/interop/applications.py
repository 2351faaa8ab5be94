"""Applications that send a command: one written with proton, one with rhea."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import attrs
from proton import Delivery, Message, Timeout
from proton.utils import BlockingConnection

from tests.interop import need
from tests.interop.environments import node_with
from tests.interop.rhea import VERSION

TENANT = "DEFAULT_TENANT"

STATES = {
    Delivery.ACCEPTED: "accepted",
    Delivery.REJECTED: "rejected",
    Delivery.RELEASED: "released",
}


@attrs.frozen
class Result:
    """What became of a command: its outcome, and the response if one came."""

    state: str
    condition: str | None = None
    response: dict[str, Any] | None = None


def with_proton(
    port: int,
    device: str,
    body: str | None = "x",
    reply: str | None = None,
    tries: int = 100,
    name: str = "go",
    content_type: str | None = "text/plain",
    timeout: float = 10.0,
) -> Result:
    """Send a command until it is taken, *tries* times at most."""
    connection = BlockingConnection(f"amqp://127.0.0.1:{port}", timeout=timeout)
    try:
        message = Message(
            address=f"command/{TENANT}/{device}",
            subject=name,
            body=None if body is None else body.encode(),
            inferred=True,
        )
        if content_type is not None:
            message.content_type = content_type
        receiver = None
        if reply is not None:
            message.reply_to = f"command_response/{TENANT}/{reply}"
            message.correlation_id = f"corr-{reply}"
            receiver = connection.create_receiver(message.reply_to, credit=1)
        sender = connection.create_sender(f"command/{TENANT}")
        while True:
            delivery = sender.send(message, error_states=[])
            state = STATES[delivery.remote_state]
            tries -= 1
            if state != "released" or not tries:
                break
            time.sleep(0.05)
        condition = delivery.remote.condition if state == "rejected" else None
        named = condition.name if condition else None
        if receiver is None or state != "accepted":
            return Result(state, named)
        try:
            response = receiver.receive(timeout=10)
        except Timeout:
            return Result(state)
        receiver.accept()
        return Result(
            state,
            None,
            {
                "correlation_id": response.correlation_id,
                "content_type": str(response.content_type),
                "properties": dict(response.properties or {}),
                "body": bytes(response.body or b"").decode(),
            },
        )
    finally:
        connection.close()


def with_rhea(
    port: int,
    device: str,
    body: str | None = "x",
    reply: str | None = None,
    tries: int = 100,
    name: str = "go",
    content_type: str | None = "text/plain",
) -> Result:
    """Send a command until it is taken, *tries* times at most."""
    options = {
        "module": str(node_with(f"rhea@{VERSION}") / "rhea"),
        "port": port,
        "tenant": TENANT,
        "device": device,
        "body": body,
        "reply": reply,
        "tries": tries,
        "name": name,
        "content_type": content_type,
    }
    script = Path(__file__).with_name("rhea_app.js")
    printed = subprocess.run(
        [need("node"), str(script), json.dumps(options)],
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    events = {e["event"]: e for e in map(json.loads, printed.splitlines())}
    assert "outcome" in events, printed
    outcome, response = events["outcome"], events.get("response")
    if response is not None:
        del response["event"]
    return Result(outcome["state"], outcome.get("condition"), response)
