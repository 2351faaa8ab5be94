"""The server's side of TLS, in memory."""

from __future__ import annotations

from pathlib import Path

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from edgeproxy.sandbox.certificates import Certificates
from edgeproxy.tls.errors import TLSFileError
from edgeproxy.tls.server import ServerTLS
from tests.fakes.handshake import shake_hands


class ServerTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        self.files = Certificates(folder / "ours", "somebody")
        self.foreign = Certificates(folder / "foreign", "somebody")
        for files in (self.files, self.foreign):
            files.ensure()

    def server(self, ca: bool = True) -> ServerTLS:
        return ServerTLS(
            str(self.files.server_cert),
            str(self.files.server_key),
            str(self.files.ca) if ca else None,
        )

    def shake_hands(
        self,
        server: ServerTLS,
        version: int = SSL.TLS1_3_VERSION,
        files: Certificates | None = None,
    ) -> tuple[str | None, int]:
        """Return the name that the server sees, and the serial that the client does."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        if files is not None:
            context.use_certificate_file(str(files.device_cert))
            context.use_privatekey_file(str(files.device_key))
        client = SSL.Connection(context, None)
        ours = server.serverConnectionForTLS(None)
        shake_hands(client, ours)
        certificate = ours.get_peer_certificate()
        name = certificate.get_subject().CN if certificate else None
        seen = client.get_peer_certificate()
        assert seen is not None
        return name, seen.get_serial_number()

    def test_it_is_a_connection_creator(self) -> None:
        verifyObject(IOpenSSLServerConnectionCreator, self.server())

    def test_a_certificate_is_asked_for_but_not_needed(self) -> None:
        server = self.server()
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            for _ in range(2):  # a second connection must not be a resumed one
                self.assertIsNone(self.shake_hands(server, version)[0])
                found = self.shake_hands(server, version, self.files)
                self.assertEqual(found[0], "somebody")

    def test_a_certificate_of_another_ca_ends_the_handshake(self) -> None:
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            with self.assertRaises(SSL.Error):
                self.shake_hands(self.server(), version, self.foreign)

    def test_any_certificate_is_taken_where_that_is_wanted(self) -> None:
        paths = (str(self.files.server_cert), str(self.files.server_key))
        server = ServerTLS(*paths, any_client=True)
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            self.assertIsNone(self.shake_hands(server, version)[0])
            for files in (self.files, self.foreign):
                found = self.shake_hands(server, version, files)
                self.assertEqual(found[0], "somebody")
        server.reload()
        self.assertEqual(self.shake_hands(server, files=self.foreign)[0], "somebody")

    def test_without_cas_nobody_is_asked(self) -> None:
        found = self.shake_hands(self.server(ca=False), files=self.files)
        self.assertIsNone(found[0])

    def test_old_versions_are_refused(self) -> None:
        with self.assertRaises((SSL.Error, AssertionError)):
            self.shake_hands(self.server(), SSL.TLS1_1_VERSION)

    def test_a_reload_shows_in_new_connections(self) -> None:
        server = self.server()
        before = self.shake_hands(server)[1]
        for file in (self.files.server_cert, self.files.ca):
            file.unlink()
        self.files.ensure()
        server.reload()
        self.assertNotEqual(self.shake_hands(server)[1], before)

    def test_a_bad_file_keeps_what_there_was(self) -> None:
        server = self.server()
        before = self.shake_hands(server)[1]
        self.files.server_key.write_text("nothing")
        with self.assertRaises(TLSFileError):
            server.reload()
        self.assertEqual(self.shake_hands(server)[1], before)
