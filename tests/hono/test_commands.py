"""Commands in the answer to a device, and the device's answer to them, in memory."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred

from edgeproxy.amqp.outcome import Outcome, State
from edgeproxy.messaging.commands import Command
from edgeproxy.messaging.network import NoConsumer
from edgeproxy.messaging.responses import CommandResponse
from tests.fakes.site import Answer, Exchange
from tests.hono.door import DEVICE, GATEWAY, JSON, NOW, DoorTestCase, basic

WAITS = JSON | {"hono-ttd": "10"}

COMMAND = Command("T", "sensor", "setBrightness", b'{"b": 1}', "application/json")


class CommandTestCase(DoorTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.outcomes: list[Outcome] = []

    def command(self, command: Command = COMMAND, **more: Any) -> None:
        """Have an application send *command*; `outcomes` gets what becomes of it."""
        wanted = attrs.evolve(command, **more)
        self.door.commander.take(wanted, self.outcomes.append)

    def outcome(self) -> State | None:
        """Return what became of the one command that was sent, if that is known."""
        self.assertLessEqual(len(self.outcomes), 1)
        return self.outcomes.pop().state if self.outcomes else None

    def wait(self, headers: dict[str, str] | None = None, **more: Any) -> None:
        """Have a device wait."""
        answer = self.ask(
            headers=DEVICE | WAITS if headers is None else headers, **more
        )
        self.assertEqual(answer.line, "")

    def another(self) -> Exchange:
        """Return another connection to the door."""
        return Exchange(self.door.channel.site.resource)

    def answered(self, answer: Answer | None = None) -> Answer:
        answer = answer or self.door.answer()
        self.assertEqual(answer.line, "200 OK")
        return answer


class WaitingTests(CommandTestCase):
    def test_a_device_gets_a_command(self) -> None:
        self.wait()
        self.command()
        answer = self.answered()
        self.assertEqual(answer["hono-command"], "setBrightness")
        self.assertEqual(answer["content-type"], "application/json")
        self.assertEqual(answer.body, b'{"b": 1}')
        self.assertIsNone(answer["hono-cmd-req-id"])
        self.assertIsNone(answer["hono-cmd-target-device"])
        self.assertEqual(self.outcome(), State.ACCEPTED)
        self.assertEqual(len(self.door.waiters), 0)

    def test_it_may_ask_by_query(self) -> None:
        for target in ("/telemetry?hono-ttd=10", "/event?hono-ttd=10"):
            self.wait(DEVICE | JSON, target=target)
            self.assertEqual(self.network.sent[-1].properties["ttd"], 10)
            self.command()
            self.answered()
            self.assertEqual(self.outcome(), State.ACCEPTED)

    def test_a_command_without_payload_has_no_type(self) -> None:
        self.wait()
        self.command(payload=b"")
        answer = self.answered()
        self.assertEqual((answer.body, answer["content-type"]), (b"", None))
        self.wait()
        self.command(content_type=None)
        answer = self.answered(self.door.answer())
        self.assertEqual(answer["content-type"], "application/octet-stream")

    def test_nobody_waits(self) -> None:
        self.command()
        self.assertEqual(self.outcome(), State.RELEASED)
        self.wait()
        self.door.timer.advance(10)
        self.assertEqual(self.door.answer().line, "202 Accepted")
        self.command()
        self.assertEqual(self.outcome(), State.RELEASED)

    def test_it_never_takes_less_than_was_asked_for(self) -> None:
        self.wait()
        self.door.timer.advance(9.999)
        self.assertEqual(self.door.answer().line, "")
        self.door.timer.advance(0.001)
        self.assertEqual(self.door.answer().line, "202 Accepted")

    def test_the_answer_needs_the_messages_outcome_as_well(self) -> None:
        outcome = self.network.answer = Deferred()
        self.wait()
        self.command()
        self.assertEqual(self.door.answer().line, "")
        self.assertIsNone(self.outcome())
        outcome.callback(None)
        self.answered()
        self.assertEqual(self.outcome(), State.ACCEPTED)
        outcome = self.network.answer = Deferred()
        self.wait()
        self.door.timer.advance(20)
        self.assertEqual(self.door.answer().line, "")
        outcome.callback(None)
        self.assertEqual(self.door.answer().line, "202 Accepted")

    def test_who_is_answered_with_an_error_gets_no_command(self) -> None:
        outcome = self.network.answer = Deferred()
        self.wait()
        self.command()
        outcome.errback(NoConsumer("no consumer available"))
        self.assertEqual(self.door.answer().status, 503)
        self.assertEqual(self.outcome(), State.RELEASED)
        self.assertEqual(len(self.door.waiters), 0)
        self.network.answer = NoConsumer("no consumer available")
        self.assertEqual(self.ask(headers=DEVICE | WAITS).status, 503)
        self.command()
        self.assertEqual(self.outcome(), State.RELEASED)

    def test_it_is_waited_for_before_the_message_goes_out(self) -> None:
        send = self.network.send

        def send_and_command(message: Any) -> Any:
            self.command()
            return send(message)

        self.patch(self.network, "send", send_and_command)
        self.answered(self.ask(headers=DEVICE | WAITS))
        self.assertEqual(self.outcome(), State.ACCEPTED)

    def test_a_client_that_left_gets_no_command(self) -> None:
        self.wait()
        self.door.leave()
        self.assertEqual(len(self.door.waiters), 0)
        self.command()
        self.assertEqual(self.outcome(), State.RELEASED)
        # The same command is delivered when the device comes again.
        again = self.another()
        again.ask("POST", "/telemetry", b"x", DEVICE | WAITS)
        self.command()
        self.answered(again.answer())
        self.assertEqual(self.outcome(), State.ACCEPTED)

    def test_a_command_that_is_here_goes_back_when_the_client_leaves(self) -> None:
        outcome = self.network.answer = Deferred()
        self.wait()
        self.command()
        self.door.leave()
        self.assertEqual(self.outcome(), State.RELEASED)
        outcome.callback(None)
        self.assertIsNone(self.outcome())

    def test_the_newest_request_gets_it(self) -> None:
        self.wait()
        newest = self.another()
        newest.ask("POST", "/telemetry", b"x", DEVICE | WAITS)
        self.command()
        self.answered(newest.answer())
        self.assertEqual(self.door.answer().line, "")
        self.assertEqual(self.outcome(), State.ACCEPTED)
        self.command()
        self.assertEqual(self.outcome(), State.RELEASED)
        self.door.timer.advance(10)
        self.assertEqual(self.door.answer().line, "202 Accepted")

    def test_how_long_at_most(self) -> None:
        for tenant, idle, asked, expected in [
            ({}, 0, 100, 60),
            ({}, 0, 30, 30),
            ({}, 75, 100, 60),
            ({}, 10, 100, 8),
            ({}, 1, 100, 1),
            ({"ext": {"max-ttd": 7}}, 75, 100, 7),
            ({"ext": {"max-ttd": 7}}, 75, 5, 5),
            ({"ext": {"max-ttd": 100}}, 0, 200, 100),
        ]:
            self.open_door(idle_timeout=idle)
            adapters = [{"type": "hono-http", "enabled": True, **tenant}]
            self.door.registry.put_tenant("T", {"adapters": adapters})
            self.wait(DEVICE | JSON | {"hono-ttd": str(asked)})
            self.assertEqual(self.network.sent[-1].properties["ttd"], expected)
            self.door.timer.advance(expected - 0.001)
            self.assertEqual(self.door.answer().line, "")
            self.door.timer.advance(0.001)
            self.assertEqual(self.door.answer().line, "202 Accepted")

    def test_a_tenant_may_forbid_waiting(self) -> None:
        adapters = [{"type": "hono-http", "enabled": True, "ext": {"max-ttd": 0}}]
        self.door.registry.put_tenant("T", {"adapters": adapters})
        self.assertEqual(self.ask(headers=DEVICE | WAITS).line, "202 Accepted")
        self.assertNotIn("ttd", self.network.sent[-1].properties)

    def test_the_end_of_the_service_ends_the_waiting(self) -> None:
        self.wait()
        self.door.waiters.close()
        self.assertEqual(self.door.answer().line, "202 Accepted")
        self.command()
        self.assertEqual(self.outcome(), State.RELEASED)
        self.ask(headers=DEVICE | WAITS)
        self.door.timer.advance(0)
        self.assertEqual(self.door.answer().line, "202 Accepted")


class VolumeTests(CommandTestCase):
    def test_a_command_counts(self) -> None:
        self.wait(basic("sensor@SPENT") | WAITS, body=b"x" * 15)
        self.command(tenant_id="SPENT", payload=b"x" * 6)
        self.assertEqual(self.door.answer().status, 429)
        found = self.outcomes.pop()
        self.assertEqual(found.condition, "amqp:resource-limit-exceeded")

    def test_what_nobody_takes_does_not(self) -> None:
        self.network.answer = NoConsumer("no consumer available")
        for headers in (JSON, WAITS):
            for _ in range(3):
                answer = self.ask(
                    headers=basic("sensor@SPENT") | headers, body=b"x" * 20
                )
                self.assertEqual(answer.status, 503)

    def test_nor_does_a_response_that_nobody_takes(self) -> None:
        login = basic("sensor@SPENT")
        self.wait(login | WAITS, body=b"x")
        self.command(tenant_id="SPENT", reply_id="r", correlation_id="c", payload=b"")
        request_id = self.answered()["hono-cmd-req-id"]
        self.network.answer = NoConsumer("no consumer available")
        for _ in range(3):
            answer = self.ask(
                headers=login | JSON | {"hono-cmd-status": "200"},
                target=f"/command/res/{request_id}",
                body=b"x" * 12,
            )
            self.assertEqual(answer.status, 503)


class RefusedTests(CommandTestCase):
    def test_devices_that_may_not(self) -> None:
        for tenant, device in [
            ("NOBODY", "sensor"),
            ("DISABLED", "sensor"),
            ("NO-HTTP", "sensor"),
            ("T", "nobody"),
            ("T", "off"),
        ]:
            self.command(tenant_id=tenant, device_id=device)
            found = self.outcomes.pop()
            self.assertEqual(found.state, State.REJECTED)
            self.assertEqual(found.condition, "hono:bad-request")

    def test_a_device_that_is_disabled_while_it_waits(self) -> None:
        self.wait()
        self.door.registry.put_device("T", "sensor", {"enabled": False})
        self.command()
        self.assertEqual(self.outcome(), State.REJECTED)


class GatewayTests(CommandTestCase):
    def test_one_that_waits_for_itself_gets_those_of_its_devices(self) -> None:
        self.wait(GATEWAY | WAITS)
        self.command(device_id="d")
        answer = self.answered()
        self.assertEqual(answer["hono-cmd-target-device"], "d")
        self.assertEqual(self.outcome(), State.ACCEPTED)
        self.wait(GATEWAY | WAITS)
        self.command(device_id="gw")
        self.assertIsNone(self.answered()["hono-cmd-target-device"])
        self.assertEqual(self.outcome(), State.ACCEPTED)
        self.wait(GATEWAY | WAITS)
        self.command(device_id="other")
        self.assertEqual(self.outcome(), State.RELEASED)

    def test_one_that_waits_for_a_device_gets_its_only(self) -> None:
        self.wait(GATEWAY | WAITS, method="PUT", target="/event/T/d")
        for device in ("gw", "a/b:é"):
            self.command(device_id=device)
            self.assertEqual(self.outcome(), State.RELEASED)
        self.command(device_id="d")
        self.assertEqual(self.answered()["hono-cmd-target-device"], "d")
        self.assertEqual(self.outcome(), State.ACCEPTED)

    def test_who_waits_for_the_device_itself_wins(self) -> None:
        self.wait(GATEWAY | WAITS)
        device = self.another()
        device.ask("POST", "/telemetry", b"x", basic("d@T") | WAITS)
        self.command(device_id="d")
        self.assertIsNone(self.answered(device.answer())["hono-cmd-target-device"])

    def test_the_last_known_of_several(self) -> None:
        registry = self.door.registry
        registry.put_device("T", "other", {"memberOf": ["group"]})
        registry.put_device("T", "d", {"via": ["gw"], "viaGroups": ["group"]})
        for login in (GATEWAY, basic("other@T"), GATEWAY):
            headers = login | JSON
            self.assertEqual(self.ask("PUT", "/event/T/d", headers=headers).status, 202)
            waiting = []
            for each in (GATEWAY, basic("other@T")):
                one = self.another()
                one.ask("POST", "/telemetry", b"x", each | WAITS)
                waiting.append((each, one))
            self.command(device_id="d")
            for each, one in waiting:
                line = one.answer().line
                self.assertEqual(line, "200 OK" if each == login else "")
            self.assertEqual(self.outcome(), State.ACCEPTED)
            self.door.timer.advance(10)

    def test_any_where_the_last_known_does_not_wait(self) -> None:
        registry = self.door.registry
        registry.put_device("T", "other", {"memberOf": ["group"]})
        registry.put_device("T", "d", {"via": ["gw"], "viaGroups": ["group"]})
        self.ask("PUT", "/event/T/d", headers=GATEWAY | JSON)
        self.wait(basic("other@T") | WAITS)
        self.command(device_id="d")
        self.assertEqual(self.answered()["hono-cmd-target-device"], "d")

    def test_one_that_is_disabled_while_it_waits(self) -> None:
        self.wait(GATEWAY | WAITS)
        self.door.registry.put_device("T", "gw", {"enabled": False})
        self.command(device_id="d")
        self.assertEqual(self.outcome(), State.RELEASED)

    def test_one_that_may_no_longer_act_for_the_device(self) -> None:
        self.wait(GATEWAY | WAITS, method="PUT", target="/event/T/d")
        self.door.registry.put_device("T", "d", {"via": ["other"]})
        self.command(device_id="d")
        self.assertEqual(self.outcome(), State.RELEASED)
        # Nor does it stand in the way of one that may.
        other = self.another()
        other.ask("POST", "/telemetry", b"x", basic("other@T") | WAITS)
        self.command(device_id="d")
        self.assertEqual(self.answered(other.answer())["hono-cmd-target-device"], "d")


class ResponseTests(CommandTestCase):
    def request_id(self, device: str = "sensor", headers: Any = DEVICE) -> str:
        """Give a command to *device*, and return the request id that it gets."""
        self.wait(headers | WAITS)
        more = {"reply_id": "a/b c", "correlation_id": "corr é"}
        self.command(device_id=device, **more)
        self.assertEqual(self.outcome(), State.ACCEPTED)
        found = self.answered()["hono-cmd-req-id"]
        assert found is not None
        self.assertRegex(found, "^[A-Za-z0-9_-]+$")
        return found

    def test_a_device_answers_by_post(self) -> None:
        request_id = self.request_id()
        for target, headers in [
            (f"/command/res/{request_id}", {"hono-cmd-status": "200"}),
            (f"/command/res/{request_id}?hono-cmd-status=200", {}),
            (f"/command/res/{request_id}/?hono-cmd-status=200", {}),
        ]:
            answer = self.ask("POST", target, b"ok", DEVICE | JSON | headers)
            self.assertEqual(answer.line, "202 Accepted")
            self.assertEqual(
                self.network.responses.pop(),
                CommandResponse(
                    "T",
                    "sensor",
                    "a/b c",
                    "corr é",
                    200,
                    b"ok",
                    "application/json",
                    NOW,
                ),
            )

    def test_a_gateway_answers_by_put(self) -> None:
        request_id = self.request_id("d", GATEWAY)
        for tenant in ("T", ""):
            target = f"/command/res/{tenant}/d/{request_id}?hono-cmd-status=404"
            answer = self.ask("PUT", target, b"", GATEWAY)
            self.assertEqual(answer.line, "202 Accepted", answer.body)
            response = self.network.responses.pop()
            self.assertEqual((response.device_id, response.status), ("d", 404))
            self.assertEqual((response.payload, response.content_type), (b"", None))

    def test_a_payload_without_a_type(self) -> None:
        target = f"/command/res/{self.request_id()}?hono-cmd-status=299"
        self.ask("POST", target, b"ok", DEVICE)
        response = self.network.responses.pop()
        self.assertEqual(response.content_type, "application/octet-stream")
        answer = self.ask("POST", target, b"ok", DEVICE | {"Content-Type": "é"})
        self.assertEqual(answer.status, 400)

    def test_another_device_is_refused(self) -> None:
        request_id = self.request_id()
        end = f"{request_id}?hono-cmd-status=200"
        for method, target, headers in [
            ("POST", f"/command/res/{end}", basic("other@T")),
            ("POST", f"/command/res/{end}", basic("sensor@U")),
            ("POST", f"/command/res/x{end}", DEVICE),
            ("POST", f"/command/res/{end[1:]}", DEVICE),
            ("PUT", f"/command/res/T/d/{end}", GATEWAY),
        ]:
            answer = self.ask(method, target, b"", headers)
            self.assertEqual(answer.status, 400)
            self.assertIn(b"command-request-id [", answer.body)
        self.assertEqual(self.network.responses, [])

    def test_a_status_is_needed(self) -> None:
        request_id = self.request_id()
        for status in ("", "?hono-cmd-status=", "?hono-cmd-status=100"):
            answer = self.ask("POST", f"/command/res/{request_id}{status}", b"", DEVICE)
            self.assertEqual(answer.status, 400)
        for code, expected in (("300", 400), ("600", 400), ("2000", 400), ("599", 202)):
            target = f"/command/res/{request_id}?hono-cmd-status={code}"
            self.assertEqual(self.ask("POST", target, b"", DEVICE).status, expected)

    def test_an_application_that_is_gone(self) -> None:
        target = f"/command/res/{self.request_id()}?hono-cmd-status=200"
        self.network.answer = NoConsumer("no consumer available")
        answer = self.ask("POST", target, b"", DEVICE)
        self.assertEqual((answer.status, answer["retry-after"]), (503, "2"))

    def test_ids_are_good_after_a_restart(self) -> None:
        request_id = self.request_id()
        self.open_door()
        target = f"/command/res/{request_id}?hono-cmd-status=200"
        self.assertEqual(self.ask("POST", target, b"", DEVICE).status, 202)
        self.door.commander.request_ids._key = b"another"
        self.assertEqual(self.ask("POST", target, b"", DEVICE).status, 400)

    def test_how_long_it_is_of_use(self) -> None:
        limits = {"resource-limits": {"max-ttl-command-response": 9}}
        request_id = self.request_id()
        self.door.registry.put_tenant("T", limits)
        target = f"/command/res/{request_id}?hono-cmd-status=200"
        self.ask("POST", target, b"", DEVICE)
        self.assertEqual(self.network.responses.pop().ttl, 9)

    def test_other_methods_and_paths(self) -> None:
        for method, target, status in [
            ("GET", "/command/res/x", 405),
            ("POST", "/command/res/T/d/x", 405),
            ("PUT", "/command/res/x", 404),
            ("PUT", "/command/res", 404),
            ("PUT", "/command/res/T//x", 404),
            ("POST", "/command/res", 404),
            ("POST", "/command/res/T/d", 404),
            ("PUT", "/command/res/T/d/x/y", 404),
            ("POST", "/command/x", 404),
            ("POST", "/command", 404),
        ]:
            self.assertEqual(self.ask(method, target, b"").status, status, target)


class UnauthenticatedTests(CommandTestCase):
    authentication = False

    def test_commands_and_responses(self) -> None:
        self.wait(WAITS, method="PUT", target="/event/T/d")
        self.command(device_id="d", reply_id="r", correlation_id="c")
        answer = self.answered()
        self.assertIsNone(answer["hono-cmd-target-device"])
        request_id = answer["hono-cmd-req-id"]
        target = f"/command/res/T/d/{request_id}?hono-cmd-status=200"
        self.assertEqual(self.ask("PUT", target, b"", {}).status, 202)
        target = f"/command/res/{request_id}?hono-cmd-status=200"
        self.assertEqual(self.ask("POST", target, b"", {}).status, 404)
