"""``edgeproxyctl devices``; imports and exports have modules of their own."""

from __future__ import annotations

import argparse
import json
from typing import Any

from edgeproxy.config.load import Loaded
from edgeproxy.ctl import assignments, exporting, importing
from edgeproxy.ctl.display import as_lines, as_table, confirm, yes_or_no
from edgeproxy.ctl.failure import CommandFailed
from edgeproxy.ctl.registry import (
    JSON,
    RegistryApi,
    add_login_to,
    add_tenant_to,
    joined,
)
from edgeproxy.ctl.tenants import Run

_EXAMPLES = 'enabled=false, via=["gw-1"], defaults.importance=high'


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "devices",
        help="the devices of the device registry",
        description="Asks the management API of the running service.",
    )
    actions = command.add_subparsers(metavar="ACTION", required=True)

    def add(name: str, run: Run, help: str) -> argparse.ArgumentParser:
        action: argparse.ArgumentParser = actions.add_parser(name, help=help)
        action.set_defaults(run=run)
        add_tenant_to(action)
        add_login_to(action)
        return action

    action = add("list", show_all, "devices of a tenant")
    action.add_argument("--json", action="store_true", help="for machines")
    action.add_argument("--gateways", action="store_true", help="gateways only")
    action.add_argument(
        "filters",
        nargs="*",
        metavar="KEY=VALUE",
        help="those with this member, such as ext.site='north-*' or id='sensor-?'",
    )
    action.set_defaults(last="filters")
    action = add("show", show, "a device and which credentials it has")
    action.add_argument("id")
    action.add_argument("--json", action="store_true", help="for machines")
    action = add("create", create, "a new device")
    action.add_argument("id", nargs="?", help="without it one is made")
    assignments.add_to(action, _EXAMPLES)
    action = add("change", change, "change a device")
    action.add_argument("id")
    assignments.add_to(action, _EXAMPLES)
    action = add("delete", delete, "delete devices and their credentials")
    action.add_argument("ids", nargs="*", metavar="id")
    action.set_defaults(last="ids")
    action.add_argument("--all", action="store_true", help="all of the tenant")
    action.add_argument("--yes", action="store_true", help="do not ask")
    importing.add_to(add("import", importing.run, "create many devices from files"))
    exporting.add_to(add("export", exporting.run, "all devices of a tenant"))


def show_all(loaded: Loaded, options: argparse.Namespace) -> int:
    """Print devices."""
    api = RegistryApi(loaded, options)
    filters = [_filter(text) for text in options.filters]
    more = {"isGateway": "true"} if options.gateways else {}
    if filters and more:
        raise CommandFailed("--gateways goes without filters")
    found = list(api.search("devices", options.tenant, filters=filters, **more))
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    rows = [
        (
            device["id"],
            yes_or_no(device.get("enabled", True)),
            ", ".join(device.get("via", ())) or "-",
            device["status"].get("created", "-"),
            device["status"].get("updated", "-"),
        )
        for device in found
    ]
    print("\n".join(as_table(("DEVICE", "ENABLED", "VIA", "CREATED", "UPDATED"), rows)))
    return 0


def _filter(text: str) -> str:
    name, equals, right = text.partition("=")
    if not equals or not name:
        raise CommandFailed(f"{text!r} is not KEY=VALUE")
    try:
        value = json.loads(right)
    except ValueError:
        value = right
    return json.dumps({"field": "/" + name.replace(".", "/"), "value": value})


def show(loaded: Loaded, options: argparse.Namespace) -> int:
    """Print a device."""
    api = RegistryApi(loaded, options)
    device = api.get("devices", options.tenant, options.id).value
    credentials = api.get("credentials", options.tenant, options.id).value
    if options.json:
        print(json.dumps({**device, "credentials": credentials}, indent=2))
        return 0
    shown: JSON = {"tenant": options.tenant, "id": options.id, "enabled": True}
    kinds = [f"{each['type']} {each['auth-id']}" for each in credentials]
    print("\n".join(as_lines({**shown, **device, "credentials": kinds})))
    return 0


def create(loaded: Loaded, options: argparse.Namespace) -> int:
    """Create a device."""
    api = RegistryApi(loaded, options)
    path = ["devices", options.tenant]
    if options.id is not None and "=" in options.id and not options.assignments:
        # An id may have a "=" in it; what stands alone and looks like both is none.
        options.assignments.insert(0, options.id)
    elif options.id is not None:
        path.append(options.id)
    data = assignments.assigned({}, options)
    made = api.request("POST", joined(*path), data).value
    print(f"Device {options.tenant}/{made['id']} was created.")
    return 0


def change(loaded: Loaded, options: argparse.Namespace) -> int:
    """Change a device."""
    RegistryApi(loaded, options).change(
        lambda device: assignments.assigned(device, options),
        "devices",
        options.tenant,
        options.id,
    )
    print(f"Device {options.tenant}/{options.id} was changed.")
    return 0


def delete(loaded: Loaded, options: argparse.Namespace) -> int:
    """Delete devices, once the operator has confirmed it."""
    if bool(options.ids) == options.all:
        raise CommandFailed("name the devices, or give --all")
    api = RegistryApi(loaded, options)
    which = f"all devices of {options.tenant}" if options.all else None
    which = which or ", ".join(f"{options.tenant}/{each}" for each in options.ids)
    confirm(f"Delete {which}, with their credentials?", options.yes)
    if options.all:
        api.request("DELETE", joined("devices", options.tenant))
    for each in options.ids:
        api.request("DELETE", joined("devices", options.tenant, each))
    print(f"Deleted: {which}.")
    return 0
