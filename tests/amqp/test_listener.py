"""The listener's protocol on a transport of the test's."""

from __future__ import annotations

from typing import Any

from OpenSSL import crypto
from twisted.cred.credentials import IAnonymous, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.amqp import listener as module
from edgeproxy.amqp.connection import IDLE_TIMEOUT
from edgeproxy.amqp.listener import (
    CLOSE_TIMEOUT,
    GOODBYE,
    LOGIN_TIMEOUT,
    TICK,
    AMQPListenerFactory,
)
from edgeproxy.amqp.sasl import AUTH_FAILED, OK, SASL_HEADER, SaslServer
from edgeproxy.tls.peer import ICommonName
from tests.amqp.test_connection import Space
from tests.amqp.test_sasl import PLAIN, init
from tests.fakes.peer import Peer

# AMQP 1.0, 2.4.5: what is sent when there is nothing to say.
EMPTY_FRAME = bytes.fromhex("0000000802000000")


class Transport(StringTransport):
    """A transport that remembers being aborted."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled


class ListenerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.space = Clock(), Space()
        self.logins: list[Any] = []
        self.answer: Deferred[Any] = succeed("somebody")
        self.factory = AMQPListenerFactory(
            self.login,
            self.space,  # type: ignore[arg-type]
            ["PLAIN", "ANONYMOUS"],
            self.clock,
            self.clock.seconds,
        )
        self.protocol = self.factory.buildProtocol(None)
        self.transport = Transport()
        self.protocol.makeConnection(self.transport)

    def login(self, credentials: Any) -> Deferred[Any]:
        self.logins.append(credentials)
        return self.answer

    def sent(self) -> bytes:
        data = self.transport.value()
        self.transport.clear()
        return data

    def log_in(self) -> Peer:
        """Log in, and return a peer with its connection open."""
        self.protocol.dataReceived(SASL_HEADER + PLAIN)
        self.sent()
        peer = Peer()
        self.exchange(peer)
        return peer

    def exchange(self, peer: Peer) -> None:
        while True:
            there, back = peer.output(), self.sent()
            if not there and not back:
                return
            if there:
                self.protocol.dataReceived(there)
            self.clock.advance(0)
            peer.receive(back)

    def test_plain_goes_to_the_portal(self) -> None:
        self.protocol.dataReceived(SASL_HEADER + PLAIN)
        (credentials,) = self.logins
        self.assertTrue(IUsernamePassword.providedBy(credentials))
        self.assertEqual(credentials.username, b"user")
        self.assertTrue(self.sent().endswith(SaslServer([]).outcome(OK)))

    def pass_time(self, peer: Peer, seconds: int) -> list[int]:
        """Let *peer* hear what is sent; return in which seconds it was."""
        heard = []
        for second in range(1, seconds + 1):
            self.clock.advance(1)
            if data := self.sent():
                heard.append(second)
                peer.receive(data)
        return heard

    def test_a_silent_peer_is_told_and_disconnected(self) -> None:
        peer = self.log_in()
        self.assertEqual(self.pass_time(peer, int(IDLE_TIMEOUT) - 1), [])
        self.assertFalse(self.transport.disconnecting)
        self.pass_time(peer, 2)
        self.assertTrue(self.transport.disconnecting)
        condition = peer.transport.condition or peer.connection.remote_condition
        self.assertEqual(condition.name, "amqp:resource-limit-exceeded")
        self.protocol.connectionLost()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_silence_counts_from_what_was_heard_last(self) -> None:
        peer = self.log_in()
        self.pass_time(peer, 20)
        self.protocol.dataReceived(EMPTY_FRAME)
        self.pass_time(peer, int(IDLE_TIMEOUT) - 1)
        self.assertFalse(self.transport.disconnecting)
        self.pass_time(peer, 2 * int(TICK) + 1)
        self.assertTrue(self.transport.disconnecting)

    def test_what_cannot_be_read_ends_the_connection(self) -> None:
        self.log_in()
        self.protocol.dataReceived(bytes.fromhex("0000000b02000000ffffff"))
        self.assertTrue(self.transport.disconnecting)

    def test_who_asks_and_does_not_read_is_cut_off(self) -> None:
        self.patch(module, "MOST_UNREAD", 10_000)
        peer = self.log_in()
        self.protocol.pauseProducing()
        for number in range(100):
            peer.receiver(f"{number}" + "x" * 200).close()
            self.protocol.dataReceived(peer.output())
            self.clock.advance(0)
            if self.transport.aborted:
                break
        self.assertTrue(self.transport.aborted)
        self.assertLess(len(self.sent()), 15_000)

    def test_a_peer_that_is_heard_of_stays(self) -> None:
        peer = self.log_in()
        for _ in range(5):
            self.pass_time(peer, int(IDLE_TIMEOUT) - 5)
            self.protocol.dataReceived(EMPTY_FRAME)
        self.assertFalse(self.transport.disconnecting)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_a_peer_hears_from_us_as_often_as_it_wants(self) -> None:
        for at_once in (True, False):
            self.setUp()
            peer = Peer()
            peer.transport.idle_timeout = 20.0  # of which it tells half
            opening = peer.output()
            if at_once:
                self.protocol.dataReceived(SASL_HEADER + PLAIN + opening)
            else:
                self.protocol.dataReceived(SASL_HEADER + PLAIN)
                self.protocol.dataReceived(opening[:8])
                self.protocol.dataReceived(opening[8:])
            self.sent()
            heard = self.pass_time(peer, 50)
            self.assertEqual(heard, list(range(5, 51, 5)))

    def test_who_logs_in_and_opens_nothing_is_cut_off(self) -> None:
        self.protocol.dataReceived(SASL_HEADER + PLAIN)
        self.protocol.dataReceived(Peer().output()[:8])
        self.clock.advance(LOGIN_TIMEOUT)
        self.assertTrue(self.transport.aborted)

    def test_who_opens_amid_our_goodbye_is_cut_off_all_the_same(self) -> None:
        self.protocol.dataReceived(SASL_HEADER + PLAIN)
        self.protocol.shut_down()
        self.protocol.dataReceived(Peer().output())
        self.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(self.transport.aborted)
        self.protocol.connectionLost()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_anonymous_goes_to_the_portal(self) -> None:
        self.protocol.dataReceived(SASL_HEADER + init("ANONYMOUS", b""))
        self.assertTrue(IAnonymous.providedBy(self.logins[0]))

    def present(self, name: str) -> None:
        """Come with a client certificate of this *name*."""
        certificate = crypto.X509()
        certificate.get_subject().CN = name
        self.transport.getPeerCertificate = lambda: certificate
        self.factory.mechanisms = ["EXTERNAL", "PLAIN"]

    def test_a_client_certificate_goes_to_the_portal(self) -> None:
        for response in (None, b"", b"somebody"):
            self.setUp()
            self.present("somebody")
            self.protocol.dataReceived(SASL_HEADER + init("EXTERNAL", response))
            self.assertTrue(ICommonName.providedBy(self.logins[0]))
            self.assertEqual(self.logins[0].common_name, "somebody")

    def test_nobody_acts_as_somebody_else(self) -> None:
        self.present("somebody")
        self.protocol.dataReceived(SASL_HEADER + init("EXTERNAL", b"admin"))
        self.assertEqual(self.logins, [])
        self.assertTrue(self.sent().endswith(SaslServer([]).outcome(AUTH_FAILED)))

    def test_external_is_for_those_with_a_certificate(self) -> None:
        self.factory.mechanisms = ["EXTERNAL", "PLAIN"]
        self.protocol.dataReceived(SASL_HEADER + init("EXTERNAL", b""))
        sent = self.sent()
        self.assertNotIn(b"EXTERNAL", sent)
        self.assertTrue(sent.endswith(SaslServer([]).outcome(AUTH_FAILED)))
        self.assertEqual(self.logins, [])

    def test_who_does_not_read_its_last_words_is_cut_off(self) -> None:
        self.answer = fail(UnauthorizedLogin("no"))
        self.protocol.dataReceived(SASL_HEADER + PLAIN)
        self.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(self.transport.aborted)
        self.protocol.connectionLost()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_is_refused_is_told_and_disconnected(self) -> None:
        self.answer = fail(UnauthorizedLogin("no"))
        self.protocol.dataReceived(SASL_HEADER + PLAIN)
        self.assertTrue(self.sent().endswith(SaslServer([]).outcome(AUTH_FAILED)))
        self.assertTrue(self.transport.disconnecting)

    def test_what_comes_while_the_portal_thinks_is_kept(self) -> None:
        self.answer = Deferred()
        peer = Peer()
        self.protocol.dataReceived(SASL_HEADER + PLAIN + peer.output())
        link = peer.receiver("a")
        self.protocol.dataReceived(peer.output())
        self.assertEqual(self.space.links, [])
        self.answer.callback("somebody")
        self.sent()
        self.exchange(peer)
        self.assertEqual(len(self.logins), 1)
        self.assertEqual(self.space.links[0].address, link.source.address)

    def test_who_leaves_while_the_portal_thinks_is_forgotten(self) -> None:
        self.answer = Deferred()
        self.protocol.dataReceived(SASL_HEADER + PLAIN)
        self.protocol.connectionLost()
        self.answer.callback("somebody")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.factory.peers, set())

    def test_who_does_not_log_in_is_cut_off(self) -> None:
        self.protocol.dataReceived(SASL_HEADER)
        self.clock.advance(LOGIN_TIMEOUT)
        self.assertTrue(self.transport.aborted)

    def test_many_messages_leave_in_one_write(self) -> None:
        peer = self.log_in()
        peer.receiver("a", credit=100)
        self.exchange(peer)
        writes: list[bytes] = []
        self.patch(self.transport, "write", writes.append)
        for _ in range(10):
            self.space.links[0].send(b"m", None)
        self.assertEqual(writes, [])
        self.clock.advance(0)
        self.assertEqual(len(writes), 1)

    def test_a_full_transport_takes_credit_away(self) -> None:
        peer = self.log_in()
        peer.receiver("a", credit=5)
        self.exchange(peer)
        self.protocol.pauseProducing()
        self.assertEqual(self.space.links[0].credit, 0)
        self.protocol.resumeProducing()
        self.assertEqual(self.space.links[0].credit, 5)

    def test_stopping_closes_every_connection(self) -> None:
        peer = self.log_in()
        drained = self.factory.drain(5.0)
        peer.receive(self.sent())
        self.assertEqual(
            peer.connection.remote_condition.name, "amqp:connection:forced"
        )
        self.assertNoResult(drained)
        self.clock.advance(GOODBYE)
        self.assertTrue(self.transport.aborted)
        self.protocol.connectionLost()
        self.successResultOf(drained)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_peer_that_does_not_close_is_cut_off(self) -> None:
        self.log_in()
        self.factory.drain(5.0)
        self.clock.advance(5.0)
        self.assertTrue(self.transport.aborted)

    def test_without_peers_there_is_nothing_to_wait_for(self) -> None:
        self.protocol.connectionLost()
        self.successResultOf(self.factory.drain(5.0))

    def test_a_lost_connection_leaves_nothing_behind(self) -> None:
        peer = self.log_in()
        peer.receiver("a")
        self.exchange(peer)
        self.protocol.connectionLost()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.space.events[-1], "detached a")

    def test_small_messages_are_not_delayed_by_the_kernel(self) -> None:
        self.assertTrue(self.transport.no_delay)
