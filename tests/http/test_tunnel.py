"""Two ends of a tunnel, in memory: who does not keep up is waited for, not for ever."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from edgeproxy.http.tunnel import STALLED, TunnelEnd
from tests.http.wires import Wire


class StalledTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.client, self.upstream = TunnelEnd(self.clock), TunnelEnd(self.clock)
        self.client.other, self.upstream.other = self.upstream, self.client
        self.near, self.far = Wire(), Wire()
        self.client.makeConnection(self.near)
        self.upstream.makeConnection(self.far)

    def tearDown(self) -> None:
        for end in (self.client, self.upstream):
            end.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_each_is_the_producer_of_the_others_transport(self) -> None:
        self.assertIs(self.near.producer, self.upstream)
        self.assertIs(self.far.producer, self.client)
        verifyObject(IPushProducer, self.client)

    def test_who_reads_in_the_end_is_waited_for(self) -> None:
        for _ in range(3):
            self.near.producer.pauseProducing()
            self.assertTrue(self.far.paused)
            self.clock.advance(STALLED - 1)
            self.near.producer.resumeProducing()
            self.assertFalse(self.far.paused)
        self.clock.advance(STALLED)
        self.assertFalse(self.near.aborted)

    def test_who_reads_no_more_is_given_up(self) -> None:
        self.near.producer.pauseProducing()
        self.clock.advance(STALLED)
        self.assertTrue(self.near.aborted)
        self.client.connectionLost(Failure(ConnectionLost()))
        # Not paused: the peer's closing has to be read.
        self.assertTrue(self.far.closing)
        self.assertFalse(self.far.paused)

    def test_so_is_who_does_not_read_the_last_of_it(self) -> None:
        self.upstream.dataReceived(b"goodbye")
        self.upstream.connectionLost(Failure(ConnectionLost()))
        self.assertTrue(self.near.closing)
        self.assertFalse(self.near.aborted)
        self.client.dataReceived(b"to nobody")
        self.clock.advance(STALLED)
        self.assertTrue(self.near.aborted)
