"""Asks the management API of the registry, as an operator whom it finds by itself."""

from __future__ import annotations

import argparse
import base64
import http.client
import ipaddress
import json
import ssl
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import attrs

from edgeproxy.config.load import Loaded
from edgeproxy.config.registry import HonoRegistryHttp
from edgeproxy.ctl.failure import CommandFailed
from edgeproxy.portal.operators import OperatorsFileError, read_operators
from edgeproxy.registry.demo import TENANT

TIMEOUT = 60.0  # seconds; passwords of an import take their time to be hashed

# Results of one page of a search: the API's bound.
PAGE = 200

# Changes that somebody else's may come before are tried as often.
TRIES = 5

JSON = dict[str, Any]


class ApiRefused(CommandFailed):
    """The API answered with an error; *status* is its status."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


class ApiUnreachable(CommandFailed):
    """The API did not answer: nobody knows whether it has done what was asked."""


@attrs.frozen
class Resource:
    """What the API has at a path: its JSON value and version."""

    value: Any
    etag: str


class RegistryApi:
    """The API that the service with this configuration serves.

    The log-in is the first with a password in the file of operators, or that of the
    options which `add_login_to` has added.
    """

    def __init__(self, loaded: Loaded, options: argparse.Namespace) -> None:
        table = loaded.config.hono.registry.http
        if not table.port:
            raise CommandFailed("hono.registry.http.port is 0: there is no API to ask")
        self._where = f"{table.bind_address}:{table.port} (hono.registry.http.port)"
        host = _reachable(table.bind_address)
        if table.cert_path is None:
            self._connection = http.client.HTTPConnection(
                host, table.port, timeout=TIMEOUT
            )
        else:
            self._connection = http.client.HTTPSConnection(
                host, table.port, timeout=TIMEOUT, context=_trusting(table.cert_path)
            )
        self._fields = {}
        if table.authentication_required:
            name, password = _login(table, options)
            encoded = base64.b64encode(f"{name}:{password}".encode()).decode()
            self._fields["Authorization"] = f"Basic {encoded}"

    def request(
        self, method: str, path: str, body: Any = None, etag: str | None = None
    ) -> Resource:
        """Send a request to ``/v1`` and *path*; return what is answered.

        *body* is a JSON value, or its text in bytes. Raises `ApiRefused` or
        `ApiUnreachable`.
        """
        fields = dict(self._fields)
        if etag is not None:
            fields["If-Match"] = etag
        if body is not None:
            fields["Content-Type"] = "application/json"
            if not isinstance(body, bytes):
                body = json.dumps(body, separators=(",", ":")).encode()
        try:
            self._connection.request(method, f"/v1{path}", body, fields)
            answer = self._connection.getresponse()
            text = answer.read()
            value = json.loads(text) if text else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise ApiUnreachable(
                f"no edgeproxy answers at {self._where}: {error}"
            ) from None
        if answer.status >= 400:
            raise ApiRefused(answer.status, _told(value, answer.status))
        return Resource(value, answer.getheader("ETag", ""))

    def get(self, *path: str) -> Resource:
        """Return the resource at *path*, whose segments may be any text."""
        return self.request("GET", joined(*path))

    def change(self, change: Callable[[Any], Any], *path: str) -> None:
        """Replace the resource at *path* by what *change* makes of its value.

        If somebody else is quicker, *change* gets what they have made of it.
        """
        for _ in range(TRIES):
            found = self.get(*path)
            try:
                self.request("PUT", joined(*path), change(found.value), found.etag)
                return
            except ApiRefused as refused:
                if refused.status != 412:
                    raise
        raise CommandFailed("others change it all the time; try again")

    def search(self, *path: str, filters: list[str], **more: str) -> Iterator[JSON]:
        """Yield what is found at *path*, page by page."""
        offset = 0
        while True:
            query = [("filterJson", each) for each in filters] + list(more.items())
            query += [("pageSize", str(PAGE)), ("pageOffset", str(offset))]
            try:
                found = self.request("GET", f"{joined(*path)}?{urlencode(query)}").value
            except ApiRefused as refused:
                if refused.status == 404 and str(refused) == "nothing matches":
                    return
                raise
            yield from found["result"]
            offset += PAGE
            if offset >= found["total"]:
                return


def joined(*path: str) -> str:
    """Return *path* with its segments escaped."""
    return "".join(f"/{quote(segment, safe=':=')}" for segment in path)


def add_login_to(parser: argparse.ArgumentParser) -> None:
    """Add the options of a log-in that is not the one to be found by itself."""
    parser.add_argument(
        "--username",
        help="log in as this operator (default: the first one in "
        "hono.registry.http.credentials_path)",
    )
    parser.add_argument(
        "--operator-password-file",
        type=argparse.FileType(),
        metavar="FILE",
        help="the operator's password, first line",
    )


def add_tenant_to(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the tenant."""
    parser.add_argument(
        "--tenant", "-t", default=TENANT, help="the tenant (default: %(default)s)"
    )


def _login(table: HonoRegistryHttp, options: argparse.Namespace) -> tuple[str, str]:
    name, file = options.username, options.operator_password_file
    if file is not None:
        if name is None:
            raise CommandFailed("--operator-password-file needs --username")
        return name, file.readline().rstrip("\r\n")
    try:
        operators = read_operators(table.credentials_path)
    except OperatorsFileError as error:
        raise CommandFailed(
            f"{error}; run this as a user who may read it, or give --username and "
            "--operator-password-file"
        ) from None
    for operator in operators.values():
        if operator.password is not None and name in (None, operator.name):
            return operator.name, operator.password
    raise CommandFailed(f"{table.credentials_path}: has no such log-in with a password")


def _reachable(address: str) -> str:
    """Return where a listener on *address* can be reached from here."""
    found = ipaddress.ip_address(address)
    if found.is_unspecified:
        return "127.0.0.1" if found.version == 4 else "::1"
    return address


def _trusting(cert_path: str) -> ssl.SSLContext:
    """Return a context for the server that has this certificate, and no other."""
    context = ssl.create_default_context(cafile=cert_path)
    # It is known by its file, whatever it is called and whoever has issued it.
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _told(value: Any, status: int) -> str:
    if not isinstance(value, dict) or "error" not in value:
        return f"the API answered {status}"
    detail = f" ({value['detail']})" if "detail" in value else ""
    return f"{value['error']}{detail}"
