"""Takes a device's response to a command (facts of Hono, §6.3)."""

from __future__ import annotations

import re

from edgeproxy.hono.composing import command_response_ttl
from edgeproxy.hono.conversation import Conversation
from edgeproxy.hono.outcomes import Answered
from edgeproxy.hono.statuses import Situation
from edgeproxy.hono.upload import UNKNOWN_TYPE, parameter, response_type
from edgeproxy.messaging.responses import CommandResponse

# Success, or an error of the request's or the device's.
_STATUS = re.compile(r"[245][0-9]{2}")


def respond(talk: Conversation, payload: bytes) -> None:
    """Hand the response to the application that sent the command."""
    request, door = talk.request, talk.door
    fields = request.head.index
    tenant_id, device_id, gateway_id = talk.addressee()
    request_id = talk.route.request_id or ""
    status = parameter(request.uri, fields, b"hono-cmd-status")
    ids = door.commander.request_ids.read(tenant_id, device_id, request_id)
    if ids is None or status is None or not _STATUS.fullmatch(status):
        raise Answered(Situation.BAD_COMMAND_RESPONSE, request_id, status or "null")
    content_type = response_type(fields.get(b"content-type"))
    if content_type is None and payload:
        content_type = UNKNOWN_TYPE
    assertion = door.assertion(tenant_id, device_id, gateway_id, talk.avatar)
    if not door.volumes.take(assertion.tenant, len(payload)):
        raise Answered(Situation.VOLUME_EXCEEDED)
    reply_id, correlation_id = ids
    sent = door.network.respond(
        CommandResponse(
            tenant_id,
            device_id,
            reply_id,
            correlation_id,
            int(status),
            payload,
            content_type,
            door.wall_clock(),
            command_response_ttl(door.compat, assertion),
        )
    )
    if not sent.called:
        talk.watch_client()
    sent.addErrback(door.volumes.not_taken, assertion.tenant, len(payload))
    sent.addCallbacks(talk.accept, talk.fail)
