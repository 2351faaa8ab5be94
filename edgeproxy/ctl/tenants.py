"""``edgeproxyctl tenants``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgeproxy.config.load import Loaded
from edgeproxy.ctl import assignments
from edgeproxy.ctl.display import as_lines, as_table, as_text, confirm, yes_or_no
from edgeproxy.ctl.failure import CommandFailed
from edgeproxy.ctl.registry import JSON, RegistryApi, add_login_to, joined

Run = Callable[[Loaded, argparse.Namespace], int]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "tenants",
        help="the tenants of the device registry",
        description="Asks the management API of the running service.",
    )
    actions = command.add_subparsers(metavar="ACTION", required=True)

    def add(name: str, run: Run, help: str) -> argparse.ArgumentParser:
        action: argparse.ArgumentParser = actions.add_parser(name, help=help)
        action.set_defaults(run=run)
        add_login_to(action)
        return action

    add("list", show_all, "all tenants").add_argument(
        "--json", action="store_true", help="for machines"
    )
    action = add("show", show, "one tenant")
    action.add_argument("id")
    action.add_argument("--json", action="store_true", help="for machines")
    action = add("create", create, "a new tenant")
    action.add_argument("id", nargs="?", help="without it one is made")
    assignments.add_to(action, "enabled=false, alias=acme, defaults.ttl=3600")
    action = add("change", change, "change a tenant")
    action.add_argument("id")
    assignments.add_to(action, "enabled=false, alias=acme, defaults.ttl=3600")
    action = add("delete", delete, "delete a tenant, its devices and credentials")
    action.add_argument("id")
    action.add_argument("--yes", action="store_true", help="do not ask")
    action = add("add-ca", add_ca, "trust a CA to vouch for the tenant's devices")
    action.add_argument("id")
    action.add_argument("file", type=Path, help="the CA's certificate, PEM")
    action.add_argument(
        "--auth-id-template",
        metavar="TEXT",
        help="makes the auth-id of a device's subject, such as '{{subject-cn}}'",
    )


def show_all(loaded: Loaded, options: argparse.Namespace) -> int:
    """Print all tenants."""
    found = list(RegistryApi(loaded, options).search("tenants", filters=[]))
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    rows = [
        (
            tenant["id"],
            yes_or_no(tenant.get("enabled", True)),
            tenant.get("alias", "-"),
            _adapters(tenant),
            str(len(tenant.get("trusted-ca", ()))),
        )
        for tenant in found
    ]
    head = ("TENANT", "ENABLED", "ALIAS", "ADAPTERS", "TRUSTED CAS")
    print("\n".join(as_table(head, rows)))
    return 0


def _adapters(tenant: JSON) -> str:
    listed = tenant.get("adapters")
    if listed is None:
        return "all"
    off = {False: " (off)"}
    return ", ".join(a["type"] + off.get(a.get("enabled"), "") for a in listed)


def show(loaded: Loaded, options: argparse.Namespace) -> int:
    """Print a tenant."""
    found = RegistryApi(loaded, options).get("tenants", options.id).value
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(as_lines({"id": options.id, "enabled": True, **found})))
    return 0


def create(loaded: Loaded, options: argparse.Namespace) -> int:
    """Create a tenant."""
    api = RegistryApi(loaded, options)
    tenant = None if options.id is None or "=" in options.id else options.id
    if tenant is None and options.id is not None:
        options.assignments.insert(0, options.id)  # an assignment, with no id before
    path = joined("tenants", tenant) if tenant else "/tenants"
    made = api.request("POST", path, assignments.assigned({}, options)).value
    print(f"Tenant {made['id']} was created.")
    return 0


def change(loaded: Loaded, options: argparse.Namespace) -> int:
    """Change a tenant."""
    RegistryApi(loaded, options).change(
        lambda tenant: assignments.assigned(tenant, options), "tenants", options.id
    )
    print(f"Tenant {options.id} was changed.")
    return 0


def delete(loaded: Loaded, options: argparse.Namespace) -> int:
    """Delete a tenant, once the operator has confirmed it."""
    api = RegistryApi(loaded, options)
    found = api.get("tenants", options.id)
    confirm(
        f"Delete tenant {options.id}, all of its devices and their credentials?",
        options.yes,
    )
    api.request("DELETE", joined("tenants", options.id), etag=found.etag)
    print(f"Tenant {options.id} was deleted.")
    return 0


def add_ca(loaded: Loaded, options: argparse.Namespace) -> int:
    """Add a CA to those that a tenant trusts."""
    anchor = {"cert": read_pem(options.file)}
    if options.auth_id_template is not None:
        anchor["auth-id-template"] = options.auth_id_template
    api = RegistryApi(loaded, options)
    api.change(
        lambda tenant: {
            **tenant,
            "trusted-ca": [*tenant.get("trusted-ca", []), anchor],
        },
        "tenants",
        options.id,
    )
    (*_, added) = api.get("tenants", options.id).value["trusted-ca"]
    print(f"Tenant {options.id} trusts {as_text(added.get('subject-dn'))} now.")
    return 0


def read_pem(path: Path) -> str:
    """Return the text of the certificate in the file at *path*."""
    try:
        text = path.read_text()
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{path}: {error}") from None
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise CommandFailed(f"{path}: has no certificate in PEM")
    return text
