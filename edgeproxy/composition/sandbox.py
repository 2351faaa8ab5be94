"""Adds the sandbox: a stand-in for the Cumulocity cloud."""

from __future__ import annotations

from edgeproxy.composition.assembly import Assembly
from edgeproxy.sandbox.sandbox import Sandbox


def add_sandbox(assembly: Assembly) -> Sandbox:
    """Add and return the stand-in for Cumulocity.

    It makes its certificates first of all: other parts read them.
    """
    table = assembly.config.sandbox
    sandbox = Sandbox(
        assembly.reactor,
        assembly.state / "sandbox",
        address=table.bind_address,
        https_port=table.port,
        mqtt_port=table.mqtt_port,
        token_lifetime=table.token_lifetime,
    )
    sandbox.make_certificates()
    sandbox.setServiceParent(assembly.inner)
    return sandbox
