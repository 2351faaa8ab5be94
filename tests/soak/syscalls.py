"""The promise, seen from the kernel: no 202 leaves before its row is on disk."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from tests.interop import need
from tests.soak.site import Publisher, Site

_LINE = re.compile(r"(\d+) +(.*)")
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)")
_CALL = re.compile(r"(\w+)\((\d+)(?:<([^>]*)>)?(.*)", re.DOTALL)
_EVENT = re.compile(r"event=(d\d+-\d+)=")


@attrs.frozen
class Traced:
    """How many answers were looked at, how many fsyncs covered them, and the faults."""

    answers: int
    syncs: int
    too_early: tuple[str, ...]


def trace(folder: Path, seconds: float, publishers: int = 8) -> Traced:
    """Publish for *seconds* under strace; look at the order of the system calls."""
    strace = need("strace")
    site = Site(folder, devices=publishers)
    log = (folder / "strace").absolute()
    calls = "trace=pwrite64,fdatasync,fsync,sendto,recvfrom,write,writev,sendmsg"
    # -D: the service is our child, strace its.
    site.service.wrapper = [strace, "-D", "-f", "-q", "-y", "-s", "100000"]
    site.service.wrapper += ["-e", calls, "-e", "signal=none", "-o", str(log)]
    try:
        site.service.start()
        threads = [_Marked(site.service.hono, device) for device in site.devices]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        for thread in threads:
            thread.end()
        site.service.stop(signal.SIGTERM)
        time.sleep(0.3)  # strace writes its last lines
    finally:
        site.stop()
    accepted = sum(len(thread.accepted) for thread in threads)
    traced = _judge(log)
    assert traced.answers >= accepted, (traced, accepted)
    return traced


class _Marked(Publisher):
    """Publishes bodies that can be found in a trace."""

    def publish(self, connection: object, body: str) -> int:
        return super().publish(connection, f"event={body}=")  # type: ignore[arg-type]


def _whole_calls(log: Path) -> Iterator[tuple[str, int, int, str]]:
    """Yield system calls (text, line where it began, where it ended) by their end.

    strace splits a call into two lines when another thread's comes in between.
    """
    begun: dict[str, tuple[int, str]] = {}
    with log.open(errors="replace") as lines:
        for number, line in enumerate(lines):
            match = _LINE.match(line)
            if match is None:
                continue
            thread, text = match.groups()
            resumed = _RESUMED.match(text)
            if text.endswith("<unfinished ...>"):
                begun[thread] = number, text.removesuffix("<unfinished ...>")
            elif resumed is not None and thread in begun:
                start, head = begun.pop(thread)
                yield head + resumed[2], start, number, thread
            else:
                yield text, number, number, thread


def _judge(log: Path) -> Traced:
    written: dict[str, int] = {}  # by event: the line where its row was written
    syncs: list[tuple[int, int]] = []  # lines where one began and ended
    asked: dict[str, str] = {}  # by socket: the event that was read from it
    answered: list[tuple[str, int]] = []  # event, line where its answer left
    for text, start, end, _ in _whole_calls(log):
        call = _CALL.match(text)
        if call is None:
            continue
        name, number, path, rest = call.groups()
        if name == "pwrite64" and "events.sqlite-wal" in (path or ""):
            for event in _EVENT.findall(rest):
                written.setdefault(event, end)
        elif name in ("fdatasync", "fsync") and "events.sqlite-wal" in (path or ""):
            syncs.append((start, end))
        elif name == "recvfrom":
            for event in _EVENT.findall(rest):
                asked[number] = event
        elif "HTTP/1.1 202" in rest and number in asked:
            answered.append((asked.pop(number), start))
    too_early = []
    for event, line in answered:
        row = written.get(event)
        covered = row is not None and any(
            row < start and end < line for start, end in syncs
        )
        if not covered:
            too_early.append(f"{event} (line {line}, written {row})")
    return Traced(len(answered), len(syncs), tuple(too_early))
