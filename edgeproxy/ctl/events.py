"""``edgeproxyctl events``: what waits on disk, and what is set aside."""

from __future__ import annotations

import argparse
import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from edgeproxy.config.load import Loaded
from edgeproxy.ctl.failure import CommandFailed

TIMEOUT = 60.0  # seconds; a purge of many events takes its time


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "events",
        help="what waits in the event store, and what is set aside",
        description="Asks the running service, which does what is asked of it.",
    )
    command.add_argument("--json", action="store_true", help="for machines")
    command.set_defaults(run=show)
    actions = command.add_subparsers(metavar="ACTION")
    requeue = actions.add_parser(
        "requeue", help="deliver events that were set aside once more"
    )
    requeue.set_defaults(run=requeue_events)
    purge = actions.add_parser(
        "purge",
        help="remove events for good",
        description="Removes what is set aside or, with --waiting, what no consumer "
        "has accepted yet.",
    )
    purge.add_argument("--waiting", action="store_true", help="those that wait")
    purge.add_argument("--yes", action="store_true", help="do not ask")
    purge.set_defaults(run=purge_events)
    for action in (requeue, purge):
        action.add_argument("--tenant", help="of this tenant only")
        action.add_argument(
            "numbers", nargs="*", type=int, metavar="NUMBER", help="these only"
        )


def show(loaded: Loaded, options: argparse.Namespace) -> int:
    """Print what is in the store."""
    found = _ask(loaded, "GET", "/events")
    print(json.dumps(found, indent=2) if options.json else "\n".join(_lines(found)))
    return 0


def requeue_events(loaded: Loaded, options: argparse.Namespace) -> int:
    """Let events be delivered again."""
    done = _ask(loaded, "POST", "/events/requeue", _which(options))
    print(f"{done['requeued']} events will be delivered again.")
    return 0


def purge_events(loaded: Loaded, options: argparse.Namespace) -> int:
    """Remove events, once the operator has confirmed it."""
    body = _which(options)
    body["state"] = state = "waiting" if options.waiting else "set-aside"
    if not options.yes:
        of = f" of {options.tenant}" if options.tenant else ""
        which = f"the {len(options.numbers)}" if options.numbers else "all"
        question = f"Remove {which} events that are {state}{of} for good? [y/N] "
        try:
            answer = input(question)
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            raise CommandFailed("nothing was removed; confirm it, or give --yes")
    done = _ask(loaded, "POST", "/events/purge", body)
    print(f"{done['purged']} events were removed.")
    return 0


def _which(options: argparse.Namespace) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if options.tenant is not None:
        body["tenant"] = options.tenant
    if options.numbers:
        body["numbers"] = options.numbers
    return body


def _ask(loaded: Loaded, method: str, path: str, body: Any = None) -> Any:
    address, port = loaded.config.ops.bind_address, loaded.config.ops.port
    connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        found = json.load(answer)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CommandFailed(
            f"no edgeproxy answers at {address}:{port} (ops.port): {error}"
        ) from None
    finally:
        connection.close()
    if answer.status != 200:
        raise CommandFailed(str(found.get("error", answer.status)))
    return found


def _lines(found: dict[str, Any]) -> Iterator[str]:
    if not found["tenants"]:
        yield "No events are stored."
    for tenant, entry in sorted(found["tenants"].items()):
        since = ""
        if entry["oldest"] is not None:
            since = f", the oldest for {timedelta(seconds=entry['oldest'])}"
        aside = entry["set_aside"]
        yield f"{tenant}: {entry['waiting']} waiting{since}; {aside} set aside"
    if found["set_aside"]:
        yield "\nSet aside (number, device, stored, bytes, reason):"
    for event in found["set_aside"]:
        stored = datetime.fromtimestamp(event["stored"], UTC).astimezone()
        yield (
            f"{event['number']:>8}  {event['tenant']}/{event['device']}"
            f"  {stored.isoformat(timespec='seconds')}  {event['bytes']}"
            f"  {event['reason'] or '-'}"
        )
