"""``edgeproxyctl command``: sends a command to a device, and shows its response."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from typing import Any

import proton
from proton.utils import BlockingConnection, LinkDetached

from edgeproxy.config.load import Loaded
from edgeproxy.ctl.failure import CommandFailed
from edgeproxy.ctl.listener import add_login_to, login, url_of

# Seconds between two attempts to reach a device that does not wait.
RETRY = 0.2

# Seconds for the listener to say what became of a command: longer than any device waits
# for its own message to be taken.
OUTCOME = 10.0


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("command", help="commands to devices")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    send = actions.add_parser(
        "send",
        help="send a command to a device that waits for one",
        description="A device waits for a command while its request with hono-ttd is "
        "open. Exit status 0 when the command was delivered and, unless it is one-way, "
        "answered with success.",
    )
    send.add_argument("tenant", metavar="TENANT")
    send.add_argument("device", metavar="DEVICE")
    send.add_argument("name", metavar="NAME", help="what hono-command will say")
    send.add_argument("--payload", help="text to send along")
    send.add_argument(
        "--payload-file",
        type=argparse.FileType("rb"),
        metavar="FILE",
        help="the same from a file; - is the standard input",
    )
    send.add_argument("--content-type", metavar="TYPE")
    send.add_argument("--one-way", action="store_true", help="expect no response")
    send.add_argument(
        "--wait",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="for the device, and for its response (default: %(default)s)",
    )
    add_login_to(send)
    send.set_defaults(run=run)


def run(loaded: Loaded, options: argparse.Namespace) -> int:
    """Send the command; return the exit status."""
    url = url_of(loaded)
    deadline = time.monotonic() + options.wait
    try:
        connection = BlockingConnection(url, timeout=OUTCOME, **login(loaded, options))
    except proton.ProtonException as error:
        raise CommandFailed(f"{url}: {error}") from None
    try:
        return _converse(connection, options, deadline)
    except LinkDetached as error:
        raise CommandFailed(str(error)) from None
    finally:
        connection.close()


def _converse(
    connection: BlockingConnection, options: argparse.Namespace, deadline: float
) -> int:
    message = proton.Message(
        address=f"command/{options.tenant}/{options.device}",
        subject=options.name,
        body=_payload(options),
        inferred=True,
    )
    if options.content_type is not None:
        message.content_type = options.content_type
    responses = None
    if not options.one_way:
        message.reply_to = f"command_response/{options.tenant}/{secrets.token_hex(8)}"
        message.correlation_id = secrets.token_hex(8)
        responses = connection.create_receiver(message.reply_to, credit=1)
    _deliver(connection.create_sender(f"command/{options.tenant}"), message, deadline)
    if responses is None:
        print("delivered", file=sys.stderr)
        return 0
    try:
        response = responses.receive(timeout=max(0.1, deadline - time.monotonic()))
    except proton.Timeout:
        raise CommandFailed("delivered, but there is no response") from None
    responses.accept()
    return _show(response)


def _payload(options: argparse.Namespace) -> bytes | None:
    if options.payload_file is not None:
        data: bytes = options.payload_file.read()
        return data or None
    return options.payload.encode() if options.payload else None


def _deliver(sender: Any, message: proton.Message, deadline: float) -> None:
    """Send *message* until it is accepted; raises `CommandFailed`."""
    while True:
        delivery = sender.send(message, timeout=OUTCOME, error_states=[])
        if delivery.remote_state == proton.Delivery.ACCEPTED:
            return
        if delivery.remote_state == proton.Delivery.REJECTED:
            condition = delivery.remote.condition
            reason = condition.description or condition.name if condition else ""
            raise CommandFailed(f"rejected: {reason}")
        if time.monotonic() + RETRY >= deadline:
            raise CommandFailed("the device does not wait for a command")
        time.sleep(RETRY)


def _show(response: proton.Message) -> int:
    """Print *response*, payload to stdout; return the exit status."""
    status = int((response.properties or {}).get("status", 0))
    print(f"status {status}", file=sys.stderr, flush=True)
    body = response.body
    if body is not None:
        sys.stdout.buffer.write(body.encode() if isinstance(body, str) else bytes(body))
        sys.stdout.flush()
    return 0 if 200 <= status < 300 else 1
