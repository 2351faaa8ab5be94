"""``edgeproxyctl diag``: looks at everything on the way to Cumulocity."""

from __future__ import annotations

import argparse
import email.utils
import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
from cryptography import x509

from edgeproxy.config.load import Loaded
from edgeproxy.ctl.failure import CommandFailed
from edgeproxy.ctl.service import ask

TIMEOUT = 5.0  # seconds for each step
EARLIEST = 1_704_067_200  # 2024-01-01: a clock before that was never set
SKEW = 60.0  # seconds that clocks may differ before certificates and tokens suffer
SOON = 14 * 86_400  # seconds: a certificate that ends so soon is to be renewed


@attrs.frozen
class Finding:
    """How one step fared, and what to do about it where it did not."""

    name: str
    good: bool
    detail: str
    remedy: str = ""


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "diag",
        help="look at everything on the way to Cumulocity",
        description="Checks clock, trust store, certificate, DNS, TLS, broker, service "
        "and token in this order, and says what to do. Exit status 1 if anything is "
        "wrong.",
    )
    command.set_defaults(run=run)


def run(loaded: Loaded, options: argparse.Namespace) -> int:
    """Check, and print."""
    wrong = 0
    for check in (_clock, _trust, _certificate, _cumulocity, _broker, _service):
        for found in _guarded(check, loaded):
            print(f"{'ok  ' if found.good else 'FAIL'}  {found.name}: {found.detail}")
            if not found.good:
                wrong += 1
                print(f"      -> {found.remedy}")
    return 1 if wrong else 0


def _guarded(
    check: Callable[[Loaded], Iterator[Finding]], loaded: Loaded
) -> Iterator[Finding]:
    try:
        yield from check(loaded)
    except (OSError, ValueError) as error:
        name = check.__name__.removeprefix("_")
        yield Finding(name, False, str(error), "mend that and run this again")


def _clock(loaded: Loaded) -> Iterator[Finding]:
    now = time.time()
    text = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    yield Finding(
        "clock",
        now > EARLIEST,
        text,
        "set the time (timedatectl set-ntp true): certificates seem not yet valid",
    )


def _trust(loaded: Loaded) -> Iterator[Finding]:
    path = loaded.config.c8y.root_cert_path
    context = _context(loaded)
    count = len(context.get_ca_certs())
    if path is None:
        default = ssl.get_default_verify_paths()
        where = default.cafile or default.capath or "the system's store"
        there = count > 0 or bool(
            default.capath and any(Path(default.capath).iterdir())
        )
        remedy = "install the package ca-certificates"
    else:
        where, there = path, Path(path).is_dir() or count > 0
        remedy = (
            "c8y.root_cert_path must hold the CA of your tenant's certificate (PEM)"
        )
    yield Finding("trust store", there, where, remedy)


def _context(loaded: Loaded) -> ssl.SSLContext:
    path = loaded.config.c8y.root_cert_path
    if path is None:
        return ssl.create_default_context()
    if Path(path).is_dir():
        return ssl.create_default_context(
            cadata="".join(
                file.read_text() for file in Path(path).iterdir() if file.is_file()
            )
        )
    return ssl.create_default_context(cafile=path)


def _certificate(loaded: Loaded) -> Iterator[Finding]:
    path = loaded.config.device.cert_path
    if path is None:
        return
    certificate = x509.load_pem_x509_certificate(Path(path).read_bytes())
    name = certificate.subject.rfc4514_string()
    # The aware property is missing in Debian 12's cryptography.
    ends = certificate.not_valid_after
    left = (ends - type(ends).utcfromtimestamp(time.time())).total_seconds()
    yield Finding(
        "device certificate",
        left > SOON,
        f"{name}, valid until {ends:%Y-%m-%d}",
        "renew it; edgeproxy takes the new one up by itself",
    )


def _cumulocity(loaded: Loaded) -> Iterator[Finding]:
    c8y = loaded.config.c8y
    origin = c8y.http or c8y.url
    if origin is None:
        yield Finding("Cumulocity", False, "is not configured", "set c8y.url")
        return
    if loaded.config.proxy.address is not None:
        there = loaded.config.proxy.address
        yield _connects("outbound proxy", there.host, there.port, "check proxy.address")
        return
    port = origin.port or (80 if origin.plain else 443)
    found = _resolves(origin.host)
    yield found
    if not found.good:
        return
    connection: http.client.HTTPConnection
    if origin.plain:
        connection = http.client.HTTPConnection(origin.host, port, timeout=TIMEOUT)
    else:
        connection = http.client.HTTPSConnection(
            origin.host, port, timeout=TIMEOUT, context=_context(loaded)
        )
    where = f"{origin.host}:{port}"
    try:
        connection.request("GET", "/tenant/loginOptions")
        response = connection.getresponse()
        response.read()
    except ssl.SSLCertVerificationError as error:
        yield Finding(
            "TLS",
            False,
            f"{where}: {error.verify_message}",
            "the certificate is not of a CA in the trust store, or of another host: "
            "check c8y.url, c8y.root_cert_path and the clock",
        )
        return
    except (OSError, http.client.HTTPException) as error:
        yield Finding(
            "Cumulocity", False, f"{where}: {error}", "is a firewall between?"
        )
        return
    finally:
        connection.close()
    yield Finding("Cumulocity", True, f"{where} answers {response.status}")
    date = email.utils.parsedate_to_datetime(response.headers.get("Date", ""))
    skew = time.time() - date.timestamp()
    yield Finding(
        "clock against Cumulocity's",
        abs(skew) < SKEW,
        f"{skew:+.0f} s",
        "set the time (timedatectl set-ntp true)",
    )


def _resolves(host: str) -> Finding:
    try:
        addresses = {str(i[4][0]) for i in socket.getaddrinfo(host, None)}
    except OSError as error:
        remedy = "check the network, /etc/resolv.conf and c8y.url"
        return Finding("DNS", False, f"{host}: {error.strerror}", remedy)
    return Finding("DNS", True, f"{host} is {', '.join(sorted(addresses))}")


def _connects(name: str, host: str, port: int, remedy: str) -> Finding:
    try:
        socket.create_connection((host, port), TIMEOUT).close()
    except OSError as error:
        return Finding(name, False, f"{host}:{port}: {error.strerror or error}", remedy)
    return Finding(name, True, f"{host}:{port} accepts connections")


def _broker(loaded: Loaded) -> Iterator[Finding]:
    c8y, client = loaded.config.c8y, loaded.config.mqtt.client
    if c8y.auth_method == "basic" or c8y.token.source == "http":
        return
    if c8y.token.source == "bridge":
        remedy = "is the broker running? (mqtt.client.host, mqtt.client.port)"
        yield _connects("MQTT broker", client.host, client.port, remedy)
        return
    mqtt = c8y.mqtt or c8y.url
    if mqtt is not None and loaded.config.proxy.address is None:
        remedy = "is port 8883 open to the outside?"
        yield _connects("Cumulocity's MQTT", mqtt.host, mqtt.port or 8883, remedy)


def _service(loaded: Loaded) -> Iterator[Finding]:
    try:
        c8y = ask(loaded, "/status")["c8y"]
    except CommandFailed as failed:
        yield Finding("service", False, str(failed), "systemctl status edgeproxy")
        return
    yield Finding("service", True, "answers")
    yield Finding(
        "device credential",
        bool(c8y.get("token")),
        c8y["detail"],
        "is the device registered, and its certificate trusted in the tenant?",
    )
