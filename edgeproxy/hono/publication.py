"""Publishes what a device sends, and gives it the command that it waits for."""

from __future__ import annotations

from twisted.python.failure import Failure

from edgeproxy.amqp.outcome import Outcome, State
from edgeproxy.hono.composing import ADAPTER, compose
from edgeproxy.hono.conversation import Conversation
from edgeproxy.hono.outcomes import Answered
from edgeproxy.hono.statuses import Situation
from edgeproxy.hono.upload import UNKNOWN_TYPE, read_upload
from edgeproxy.hono.waiters import Settle, Waiter, seconds_to_wait
from edgeproxy.http.head import Fields
from edgeproxy.messaging.commands import Command
from edgeproxy.messaging.message import Message
from edgeproxy.registry.assertion import Assertion

_TOO_MUCH = Outcome(
    State.REJECTED, "amqp:resource-limit-exceeded", "data volume exceeded"
)


def publish(talk: Conversation, payload: bytes) -> None:
    """Check the upload, have the device vouched for, and send its message."""
    request, door = talk.request, talk.door
    tenant_id, device_id, gateway_id = talk.addressee()
    endpoint, fields = talk.route.endpoint, request.head.index
    upload = read_upload(door.compat, endpoint, request.uri, payload, fields)
    assertion = door.assertion(tenant_id, device_id, gateway_id, talk.avatar)
    ttd = upload.ttd
    if ttd is not None:
        most = assertion.tenant.max_ttd(ADAPTER)
        ttd = seconds_to_wait(ttd, most, door.idle_timeout)
    now = door.wall_clock()
    message = compose(door.compat, upload, tenant_id, device_id, assertion, ttd, now)
    limited = bool(assertion.tenant.resource_limits)
    if limited and not door.volumes.take(assertion.tenant, len(payload)):
        raise Answered(Situation.VOLUME_EXCEEDED)
    if gateway_id is not None:
        door.commander.heard_of(assertion.device, gateway_id)
    if ttd is not None:
        _Wait(talk, assertion, gateway_id).start(message, ttd)
        return
    sent = door.network.send(message)
    if not sent.called:
        talk.watch_client()
    if limited:
        sent.addErrback(door.volumes.not_taken, assertion.tenant, len(payload))
    sent.addCallbacks(talk.accept, talk.fail)


class _Wait:
    """A device that waits for a command while and after its message is sent.

    It is answered when both are over. What became of a command that it was given is
    told only then: it may never have been answered at all.
    """

    __slots__ = (
        "_assertion",
        "_command",
        "_expired",
        "_gateway_id",
        "_sent",
        "_talk",
        "_waiter",
    )

    def __init__(
        self, talk: Conversation, assertion: Assertion, gateway_id: str | None
    ) -> None:
        self._talk = talk
        self._assertion = assertion
        self._gateway_id = gateway_id
        self._sent = self._expired = False
        self._command: tuple[Command, Settle] | None = None
        device = assertion.device
        self._waiter = Waiter(
            device.tenant_id,
            device.device_id,
            gateway_id,
            device.member_of if gateway_id is None else (),
            self._on_command,
            self._on_expiry,
        )

    def start(self, message: Message, seconds: int) -> None:
        """Wait, and send *message* only then: a command may be the answer to it."""
        door = self._talk.door
        self._talk.watch_client(self._give_up)
        door.commander.waiters.join(self._waiter, seconds)
        sent = door.network.send(message)
        size = len(message.payload)
        sent.addErrback(door.volumes.not_taken, self._assertion.tenant, size)
        sent.addCallbacks(self._on_sent, self._on_failure)
        sent.addErrback(self._talk.fail)

    def _on_sent(self, _: None) -> None:
        self._sent = True
        self._answer()

    def _on_failure(self, failure: Failure) -> None:
        self._give_up()
        self._talk.fail(failure)

    def _on_command(self, command: Command, settle: Settle) -> None:
        self._command = command, settle
        self._answer()

    def _on_expiry(self) -> None:
        self._expired = True
        self._answer()

    def _give_up(self) -> None:
        """Wait no more; a command that is here goes back."""
        self._talk.door.commander.waiters.leave(self._waiter)
        if self._command is not None:
            _, settle = self._command
            self._command = None
            settle(Outcome(State.RELEASED))

    def _answer(self) -> None:
        if not self._sent:
            return
        if self._command is not None:
            command, settle = self._command
            self._command = None
            tenant = self._assertion.tenant
            if not self._talk.door.volumes.take(tenant, len(command.payload)):
                settle(_TOO_MUCH)
                self._talk.answer(Situation.VOLUME_EXCEEDED)
                return
            written = self._talk.respond(
                200, None, self._fields(command), command.payload
            )
            settle(Outcome(State.ACCEPTED if written else State.RELEASED))
        elif self._expired:
            self._talk.accept()

    def _fields(self, command: Command) -> Fields:
        """Return the header fields that tell the device of *command*."""
        fields = [(b"hono-command", command.name.encode())]
        if command.reply_id is not None and command.correlation_id is not None:
            request_id = self._talk.door.commander.request_ids.make(
                command.tenant_id,
                command.device_id,
                command.reply_id,
                command.correlation_id,
            )
            fields.append((b"hono-cmd-req-id", request_id.encode()))
        receiver = self._gateway_id or self._waiter.device_id
        if command.device_id != receiver:
            target = command.device_id.encode()
            fields.append((b"hono-cmd-target-device", target))
        if command.payload:
            content_type = command.content_type or UNKNOWN_TYPE
            fields.append((b"Content-Type", content_type.encode()))
        return fields
