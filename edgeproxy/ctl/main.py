"""The command line of ``edgeproxyctl``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import edgeproxy
from edgeproxy.config.errors import ConfigError
from edgeproxy.config.load import DEFAULT_FILE, load
from edgeproxy.ctl import (
    command,
    config,
    credentials,
    devices,
    diag,
    events,
    http,
    status,
    tail,
    tenants,
    token,
)
from edgeproxy.ctl.failure import CommandFailed

COMMANDS = (
    *(config, status, tail, events, command, http, token, diag),
    *(tenants, devices, credentials),
)


def parser() -> argparse.ArgumentParser:
    """Return the parser; each command's module adds its own part."""
    top = argparse.ArgumentParser(
        prog="edgeproxyctl", description="Asks a running edgeproxy, and its files."
    )
    top.add_argument("--version", action="version", version=edgeproxy.__version__)
    top.add_argument(
        "--config",
        "-c",
        type=Path,
        metavar="FILE",
        help=f"configuration file (default: {DEFAULT_FILE})",
    )
    top.add_argument(
        "--set",
        "-s",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set one key; may be repeated",
    )
    top.add_argument(
        "--sandbox",
        action="store_true",
        help="as of a service that runs with --sandbox in this folder",
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for each in COMMANDS:
        each.add_to(commands)
    return top


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; a command's last arguments may stand among them.

    Which ones those are, its parser says with the default *last*: argparse by itself
    takes them only where they are all together.
    """
    top = parser()
    options, rest = top.parse_known_args(arguments)
    last = getattr(options, "last", "")
    if rest and (not last or any(each.startswith("-") for each in rest)):
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        getattr(options, last).extend(rest)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status."""
    options = _parsed(arguments)
    try:
        loaded = load(options.config, os.environ, options.set, options.sandbox)
        return int(options.run(loaded, options))
    except ConfigError as error:
        print(f"edgeproxyctl: {error}", file=sys.stderr)
        return ConfigError.EXIT_STATUS
    except CommandFailed as failed:
        print(f"edgeproxyctl: {failed}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        # The reader of a pipe may leave; Python must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 130


if __name__ == "__main__":
    sys.exit(main())
