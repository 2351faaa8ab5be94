"""Every header and form of Cumulocity's HTTP usage as it crosses the door (seed 001).

Rows of raw bytes: what a client sends and the origin receives, what the origin answers
and the client gets. One test per row; `docs/seed-001.md` names them.
"""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.c8y.proxy import ProxyResource
from edgeproxy.http.client.origin import Origin
from edgeproxy.http.client.pool import Pool
from edgeproxy.http.foreign import OwnNames
from tests.c8y.test_proxy import Credential
from tests.fakes.site import Exchange
from tests.http.wires import Upstream

DEVICE = b"Authorization: Bearer one\r\n"
DATE = b"Date: Thu, 26 Nov 2026 12:00:00 GMT\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n" + DATE + b"\r\n"

VND = b"application/vnd.com.nsn.cumulocity."
ERROR = VND + b"error+json;ver=0.9;charset=UTF-8"
OBJECT = VND + b"managedObject+json;ver=0.9;charset=UTF-8"


def basic(pair: bytes) -> bytes:
    return b"Authorization: Basic " + base64.b64encode(pair) + b"\r\n"


def own_jwt() -> bytes:
    """Return a token as an application makes one for itself."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = {"iss": "cumulocity", "aud": "myTenant", "sub": "username"}
    claims |= {"nbf": 1515678716, "exp": 1516629116}  # type: ignore[dict-item]
    return jwt.encode(claims, key, "RS256", headers={"kid": "myPubKey"}).encode()


class Row(NamedTuple):
    """What a client sends below ``/c8y``, and the origin's *answer*.

    *fields* pass as they are, and so does the answer; *device* tells whether the
    device's credential is added.
    """

    method: bytes = b"GET"
    target: bytes = b"/inventory/managedObjects"
    fields: bytes = b""
    body: bytes = b""
    device: bool = False
    answer: bytes = NO_CONTENT


def answer(status: bytes, fields: bytes, body: bytes) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"HTTP/1.1 " + status + b"\r\n" + DATE + fields + length + b"\r\n" + body


def error(status: bytes, kind: bytes, message: bytes, fields: bytes = b"") -> Row:
    """Return a row with an answer of the error table."""
    body = b'{"error":"%b","message":"%b","info":"https://x"}' % (kind, message)
    return Row(
        fields=basic(b"u:p"),
        answer=answer(status, fields + b"Content-Type: " + ERROR + b"\r\n", body),
    )


def mode(name: bytes) -> Row:
    return Row(
        b"POST",
        b"/measurement/measurements",
        b"X-Cumulocity-Processing-Mode: %b\r\nContent-Length: 2\r\n" % name,
        b"{}",
        device=True,
    )


LOGIN_OPTIONS = b'{"loginOptions":[{"type":"oauth2"}]}'

ROWS = {
    # Authentication
    "basic_without_tenant": Row(fields=basic(b"user:pass")),
    "basic_with_tenant": Row(fields=basic(b"mytenant/user:pass")),
    "bearer": Row(fields=b"Authorization: Bearer abc.def-_.ghi\r\n"),
    "own_jwt_rs256": Row(fields=b"Authorization: Bearer %b\r\n" % own_jwt()),
    "no_credential": Row(device=True),
    "tfa_token": Row(fields=basic(b"u:p") + b"TFAToken: 123456\r\n"),
    "tfa_token_expired": Row(
        fields=basic(b"u:p") + b"TFAToken: 1\r\n",
        answer=answer(
            b"401 Unauthorized", b"TFATokenExpired: TFATokenExpired\r\n", b"{}"
        ),
    ),
    "tenant_option_upload": Row(
        b"POST",
        b"/tenant/options",
        basic(b"u:p")
        + b"Content-Type: " + VND + b"option+json;ver=0.9\r\n"
        + b"Accept: " + VND + b"option+json;ver=0.9\r\nContent-Length: 35\r\n",
        b'{"category":"token.publicKey","k":1}'[:35],
    ),
    # OAuth
    "login_options": Row(
        b"POST",
        b"/tenant/loginOptions",
        b"Content-Type: " + VND + b"loginOptionCollection+json;ver=0.9\r\n"
        b"Content-Length: 0\r\n",
        answer=answer(b"200 OK", b"", LOGIN_OPTIONS),
    ),
    "oauth_exchange": Row(
        b"POST",
        b"/tenant/oauth?grant_type=authorization_code&code=a%2Bb",
        b"Content-Length: 0\r\n",
        answer=answer(
            b"200 OK",
            b"Set-Cookie: authorization=abc.def;\r\nSet-Cookie: XSRF-TOKEN=xyz;\r\n",
            b"",
        ),
    ),
    "cookies_and_xsrf_token": Row(
        b"PUT",
        b"/user/currentUser",
        b"Cookie: authorization=abc.def; XSRF-TOKEN=xyz\r\nX-XSRF-TOKEN: xyz\r\n"
        b"Content-Length: 2\r\n",
        b"{}",
    ),
    # Applications and limited clients
    "application_key": Row(
        fields=b"X-Cumulocity-Application-Key: myapp\r\n", device=True
    ),
    "x_http_method": Row(
        b"POST",
        b"/inventory/managedObjects/1",
        b"X-HTTP-METHOD: PUT\r\nContent-Length: 2\r\n",
        b"{}",
        device=True,
    ),
    # Processing modes
    "mode_persistent": mode(b"PERSISTENT"),
    "mode_transient": mode(b"TRANSIENT"),
    "mode_quiescent": mode(b"QUIESCENT"),
    "mode_cep": mode(b"CEP"),
    # Media types
    "media_type_with_version_and_charset": Row(
        b"POST",
        fields=b"Content-Type: %b\r\nAccept: %b\r\nContent-Length: 2\r\n"
        % (OBJECT, OBJECT),
        body=b"{}",
        device=True,
        answer=answer(b"201 Created", b"Content-Type: %b\r\n" % OBJECT, b'{"id":1}'),
    ),
    "media_type_without_version": Row(
        fields=b"Accept: " + VND + b"managedObject+json\r\n", device=True
    ),
    "media_type_in_several_versions": Row(
        fields=b"Accept: %ba+json;ver=0.8, %ba+json;ver=0.9\r\n" % (VND, VND),
        device=True,
    ),
    "accept_stays_absent": Row(
        b"POST",
        fields=b"Content-Type: %b\r\nContent-Length: 2\r\n" % OBJECT,
        body=b"{}",
        device=True,
        answer=answer(b"201 Created", b"", b""),
    ),
    "names_keep_their_case": Row(
        fields=b"aCCept: */*\r\nx-MIXED-Case: 1\r\n", device=True
    ),
    # Dates
    "encoded_plus": Row(
        target=b"/event/events?dateFrom=2026-11-26T12:00:00%2B01:00&a=b+c",
        device=True,
    ),
    # Errors
    "error_400": error(b"400 Bad Request", b"general/badRequest", b"malformed"),
    "error_401": error(
        b"401 Unauthorized",
        b"security/Unauthorized",
        b"Invalid credentials! : Bad credentials",
        b"WWW-Authenticate: Basic realm=\"Cumulocity\"\r\n",
    ),
    "error_403": error(b"403 Forbidden", b"security/Forbidden", b"Access is denied"),
    "error_404": error(b"404 Not Found", b"inventory/Not Found", b"Finding 1"),
    "error_405": error(
        b"405 Method Not Allowed", b"general/methodNotAllowed", b"x", b"Allow: GET\r\n"
    ),
    "error_409_conflict": error(b"409 Conflict", b"undefined/conflict", b"changed"),
    "error_409_duplicate": error(b"409 Duplicate", b"identity/Duplicate", b"exists"),
    "error_422_invalid": error(b"422 Invalid Data", b"undefined/validationError", b"x"),
    "error_422_non_unique": error(b"422 Non Unique Result", b"x/nonUnique", b"two"),
    "error_422_unprocessable": error(b"422 Unprocessable entity", b"x/y", b"z"),
    "error_500": error(b"500 Internal Server Error", b"general/internalError", b"x"),
    "error_503": error(
        b"503 Service Unavailable", b"x/unavailable", b"later", b"Retry-After: 120\r\n"
    ),
}  # fmt: skip


class SeedTests(SynchronousTestCase):
    """One test per row, ``test_`` and its name."""

    def cross(self, row: Row) -> None:
        clock = Clock()
        upstream, credential = Upstream(), Credential()
        pool = Pool(Origin("https", "t1.example.com", 443), upstream, clock)  # type: ignore[arg-type]
        own = OwnNames(["127.0.0.1"])
        door = ProxyResource(pool, credential, {"t1.example.com"}, own)
        client = Exchange(door)
        client.channel.dataReceived(
            b"%b /c8y%b HTTP/1.1\r\nHost: 127.0.0.1:8001\r\n%b\r\n%b"
            % (row.method, row.target, row.fields, row.body)
        )
        length = b"Content-Length: %d\r\n" % len(row.body)
        fields = row.fields.replace(length, b"")
        framing = length if row.method in (b"POST", b"PUT") else b""
        self.assertEqual(
            upstream.wires[0].take(),
            b"%b %b HTTP/1.1\r\nHost: t1.example.com\r\n%b%b%b\r\n%b"
            % (
                row.method,
                row.target,
                fields,
                DEVICE if row.device else b"",
                framing,
                row.body,
            ),
        )
        upstream.say(row.answer)
        self.assertEqual(client.transport.value(), row.answer)
        self.assertEqual(credential.asked, [])
        pool.close()


def _test(row: Row) -> Any:
    return lambda self: self.cross(row)


for name, row in ROWS.items():
    setattr(SeedTests, f"test_{name}", _test(row))
