"""What systemd and its journal are told."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, Logger, LogLevel
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from edgeproxy.ops.logs import JournalObserver, journal_observer
from edgeproxy.ops.systemd import SystemdNotifier


class NotifierTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[str] = []

    def notifier(self, **environ: str) -> SystemdNotifier:
        return SystemdNotifier(self.clock, environ, self.told.append)

    def test_ready_alive_and_stopping(self) -> None:
        notifier = self.notifier(NOTIFY_SOCKET="/x", WATCHDOG_USEC="30000000")
        notifier.startService()
        self.assertEqual(self.told, ["READY=1\nSTATUS=Serving", "WATCHDOG=1"])
        self.clock.pump([1.0] * 60)
        self.assertEqual(self.told[2:], ["WATCHDOG=1"] * 4)
        notifier.stopService()
        self.assertIn("STOPPING=1", self.told[-1])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_watchdog_unless_asked_for(self) -> None:
        self.notifier(NOTIFY_SOCKET="/x").startService()
        self.assertEqual(len(self.told), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing_is_said_without_systemd(self) -> None:
        notifier = self.notifier()
        notifier.startService()
        notifier.stopService()
        self.assertEqual(self.told, [])


class JournalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.observer = JournalObserver(
            lambda message, **fields: self.sent.append({"MESSAGE": message, **fields})
        )
        self.log = Logger("edgeproxy.test", observer=self.observer)

    def test_interfaces(self) -> None:
        verifyObject(ILogObserver, self.observer)
        verifyObject(ILogObserver, journal_observer())

    def test_an_event_has_fields(self) -> None:
        self.log.error("{request} not forwarded: {reason}", request="GET /", reason="x")
        self.assertEqual(
            self.sent,
            [
                {
                    "MESSAGE": "GET / not forwarded: x",
                    "PRIORITY": 3,
                    "SYSLOG_IDENTIFIER": "edgeproxy",
                    "LOGGER": "edgeproxy.test",
                    "EDGEPROXY_REQUEST": "GET /",
                    "EDGEPROXY_REASON": "x",
                }
            ],
        )

    def test_every_level_has_a_priority(self) -> None:
        for level in LogLevel.iterconstants():
            self.log.emit(level, "x")
        self.assertEqual([sent["PRIORITY"] for sent in self.sent], [7, 6, 4, 3, 2])

    def test_a_failure_has_its_traceback(self) -> None:
        try:
            raise LookupError("nowhere")
        except LookupError:
            self.log.failure("it failed")
        (sent,) = self.sent
        self.assertTrue(sent["MESSAGE"].startswith("it failed\nTraceback"))
        self.assertIn("LookupError: nowhere", sent["MESSAGE"])

    def test_an_event_without_words_is_none(self) -> None:
        self.log.info("")
        self.assertEqual(self.sent, [])
