"""Lookups of names that many ask for at the same time."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IHostnameResolver, IResolutionReceiver
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from edgeproxy.ops.lookups import SharedLookups


@implementer(IHostnameResolver)
class Resolver:
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, tuple[Any, ...]]] = []

    def resolveHostName(self, receiver: Any, *question: Any) -> Any:
        if question[0] == "bad name":
            raise ValueError(question)
        receiver.resolutionBegan(self)
        self.asked.append((receiver, question))
        return self


@implementer(IResolutionReceiver)
class Receiver:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def resolutionBegan(self, resolutionInProgress: Any) -> None:
        self.heard.append("began")

    def addressResolved(self, address: Any) -> None:
        self.heard.append(address)

    def resolutionComplete(self) -> None:
        self.heard.append("complete")


class SharedLookupsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.resolver = Resolver()
        self.lookups = SharedLookups(self.resolver)
        verifyObject(IHostnameResolver, self.lookups)

    def ask(self, name: str, port: int = 443) -> Receiver:
        receiver = Receiver()
        self.lookups.resolveHostName(receiver, name, port)
        return receiver

    def test_who_asks_meanwhile_shares_the_answer(self) -> None:
        receivers = [self.ask("t.example.com") for _ in range(3)]
        self.ask("u.example.com")
        self.ask("t.example.com", 8883)
        self.assertEqual(len(self.resolver.asked), 3)
        address = IPv4Address("TCP", "192.0.2.1", 443)
        lookup, _ = self.resolver.asked[0]
        lookup.addressResolved(address)
        lookup.resolutionComplete()
        for receiver in receivers:
            self.assertEqual(receiver.heard, ["began", address, "complete"])

    def test_who_asks_later_is_asked_for_anew(self) -> None:
        for number in range(3):
            receiver = self.ask("t.example.com")
            self.assertEqual(len(self.resolver.asked), number + 1)
            self.resolver.asked[number][0].resolutionComplete()
            self.assertEqual(receiver.heard, ["began", "complete"])

    def test_a_resolver_that_raises_keeps_nobody_waiting(self) -> None:
        for _ in range(2):
            self.assertRaises(ValueError, self.ask, "bad name")
