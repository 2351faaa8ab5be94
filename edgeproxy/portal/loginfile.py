"""Files of log-ins: made at first start, and found again by our own tools."""

from __future__ import annotations

import os
import secrets
import tomllib
from pathlib import Path


def make_login_file(path: str, head: str, table: str, name: str) -> bool:
    """Make the TOML file with one log-in, unless it is there; say whether it was made.

    *head* is what it begins with, *table* the name of its tables, *name* the log-in's;
    the password is made up. Its owner may write the file, and its group may read it:
    put whoever uses edgeproxyctl into that. Raises OSError.
    """
    text = (
        f"{head}\n[[{table}]]\n"
        f'name = "{name}"\npassword = "{secrets.token_urlsafe(24)}"\n'
    )
    Path(path).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    # Made whole under another name: a start that is cut short leaves none behind.
    made = f"{path}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(made, flags, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o640)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(made, path)
    except FileExistsError:
        return False
    finally:
        Path(made).unlink()
    return True


def first_login(path: str, table: str) -> tuple[str, str] | None:
    """Return name and password of the first log-in that has one; None without."""
    try:
        entries = tomllib.loads(Path(path).read_text(encoding="utf-8")).get(table, [])
        for entry in entries:
            if isinstance(entry.get("password"), str):
                return entry["name"], entry["password"]
    except (OSError, ValueError, AttributeError, KeyError):
        pass  # then there is none that we could use
    return None
