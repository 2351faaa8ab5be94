"""The client's side of TLS, in memory: whose name is believed, what is resumed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.sandbox.certificates import Certificates
from edgeproxy.tls.client import ClientTLS

# What a handshake without certificates saves at least, in bytes.
CERTIFICATE = 500


class ResumptionTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        self.files = Certificates(folder, "somebody")
        self.files.ensure()
        self.client = ClientTLS("localhost", str(self.files.ca))
        self.context = self.server_context()

    def server_context(self, version: int = SSL.TLS1_3_VERSION) -> Any:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_max_proto_version(version)
        context.use_certificate_chain_file(str(self.files.server_cert))
        context.use_privatekey_file(str(self.files.server_key))
        context.set_session_id(b"test")
        return context

    def connect(self) -> int:
        """Connect and exchange a byte; return the bytes that the server sent."""
        failures: list[Any] = []
        protocol = SimpleNamespace(
            failVerification=failures.append,
            factory=SimpleNamespace(wrappedFactory=None),
        )
        ours = self.client.clientConnectionForTLS(protocol)
        ours.set_connect_state()
        theirs = SSL.Connection(self.context, None)
        theirs.set_accept_state()
        sent = 0
        steps = [ours.do_handshake, theirs.do_handshake] * 3
        for step in [*steps, lambda: theirs.send(b"x"), lambda: ours.recv(10)]:
            try:
                step()
            except SSL.WantReadError:
                pass
            for source, sink in ((ours, theirs), (theirs, ours)):
                try:
                    data = source.bio_read(1 << 16)
                except SSL.WantReadError:
                    continue
                sink.bio_write(data)
                sent += len(data) if source is theirs else 0
        self.assertEqual(failures, [])
        self.assertEqual(ours.get_peer_certificate().get_subject().CN, "localhost")
        return sent

    def test_the_second_connection_needs_no_certificate(self) -> None:
        first, second, third = self.connect(), self.connect(), self.connect()
        self.assertLess(second, first - CERTIFICATE)
        self.assertLess(third, first - CERTIFICATE)

    def test_a_reload_begins_without_a_session(self) -> None:
        first = self.connect()
        self.client.reload()
        self.assertGreater(self.connect(), first - CERTIFICATE)

    def test_a_server_that_has_forgotten_is_connected_to_all_the_same(self) -> None:
        first = self.connect()
        self.context = self.server_context()
        self.assertGreater(self.connect(), first - CERTIFICATE)

    def test_tls_1_2_works_without(self) -> None:
        self.context = self.server_context(SSL.TLS1_2_VERSION)
        first = self.connect()
        self.assertGreater(self.connect(), first - CERTIFICATE)
