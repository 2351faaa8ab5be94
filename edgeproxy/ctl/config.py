"""``edgeproxyctl check-config`` and ``edgeproxyctl config``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from edgeproxy.config.document import as_dict, effective, sample
from edgeproxy.config.load import Loaded
from edgeproxy.ctl.failure import CommandFailed
from edgeproxy.portal.consumers import UsersFileError, read_users
from edgeproxy.portal.operators import OperatorsFileError, read_operators
from edgeproxy.tls.errors import TLSFileError
from edgeproxy.tls.material import load_key_material
from edgeproxy.tls.trust import load_trust


def add_to(commands: Any) -> None:
    """Add both commands to the parser."""
    check = commands.add_parser(
        "check-config",
        help="check the configuration and the files it names",
        description="Exit status 78 for a bad configuration, 1 for a bad file.",
    )
    check.set_defaults(run=check_config)
    show = commands.add_parser(
        "config", help="show the settings in force and where they came from"
    )
    show.add_argument("--json", action="store_true", help="for machines")
    show.add_argument(
        "--doc", action="store_true", help="every key with its default, documented"
    )
    show.set_defaults(run=show_config)


def check_config(loaded: Loaded, options: argparse.Namespace) -> int:
    """Read the files that the service would read; loading has checked the rest."""
    config = loaded.config
    auth, device, hono = config.mqtt.client.auth, config.device, config.hono
    embedded, management = hono.messaging.embedded, hono.registry.http
    proxy, client = config.c8y.proxy, config.http.client.auth
    pairs = [
        (device.cert_path, device.key_path),
        (auth.cert_file, auth.key_file),
        (proxy.cert_path, proxy.key_path),
        (client.cert_file, client.key_file),
        (hono.http.cert_path, hono.http.key_path),
        (management.cert_path, management.key_path),
        (embedded.cert_path, embedded.key_path),
    ]
    try:
        for path in (
            config.c8y.root_cert_path,
            auth.ca_file,
            auth.ca_dir,
            proxy.ca_path,
            embedded.ca_path,
        ):
            if path is not None and not _made_by_sandbox(loaded, path):
                load_trust(path)
        for cert_path, key_path in pairs:
            if cert_path and key_path and not _made_by_sandbox(loaded, cert_path):
                load_key_material(cert_path, key_path)
        # What is not there yet, the first start makes.
        if Path(embedded.credentials_path).exists():
            read_users(embedded.credentials_path, embedded.ca_path is not None)
        if Path(management.credentials_path).exists():
            read_operators(management.credentials_path)
    except (TLSFileError, UsersFileError, OperatorsFileError) as error:
        raise CommandFailed(str(error)) from None
    print("The configuration is good.")
    return 0


def _made_by_sandbox(loaded: Loaded, path: str) -> bool:
    """Say whether the sandbox will make the file at *path* when it starts."""
    return loaded.sandbox and path.startswith(str(loaded.state / "sandbox"))


def show_config(loaded: Loaded, options: argparse.Namespace) -> int:
    """Print the settings; secrets are in files, so there is nothing to hide."""
    if options.doc:
        print(sample(), end="")
    elif options.json:
        print(json.dumps(as_dict(loaded.config), indent=2))
    else:
        print("\n".join(effective(loaded.config, loaded.origins)))
    return 0
