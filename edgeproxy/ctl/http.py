"""``edgeproxyctl http``: a request to Cumulocity through the /c8y door."""

from __future__ import annotations

import argparse
import http.client
import shutil
import ssl
import sys
from pathlib import Path
from typing import Any

from edgeproxy.config.load import Loaded
from edgeproxy.ctl.failure import CommandFailed

TIMEOUT = 60.0  # seconds without a byte


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "http",
        help="send a request to Cumulocity through the /c8y door",
        description="Prints the body of the response. Exit status 0 for 2xx, else 1, "
        "with the status on stderr.",
    )
    command.add_argument("method", type=str.upper, metavar="METHOD")
    command.add_argument("path", metavar="PATH", help="such as /tenant/currentTenant")
    command.add_argument(
        "--data", "-d", metavar="TEXT", help="body; @FILE or @- takes it from a file"
    )
    command.add_argument(
        "--header", "-H", action="append", default=[], metavar="'NAME: VALUE'"
    )
    command.add_argument(
        "--include", "-i", action="store_true", help="print the response's head too"
    )
    command.set_defaults(run=run)


def run(loaded: Loaded, options: argparse.Namespace) -> int:
    """Send the request and print what comes back."""
    path = options.path if options.path.startswith("/") else f"/{options.path}"
    if path != "/c8y" and not path.startswith(("/c8y/", "/c8y?")):
        path = f"/c8y{path}"
    body = _body(options.data)
    headers = {} if body is None else {"Content-Type": "application/json"}
    for header in options.header:
        name, colon, value = header.partition(":")
        if not colon:
            raise CommandFailed(f"{header!r} is not 'NAME: VALUE'")
        headers[name.strip()] = value.strip()
    connection, where = connect(loaded)
    try:
        connection.request(options.method, path, body, headers)
        return _print(connection.getresponse(), options.include)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CommandFailed(f"{where} (c8y.proxy.client): {error}") from None
    finally:
        connection.close()


def connect(loaded: Loaded) -> tuple[http.client.HTTPConnection, str]:
    """Return a connection to the door that is made when it is used, and its URL."""
    proxy, auth = loaded.config.c8y.proxy, loaded.config.http.client.auth
    host, port = proxy.client.host, proxy.client.port or proxy.bind.port
    if proxy.cert_path is None:
        found = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        return found, f"http://{host}:{port}"
    try:
        context = ssl.create_default_context()
        # The door's own certificate is as good as one of a CA, whoever issued it.
        context.load_verify_locations(proxy.cert_path)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if auth.cert_file is not None:
            context.load_cert_chain(auth.cert_file, auth.key_file)
    except OSError as error:
        raise CommandFailed(f"c8y.proxy.cert_path, http.client.auth: {error}") from None
    secure = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
    return secure, f"https://{host}:{port}"


def _body(given: str | None) -> Any:
    if given is None or not given.startswith("@"):
        return None if given is None else given.encode()
    if given == "@-":
        return sys.stdin.buffer.read()
    try:
        return Path(given[1:]).read_bytes()
    except OSError as error:
        raise CommandFailed(f"{given[1:]}: {error.strerror}") from None


def _print(response: http.client.HTTPResponse, include: bool) -> int:
    line = f"{response.status} {response.reason}"
    if include:
        print(f"HTTP/1.1 {line}\n{response.headers}", end="", flush=True)
    good = 200 <= response.status < 300
    if not good:
        print(f"edgeproxyctl: {line}", file=sys.stderr)
    shutil.copyfileobj(response, sys.stdout.buffer)
    sys.stdout.buffer.flush()
    return 0 if good else 1
