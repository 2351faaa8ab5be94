"""The /c8y door: which requests go to Cumulocity, and as whom."""

from __future__ import annotations

from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from edgeproxy.c8y.credential import IDeviceCredential
from edgeproxy.c8y.forward import Forward
from edgeproxy.c8y.plan import Planner, Refusal
from edgeproxy.c8y.returned import Returned
from edgeproxy.c8y.visitors import Visitors
from edgeproxy.http.client.pool import Pool
from edgeproxy.http.foreign import OwnNames
from edgeproxy.http.interfaces import IStreamingResource


@implementer(IStreamingResource)
class ProxyResource(Resource):
    """Everything below ``/c8y``.

    *tenant* are the names that Cumulocity knows the tenant by, *own* those of this
    machine; *secure* tells whether clients come over TLS. With *visitors* they must
    have logged in with a client certificate.
    """

    isLeaf = True
    streaming = True

    def __init__(
        self,
        upstream: Pool,
        credential: IDeviceCredential,
        tenant: set[str],
        own: OwnNames,
        secure: bool = False,
        visitors: Visitors | None = None,
    ) -> None:
        super().__init__()
        self.upstream = upstream
        self.returned = Returned(
            tenant, lambda: credential.tenant, upstream.origin.port, secure
        )
        self._credential = credential
        self._visitors = visitors
        scheme = b"https" if secure else b"http"
        authority = upstream.authority
        self._planner = Planner(authority, authority, own, scheme)

    def render(self, request: Any) -> int:
        """Forward *request*, or answer it where it has no business at Cumulocity."""
        if self._visitors is None or self._visitors.admit(request):
            head = request.head
            if head.follows is None or head.follows[0] is not self:
                head.follows = self, self._planner.plan(head)
            plan = head.follows[1]
            if type(plan) is Refusal:
                request.respond(plan.status, None, plan.fields, plan.body)
            else:
                credential = self._credential if plan.as_device else None
                Forward(self, request, plan, credential).start()
        return NOT_DONE_YET
