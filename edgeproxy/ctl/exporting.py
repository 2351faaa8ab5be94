"""``edgeproxyctl devices export``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from edgeproxy.config.load import Loaded
from edgeproxy.ctl.failure import CommandFailed
from edgeproxy.ctl.registry import RegistryApi, joined


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options to the action's parser."""
    parser.add_argument("file", nargs="?", default="-", help="default: stdout")
    parser.add_argument(
        "--secrets",
        action="store_true",
        help="with hashes, salts and keys: a backup, which must be kept safe",
    )


def run(loaded: Loaded, options: argparse.Namespace) -> int:
    """Write all devices of a tenant, one a line, as an import reads them."""
    api = RegistryApi(loaded, options)
    path = joined("bulk", options.tenant, "export")
    page = api.request("POST", path, {"secrets": options.secrets}).value
    count = 0
    with _opened(options.file) as file:
        while True:
            for device in page["devices"]:
                print(json.dumps(device, ensure_ascii=False), file=file)
            count += len(page["devices"])
            if "next" not in page:
                break
            more = {"secrets": options.secrets, "after": page["next"]}
            page = api.request("POST", path, more).value
    print(f"{count:,} devices were exported.", file=sys.stderr)
    return 0


@contextmanager
def _opened(path: str) -> Iterator[TextIO]:
    """Open the file at *path* for its owner alone."""
    if path == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            yield file
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}") from None
