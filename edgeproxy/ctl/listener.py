"""The AMQP listener of the running service, as the tools that use it see it."""

from __future__ import annotations

import argparse
from typing import Any

from edgeproxy.config.load import Loaded
from edgeproxy.ctl.failure import CommandFailed
from edgeproxy.portal.loginfile import first_login


def add_login_to(command: argparse.ArgumentParser) -> None:
    """Add the options that say who logs in."""
    command.add_argument(
        "--username",
        help="name of a user in hono.messaging.embedded.credentials_path; without it "
        "the first one there",
    )
    command.add_argument(
        "--password-file", type=argparse.FileType(), help="its password, first line"
    )


def url_of(loaded: Loaded) -> str:
    """Return the listener's URL; raises `CommandFailed` where it speaks TLS only."""
    table = loaded.config.hono.messaging.embedded
    if not table.port:
        raise CommandFailed("hono.messaging.embedded.port is 0: only TLS is spoken")
    address = table.bind_address
    return f"amqp://{f'[{address}]' if ':' in address else address}:{table.port}"


def login(loaded: Loaded, options: argparse.Namespace) -> dict[str, Any]:
    """Return who logs in, as proton's connections take it; nothing: anonymously."""
    if options.username is not None:
        file = options.password_file
        password = file.readline().rstrip("\r\n") if file else ""
        found = options.username, password
    else:
        path = loaded.config.hono.messaging.embedded.credentials_path
        known = first_login(path, "user")
        if known is None:
            return {}
        found = known
    user, password = found
    # PLAIN, over loopback
    return {"user": user, "password": password, "allow_insecure_mechs": True}
