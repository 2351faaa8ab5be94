"""``edgeproxyctl status``: how the running service fares, at a glance."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from edgeproxy.config.load import Loaded
from edgeproxy.ctl.service import ask


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "status",
        help="how the running service fares",
        description="Exit status 0 when everything is well, 1 otherwise.",
    )
    command.add_argument("--json", action="store_true", help="for machines")
    command.set_defaults(run=show)


def show(loaded: Loaded, options: argparse.Namespace) -> int:
    """Print the status."""
    report, ready = ask(loaded, "/status"), ask(loaded, "/readiness")
    if options.json:
        print(json.dumps(report | {"ready": ready}, indent=2))
    else:
        print("\n".join(_lines(report, ready)))
    return 0 if ready["status"] == "UP" else 1


def _lines(report: dict[str, Any], ready: dict[str, Any]) -> Iterator[str]:
    uptime = timedelta(seconds=report["uptime"])
    sandbox = ", sandbox" if report["sandbox"] else ""
    yield f"edgeproxy {report['version']}, up {uptime}{sandbox}"
    yield ""
    c8y, hono, messaging = report["c8y"], report["hono"], report["messaging"]
    door = f"open, to {c8y['upstream']}" if c8y["open"] else "closed"
    yield f"/c8y door    {door}"
    yield f"             {c8y['detail']}"
    places = [f"{hono['address']}:{hono['port']}"] if hono["port"] else []
    if tls := hono.get("tls"):
        places.append(f"{tls['address']}:{tls['port']} (TLS)")
    yield f"Hono door    {'open, at ' + ', '.join(places) if places else 'closed'}"
    logins = ", ".join(messaging["logins"]) or "nobody: set credentials_path"
    yield f"consumers    {messaging['consumers']} attached; may log in: {logins}"
    waiting = sum(messaging["waiting"].values())
    yield f"events       {waiting} waiting, {messaging['set_aside']} set aside"
    for tenant, count in sorted(messaging["waiting"].items()):
        yield f"             {count} of {tenant}"
    yield ""
    down = [check for check in ready["checks"] if check["status"] != "UP"]
    yield "Everything is well." if not down else "Not well:"
    for check in down:
        yield f"  {check['name']}: {check['data']['detail']}"
