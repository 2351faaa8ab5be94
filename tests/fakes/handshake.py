"""Handshakes in memory."""

from __future__ import annotations

from OpenSSL import SSL


def shake_hands(client: SSL.Connection, server: SSL.Connection) -> None:
    """Exchange bytes until both are through; raises `SSL.Error` if one refuses."""
    client.set_connect_state()
    server.set_accept_state()
    for _ in range(10):
        for one, other in ((client, server), (server, client)):
            try:
                one.do_handshake()
            except SSL.WantReadError:
                pass
            try:
                other.bio_write(one.bio_read(65536))
            except SSL.WantReadError:
                pass
