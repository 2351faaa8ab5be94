"""``edgeproxyctl token``: what the device's credential is, and how it fares."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from edgeproxy.config.load import Loaded
from edgeproxy.ctl.failure import CommandFailed
from edgeproxy.ctl.service import ask


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "token",
        help="what the device's credential at Cumulocity is",
        description="Shows what the token of the running service says, never the token "
        "itself: software uses it by way of the /c8y door. Exit status 1 without a "
        "credential that is good.",
    )
    command.add_argument("--json", action="store_true", help="for machines")
    command.set_defaults(run=show)


def show(loaded: Loaded, options: argparse.Namespace) -> int:
    """Print what is known of it."""
    c8y = ask(loaded, "/status")["c8y"]
    if not c8y["open"]:
        raise CommandFailed(f"the /c8y door {c8y['detail']}")
    if options.json:
        print(json.dumps(c8y, indent=2))
    else:
        print(f"upstream    {c8y['upstream']}")
        print(f"state       {c8y['detail']}")
        for name, value in c8y["credential"].items():
            print(f"{name:11} {_readable(name, value)}")
    return 0 if c8y["token"] else 1


def _readable(name: str, value: Any) -> str:
    if name in ("iat", "nbf", "exp") and isinstance(value, (int, float)):
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return str(value)
