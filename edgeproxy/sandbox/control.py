"""What a test may do to the sandbox, under ``/sandbox/`` on its own port.

``POST /sandbox/revoke`` takes all device tokens back; with ``?repeat=true`` the same
dead token is handed out again until half of its life. A request with credentials is
refused: it came through a proxy, and this is not for those behind one.
"""

from __future__ import annotations

import json

from twisted.web.resource import Resource
from twisted.web.server import Request

from edgeproxy.sandbox.tokens import TokenIssuer


class Control(Resource):
    """The children of ``/sandbox/``."""

    def __init__(self, tokens: TokenIssuer) -> None:
        super().__init__()
        self.putChild(b"revoke", _Revoke(tokens))


class _Revoke(Resource):
    isLeaf = True

    def __init__(self, tokens: TokenIssuer) -> None:
        super().__init__()
        self._tokens = tokens

    def render_POST(self, request: Request) -> bytes:
        request.setHeader("content-type", "application/json")
        if request.getHeader("authorization") is not None:
            request.setResponseCode(403)
            return b'{"error":"only without credentials"}\n'
        args = request.args or {}
        revoked = self._tokens.revoke(repeat=args.get(b"repeat") == [b"true"])
        return json.dumps({"revoked": revoked}).encode() + b"\n"
