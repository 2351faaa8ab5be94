"""Asks the running service, by its ops port."""

from __future__ import annotations

import http.client
import json
from typing import Any

from edgeproxy.config.load import Loaded
from edgeproxy.ctl.failure import CommandFailed

TIMEOUT = 5.0  # seconds


def ask(loaded: Loaded, path: str) -> Any:
    """Return the JSON at *path*; raises `CommandFailed` where nobody answers."""
    address, port = loaded.config.ops.bind_address, loaded.config.ops.port
    connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        return json.load(connection.getresponse())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CommandFailed(
            f"no edgeproxy answers at {address}:{port} (ops.port): {error}"
        ) from None
    finally:
        connection.close()
