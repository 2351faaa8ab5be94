"""Power cuts: whatever had not been synced at the kill is taken back."""

from __future__ import annotations

import random
import struct
import subprocess
import time
from pathlib import Path

import attrs

from tests.interop import need
from tests.soak.site import Publisher, Site, Verdict

SOURCE = Path(__file__).with_name("drop.c")
_RECORD = struct.Struct("5Q")
_WRITE, _SYNC = 1, 2


@attrs.frozen
class _Write:
    offset: int
    old: bytes
    size: int


def build(folder: Path) -> Path:
    """Compile the library to preload."""
    folder.mkdir(parents=True, exist_ok=True)
    library = folder.absolute() / "drop.so"
    command = [need("gcc"), "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE)]
    subprocess.run([*command, "-ldl"], check=True, capture_output=True)
    return library


def variables(library: Path, log: Path) -> dict[str, str]:
    """Return the environment under which writes are noted in *log*."""
    return {"LD_PRELOAD": str(library), "UNDO_LOG": str(log)}


def take_back(log: Path) -> int:
    """Undo what was written after each file's last sync; return how many writes."""
    unsynced: dict[str, list[_Write]] = {}
    data, position = log.read_bytes(), 0
    while position + _RECORD.size <= len(data):
        kind, offset, length, size, name_size = _RECORD.unpack_from(data, position)
        position += _RECORD.size
        name = data[position : position + name_size].decode()
        position += name_size
        old = data[position : position + length]
        position += length
        if kind == _SYNC:
            unsynced.pop(name, None)
        else:
            unsynced.setdefault(name, []).append(_Write(offset, old, size))
    for name, writes in unsynced.items():
        if Path(name).exists():
            with Path(name).open("r+b") as file:
                for write in reversed(writes):
                    file.seek(write.offset)
                    file.write(write.old)
                    file.truncate(write.size)
    log.unlink()
    return sum(map(len, unsynced.values()))


def cut_the_power(folder: Path, rounds: int) -> tuple[Verdict, int]:
    """Kill the service *rounds* times, each time with its unsynced writes undone.

    Returns the verdict, and how many writes were undone.
    """
    library, log = build(folder), folder.absolute() / "undo"
    site = Site(folder)
    site.service.variables = variables(library, log)
    undone = 0
    try:
        site.service.start()
        publishers = [Publisher(site.service.hono, device) for device in site.devices]
        for publisher in publishers:
            publisher.start()
        for number in range(rounds):
            if number == rounds // 2:
                site.start_consumer()  # removals are writes as well
            time.sleep(random.uniform(0.2, 0.6))
            site.service.kill()
            undone += take_back(log)
            site.service.start()
        for publisher in publishers:
            publisher.end()
        site.wait_until_drained()
        return site.judge(publishers), undone
    finally:
        site.stop()
