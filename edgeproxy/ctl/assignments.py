"""``KEY=VALUE`` on the command line: members of a JSON object."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from edgeproxy.ctl.failure import CommandFailed


def add_to(parser: argparse.ArgumentParser, examples: str) -> None:
    """Add arguments that say what an object is to be like."""
    parser.add_argument(
        "assignments",
        nargs="*",
        metavar="KEY=VALUE",
        help=f"set a member, such as {examples}; a value that is not JSON is text",
    )
    parser.set_defaults(last="assignments")
    parser.add_argument(
        "--unset", action="append", default=[], metavar="KEY", help="remove a member"
    )
    parser.add_argument(
        "--data", metavar="FILE", help="begin with the JSON object in FILE (-: stdin)"
    )


def assigned(value: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Return *value* with the changes in *options*."""
    if options.data is not None:
        value = _read(options.data)
    value = json.loads(json.dumps(value))  # a copy, however deep
    for text in options.assignments:
        name, equals, right = text.partition("=")
        if not equals or not name:
            raise CommandFailed(f"{text!r} is not KEY=VALUE")
        parent, last = _parent(value, name)
        parent[last] = _value(right)
    for name in options.unset:
        parent, last = _parent(value, name)
        parent.pop(last, None)
    return value


def _read(path: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text()
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{path}: {error}") from None
    if not isinstance(found, dict):
        raise CommandFailed(f"{path}: is not a JSON object")
    return found


def _parent(value: dict[str, Any], name: str) -> tuple[dict[str, Any], str]:
    *path, last = name.split(".")
    for step in path:
        inner = value.setdefault(step, {})
        if not isinstance(inner, dict):
            raise CommandFailed(f"{name}: {step} is no object")
        value = inner
    return value, last


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
