"""From the command line of ``twistd edgeproxy`` to the service."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from twisted.python import usage

import edgeproxy
from edgeproxy.config.errors import ConfigError
from edgeproxy.config.load import DEFAULT_FILE, Loaded, load
from edgeproxy.service import EdgeProxy


class Options(usage.Options):
    """The command line; *loaded* is the configuration that it leads to."""

    synopsis = "[options]"
    longdesc = (
        "One door between the things on a site and their clouds: a proxy to the "
        "Cumulocity HTTP API that adds the device's token (/c8y), and the Eclipse "
        "Hono HTTP API for telemetry and events. Everything else is set in the "
        "configuration file; `edgeproxyctl config --doc` prints all of its keys."
    )
    optParameters = [
        ["config", "c", None, f"Configuration file.  [default: {DEFAULT_FILE}]", Path]
    ]
    optFlags = [
        ["sandbox", None, "Run with a cloud of its own, for trying out and tests."],
        ["check", None, "Check the configuration and exit."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["set"] = []

    def opt_set(self, setting: str) -> None:
        """Set one key, as in --set c8y.proxy.bind.port=8002; may be repeated."""
        self["set"].append(setting)

    opt_s = opt_set

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"edgeproxy {edgeproxy.__version__}")
        sys.exit(0)

    def postOptions(self) -> None:
        """Load the configuration; one that cannot be used ends the process with 78."""
        try:
            self.loaded: Loaded = load(
                self["config"], os.environ, self["set"], bool(self["sandbox"])
            )
        except ConfigError as error:
            print(f"edgeproxy: {error}", file=sys.stderr)
            sys.exit(ConfigError.EXIT_STATUS)
        if self["check"]:
            print("The configuration is good.")
            sys.exit(0)

    def parseOptions(self, options: Any = None) -> None:
        """Parse; Debian's twistd exits with 0 after a bad option, this with 78."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            print(f"edgeproxy: {error}; see --help", file=sys.stderr)
            sys.exit(ConfigError.EXIT_STATUS)


def makeService(options: Options) -> EdgeProxy:
    """Return the whole service for *options*."""
    from twisted.internet import reactor

    return EdgeProxy(options.loaded, reactor)
