"""``edgeproxyctl credentials``."""

from __future__ import annotations

import argparse
import getpass
import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgeproxy.config.load import Loaded
from edgeproxy.ctl.display import as_table, confirm, yes_or_no
from edgeproxy.ctl.failure import CommandFailed
from edgeproxy.ctl.registry import JSON, RegistryApi, add_login_to, add_tenant_to
from edgeproxy.ctl.tenants import Run, read_pem

_PASSWORD = "hashed-password"  # noqa: S105 - the name of a type


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "credentials",
        help="how the devices of the registry log in",
        description="Asks the management API of the running service.",
    )
    actions = command.add_subparsers(metavar="ACTION", required=True)

    def add(name: str, run: Run, help: str) -> argparse.ArgumentParser:
        action: argparse.ArgumentParser = actions.add_parser(name, help=help)
        action.set_defaults(run=run)
        action.add_argument("device")
        add_tenant_to(action)
        add_login_to(action)
        return action

    for name in ("list", "show"):
        action = add(name, show, "a device's credentials, without the secrets")
        action.add_argument("--json", action="store_true", help="for machines")
    action = add("create", create, "credentials as JSON, from a file")
    action.add_argument("file", help="one object, or a list of them (-: stdin)")
    action = add("set-password", set_password, "a password for a device")
    action.add_argument(
        "--auth-id",
        help="the name to log in with (default: the one that it has, or its id)",
    )
    action.add_argument(
        "--keep", action="store_true", help="besides the passwords that it has"
    )
    source = action.add_mutually_exclusive_group()
    source.add_argument(
        "--password-file", metavar="FILE", help="its first line (-: stdin)"
    )
    source.add_argument(
        "--generate", action="store_true", help="make one up, and print it"
    )
    action = add("add-cert", add_cert, "a certificate that a device logs in with")
    action.add_argument("file", type=Path, help="the device's certificate, PEM")
    for name, run, help in (
        ("change", change, "enable or disable credentials"),
        ("delete", delete, "delete credentials"),
    ):
        action = add(name, run, help)
        action.add_argument("--auth-id", help="those with this auth-id")
        action.add_argument("--type", help="those of this type")
        if name == "change":
            action.add_argument("--enabled", required=True, choices=("true", "false"))
        else:
            action.add_argument("--yes", action="store_true", help="do not ask")


def show(loaded: Loaded, options: argparse.Namespace) -> int:
    """Print a device's credentials."""
    api = RegistryApi(loaded, options)
    found = api.get("credentials", options.tenant, options.device).value
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    rows = [
        (
            each["type"],
            each["auth-id"],
            yes_or_no(each.get("enabled", True) and secret.get("enabled", True)),
            secret.get("not-before", "-"),
            secret.get("not-after", "-"),
            secret.get("comment", "-"),
        )
        for each in found
        for secret in each["secrets"]
    ]
    head = ("TYPE", "AUTH-ID", "ENABLED", "NOT BEFORE", "NOT AFTER", "COMMENT")
    print("\n".join(as_table(head, rows)))
    return 0


def _change(
    loaded: Loaded,
    options: argparse.Namespace,
    change: Callable[[list[JSON]], list[JSON]],
) -> None:
    RegistryApi(loaded, options).change(
        change, "credentials", options.tenant, options.device
    )


def create(loaded: Loaded, options: argparse.Namespace) -> int:
    """Add the credentials in a file."""
    try:
        file = options.file
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
        added = json.loads(text)
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{options.file}: {error}") from None
    added = added if isinstance(added, list) else [added]
    _change(loaded, options, lambda found: [*found, *added])
    print(f"{options.tenant}/{options.device} has these credentials as well now.")
    return 0


def set_password(loaded: Loaded, options: argparse.Namespace) -> int:
    """Give a device a password."""
    password = _password(options)
    auth_id = options.auth_id or options.device

    def change(found: list[JSON]) -> list[JSON]:
        nonlocal auth_id
        names = [each["auth-id"] for each in found if each["type"] == _PASSWORD]
        if options.auth_id is None and len(names) == 1:
            (auth_id,) = names  # it has one, so that is meant
        kept: list[JSON] = []
        secret = {"pwd-plain": password}
        credentials: JSON = {"type": _PASSWORD, "auth-id": auth_id, "secrets": []}
        for each in found:
            if (each["type"], each["auth-id"]) == (_PASSWORD, auth_id):
                credentials = each if options.keep else {**each, "secrets": []}
            else:
                kept.append(each)
        return [*kept, {**credentials, "secrets": [*credentials["secrets"], secret]}]

    _change(loaded, options, change)
    if options.generate:
        print(password)
        return 0
    print(f"{auth_id}@{options.tenant} logs in with this password now.")
    return 0


def _password(options: argparse.Namespace) -> str:
    """Return the password, which is nowhere to be seen on a command line."""
    if options.generate:
        return secrets.token_urlsafe(18)
    path = options.password_file
    try:
        if path == "-":
            password = sys.stdin.readline()
        elif path is not None:
            password = Path(path).read_text().partition("\n")[0]
        else:
            password = getpass.getpass(f"Password for {options.device}: ")
            if getpass.getpass("Once more: ") != password:
                raise CommandFailed("those are two different passwords")
    except (OSError, EOFError, ValueError) as error:
        raise CommandFailed(f"no password: {error}") from None
    password = password.rstrip("\r\n")
    if not password:
        raise CommandFailed("the password is empty")
    return password


def add_cert(loaded: Loaded, options: argparse.Namespace) -> int:
    """Let a device log in with a certificate."""
    added = {"type": "x509-cert", "cert": read_pem(options.file)}
    _change(loaded, options, lambda found: [*found, added])
    print(f"{options.tenant}/{options.device} logs in with this certificate now.")
    return 0


def _chosen(options: argparse.Namespace, each: JSON) -> bool:
    if options.auth_id is None and options.type is None:
        raise CommandFailed("name them by --auth-id or --type")
    return options.auth_id in (None, each["auth-id"]) and options.type in (
        None,
        each["type"],
    )


def change(loaded: Loaded, options: argparse.Namespace) -> int:
    """Enable or disable credentials."""
    enabled = options.enabled == "true"
    count = 0

    def change(found: list[JSON]) -> list[JSON]:
        nonlocal count
        chosen = [each for each in found if _chosen(options, each)]
        count = len(chosen)
        return [
            each | {"enabled": enabled} if each in chosen else each for each in found
        ]

    _change(loaded, options, change)
    return _counted(count, "enabled" if enabled else "disabled")


def delete(loaded: Loaded, options: argparse.Namespace) -> int:
    """Delete credentials, once the operator has confirmed it."""
    which = " ".join(filter(None, (options.type, options.auth_id)))
    confirm(f"Delete {which} of {options.tenant}/{options.device}?", options.yes)
    count = 0

    def change(found: list[JSON]) -> list[JSON]:
        nonlocal count
        kept = [each for each in found if not _chosen(options, each)]
        count = len(found) - len(kept)
        return kept

    _change(loaded, options, change)
    return _counted(count, "deleted")


def _counted(count: int, what: str) -> int:
    if not count:
        raise CommandFailed("the device has no such credentials")
    print(f"{count} {what}.")
    return 0
