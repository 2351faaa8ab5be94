"""Log events for the journal, with fields: ``twistd --logger=edgeproxy.ops.logs.…``."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any

from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    textFileLogObserver,
)
from zope.interface import implementer

# syslog(3)
_PRIORITIES = {
    LogLevel.debug: 7,
    LogLevel.info: 6,
    LogLevel.warn: 4,
    LogLevel.error: 3,
    LogLevel.critical: 2,
}

# What an event carries besides and is worth a field: EDGEPROXY_KEY and so on.
_FIELDS = ("key", "name", "number", "problem", "reason", "request", "tenant", "where")


def journal_observer() -> ILogObserver:
    """Return the observer for the service's log, as twistd's ``--logger`` wants it.

    That is the journal, or text on stdout where its library is not installed.
    """
    try:
        from systemd.journal import send
    except ImportError:
        observer: ILogObserver = textFileLogObserver(sys.stdout)
        return observer
    return JournalObserver(send)


@implementer(ILogObserver)
class JournalObserver:
    """Sends events to the journal by *send*, which is ``systemd.journal.send``."""

    def __init__(self, send: Callable[..., object]) -> None:
        self._send = send

    def __call__(self, event: LogEvent) -> None:
        """Send *event*, once for all of its lines."""
        message = formatEvent(event)
        failure = event.get("log_failure")
        if failure is not None:
            text = "".join(traceback.format_exception(failure.value))
            message = f"{message}\n{text}" if message else text
        if not message:
            return
        level = event.get("log_level", LogLevel.info)
        fields: dict[str, Any] = {
            f"EDGEPROXY_{name.upper()}": str(event[name])
            for name in _FIELDS
            if name in event
        }
        self._send(
            message,
            PRIORITY=_PRIORITIES[level],
            SYSLOG_IDENTIFIER="edgeproxy",
            LOGGER=str(event.get("log_namespace", "")),
            **fields,
        )
