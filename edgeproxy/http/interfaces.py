"""What a resource and a receiver of bodies provide."""

from __future__ import annotations

from twisted.python.failure import Failure
from twisted.web.resource import IResource
from zope.interface import Attribute, Interface


class IBodyReceiver(Interface):
    """Takes a body piece by piece: `Body.deliver` is given one.

    After *ended* or *failed* nothing more is called. To slow the sender down, call
    `pauseProducing` on the body; calls stop at once, also within *dataReceived*.
    """

    def dataReceived(data: bytes) -> None:
        """Take the next bytes of the body; never none at all."""

    def ended() -> None:
        """Know that the body is complete; the body's *trailers* are there now."""

    def failed(reason: Failure) -> None:
        """Know that no more will come though the body is not complete."""


class IStreamingResource(IResource):
    """A resource that is rendered as soon as the request's head is there.

    It finds the body in ``request.body`` (`edgeproxy.http.body.Body`), asks for it with
    ``deliver`` or takes what has already arrived with ``take``, and may answer without
    ever reading it: a client that sent ``Expect: 100-continue`` is told to go on only
    when the resource asks. ``request.content`` and the form fields of ``request.args``
    stay empty.
    """

    streaming = Attribute(
        "True. Anything false: wait for the whole body, as stock does."
    )
