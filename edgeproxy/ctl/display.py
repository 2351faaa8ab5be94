"""What commands print: tables, and values for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from edgeproxy.ctl.failure import CommandFailed


def as_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table with aligned columns."""
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()


def as_lines(value: Any, prefix: str = "") -> Iterator[str]:
    """Yield the members of *value*, one a line, as ``name.name  value``."""
    pairs = list(_members(value, prefix))
    width = max((len(name) for name, _ in pairs), default=0)
    for name, text in pairs:
        yield f"{name.ljust(width)}  {text}"


def _members(value: Any, prefix: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _members(inner, f"{prefix}.{name}" if prefix else name)
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for number, inner in enumerate(value, 1):
            yield from _members(inner, f"{prefix}.{number}" if prefix else str(number))
    elif isinstance(value, list):
        yield prefix, ", ".join(map(as_text, value)) or "-"
    else:
        yield prefix, as_text(value)


def as_text(value: Any) -> str:
    """Return *value* for people: what is no text as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def yes_or_no(value: Any) -> str:
    """Return the word for a boolean."""
    return "yes" if value else "no"


def confirm(question: str, yes: bool) -> None:
    """Ask *question*, unless *yes*; raises `CommandFailed` without a yes."""
    if yes:
        return
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise CommandFailed("nothing was changed; confirm it, or give --yes")
