"""The device token: asked for over MQTT, renewed early, never a loop."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import jwt
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from edgeproxy.c8y.bearer import SHORTEST_LIFE, BearerToken, NotAToken, token_in
from edgeproxy.c8y.credential import CredentialUnavailable, IDeviceCredential
from edgeproxy.c8y.mqttsource import MQTTSource
from edgeproxy.c8y.token import JWTCredential
from edgeproxy.mqtt import packets as p
from tests.fakes.broker import FakeBroker
from tests.fakes.token_cloud import KEY, TokenCloud

LIFE = 3600


def minted(**claims: Any) -> bytes:
    return b"71," + jwt.encode(claims, KEY, "HS256").encode()


class CredentialTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(7)
        self.broker = FakeBroker(self.clock)
        self.cloud = TokenCloud(self.broker, LIFE)
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: Any) -> None:
        if event["log_namespace"].startswith("edgeproxy"):
            self.lines.append(event["log_format"].format(**event))

    def credential(self, **options: Any) -> JWTCredential:
        options.setdefault("now", self.clock.seconds)
        of_source = {n: options.pop(n) for n in ("prefix",) if n in options}
        source = MQTTSource(
            self.broker,  # type: ignore[arg-type]
            self.clock,
            "edgeproxy",
            keepalive=0,
            jitter=lambda: 1.0,
            **of_source,
        )
        credential = JWTCredential(source, self.clock, jitter=lambda: 1.0, **options)
        credential.startService()
        self.addCleanup(self.stop, credential)
        return credential

    def stop(self, credential: JWTCredential) -> None:
        stopped = credential.stopService()
        self.run_for(0)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def run_for(self, seconds: float, step: float = 0.1) -> None:
        self.clock.pump([0] * 6)
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            self.clock.pump([0] * 6)

    def ready(self, **options: Any) -> JWTCredential:
        credential = self.credential(**options)
        self.run_for(0)
        self.assertEqual(credential.current, b"Bearer " + self.cloud.token)
        return credential

    def assert_unavailable(self, waiter: Deferred[bytes], reason: str) -> None:
        failure = self.failureResultOf(waiter, CredentialUnavailable)
        self.assertIn(reason, failure.getErrorMessage())

    # -- getting one

    def test_it_is_a_device_credential(self) -> None:
        verifyObject(IDeviceCredential, self.credential())

    def test_token_is_there_before_anybody_asks(self) -> None:
        credential = self.ready()
        self.assertTrue(credential.healthy)
        self.assertEqual(len(self.cloud.questions), 1)

    def test_question_is_empty_and_qos_0_in_a_clean_session(self) -> None:
        self.ready()
        self.assertEqual(self.broker.of(p.Publish), [p.Publish("c8y/s/uat", b"")])
        self.assertEqual(self.broker.of(p.Subscribe)[0].topics, (("c8y/s/dat", 0),))
        self.assertTrue(self.broker.of(p.Connect)[0].clean_session)

    def test_without_prefix_it_asks_the_cloud_itself(self) -> None:
        self.cloud.prefix = ""
        self.ready(prefix="")
        self.assertEqual(self.broker.of(p.Publish), [p.Publish("s/uat", b"")])

    def test_all_who_wait_share_one_question(self) -> None:
        credential = self.credential()
        waiters = [credential.fetch() for _ in range(50)]
        self.run_for(0)
        for waiter in waiters:
            self.assertEqual(self.successResultOf(waiter), credential.current)
        self.assertEqual(len(self.cloud.questions), 1)

    def test_fetch_does_not_wait_when_there_is_a_token(self) -> None:
        credential = self.ready()
        self.assertEqual(self.successResultOf(credential.fetch()), credential.current)

    def test_lost_answers_are_asked_for_again(self) -> None:
        self.cloud.lose = 2
        credential = self.credential()
        waiter = credential.fetch()
        self.run_for(3.2)
        self.assertEqual(self.successResultOf(waiter), credential.current)
        self.assertEqual(len(self.cloud.questions), 3)

    def test_a_question_without_an_answer_puts_the_connection_in_doubt(self) -> None:
        credential = self.ready()
        self.assertEqual(self.broker.of(p.PingReq), [])
        self.cloud.silent = True
        self.broker.mute = {p.PingReq}
        asked = len(self.cloud.questions)
        self.run_for(LIFE)
        self.assertGreater(len(self.cloud.questions), asked)
        first, second = self.broker.links[:2]
        self.assertFalse(first.up)
        self.assertTrue(second.up or len(self.broker.links) > 2)
        self.broker.mute = set()
        self.cloud.silent = False
        self.run_for(LIFE / 10)
        self.assertIsNotNone(credential.current)

    def test_connection_lost_while_asking_is_no_reason_to_fail(self) -> None:
        self.cloud.lose = 1
        credential = self.credential()
        waiter = credential.fetch()
        self.run_for(0)
        self.broker.link.lose(ConnectionResetError())
        self.run_for(0.5)
        self.successResultOf(waiter)

    def test_broker_that_comes_within_the_wait_is_in_time(self) -> None:
        self.broker.down = True
        credential = self.credential()
        waiter = credential.fetch()
        self.run_for(2)
        self.assertNoResult(waiter)
        self.broker.down = False
        self.run_for(1.6)
        self.successResultOf(waiter)

    def test_whole_wait_is_bounded(self) -> None:
        self.cloud.silent = True
        credential = self.credential()
        waiter = credential.fetch()
        self.run_for(4.9)
        self.assertNoResult(waiter)
        self.run_for(0.2)
        self.assert_unavailable(waiter, "no answer on c8y/s/dat: check that the broker")

    def test_wait_is_bounded_without_a_broker(self) -> None:
        self.broker.down = True
        credential = self.credential(wait=2.0)
        waiter = credential.fetch()
        self.run_for(2.1)
        self.assert_unavailable(waiter, "no MQTT connection (cannot connect")
        self.assertFalse(credential.healthy)
        self.assertIn("cannot connect", credential.detail)

    def test_failure_is_shared_and_holds_for_a_while(self) -> None:
        self.cloud.silent = True
        credential = self.credential()
        waiters = [credential.fetch() for _ in range(3)]
        self.run_for(5.1)
        for waiter in waiters:
            self.assert_unavailable(waiter, "no answer")
        asked = len(self.cloud.questions)
        self.assert_unavailable(credential.fetch(), "no answer")
        self.assertEqual(len(self.cloud.questions), asked)

    def test_failures_back_off(self) -> None:
        self.cloud.silent = True
        self.credential()
        self.run_for(300)
        self.assertLess(len(self.cloud.questions), 3 * 300 / 13 + 9)
        self.assertGreater(len(self.cloud.questions), 40)

    def test_new_connection_ends_the_back_off(self) -> None:
        self.cloud.silent = True
        credential = self.credential()
        # The fourth failure: 5 s each, and 1, 2, 4 s between; 8 s of silence follow.
        self.run_for(27.2)
        asked = len(self.cloud.questions)
        self.cloud.silent = False
        self.run_for(2)
        self.assertEqual(len(self.cloud.questions), asked)
        self.broker.link.lose(ConnectionResetError())
        self.run_for(2)
        self.assertTrue(credential.healthy)

    def test_cancelled_wait_disturbs_nobody(self) -> None:
        credential = self.credential()
        first, second = credential.fetch(), credential.fetch()
        first.addErrback(lambda failure: None).cancel()
        self.run_for(0)
        self.successResultOf(second)

    def test_stopping_fails_those_who_wait(self) -> None:
        self.cloud.silent = True
        credential = self.credential()
        waiter = credential.fetch()
        credential.stopService()
        self.assert_unavailable(waiter, "stopping")
        self.assert_unavailable(credential.fetch(), "stopping")

    # -- what is a token

    def test_only_an_answer_is_believed(self) -> None:
        good = minted(iat=1, exp=3601)
        for payload, retain, topic in [
            (b"", False, "s/dat"),
            (b"71", False, "s/dat"),
            (b"71,", False, "s/dat"),
            (b"70,t1,user,password", False, "s/dat"),
            (b"71,a.b", False, "s/dat"),
            (b"71,a.b.c.d", False, "s/dat"),
            (b"71,e30.e+0.c2ln", False, "s/dat"),
            (b"71,e30.\xc3\xa4.c2ln", False, "s/dat"),
            (b"71,e30.e30.c2ln\r\nX-Evil: 1", False, "s/dat"),
            (b"71,e30.e30." + b"a" * 8190, False, "s/dat"),
            (b"71,not.a.jwt", False, "s/dat"),
            (minted(iat=10, exp=10), False, "s/dat"),
            (minted(iat=10, exp=4), False, "s/dat"),
            (minted(iat=0, exp=1e18), False, "s/dat"),
            (minted(iat=0.5, exp=10**400), False, "s/dat"),
            (good, True, "s/dat"),
            (good, False, "s/dat/x"),
        ]:
            self.cloud.silent = True
            credential = self.credential()
            self.run_for(0)
            self.cloud.say(payload, retain, topic)
            self.assertIsNone(credential.current, payload)
            self.cloud.say(good)
            self.assertEqual(credential.current, b"Bearer " + good[3:])
            self.stop(credential)

    def test_nothing_is_believed_unasked(self) -> None:
        credential = self.ready()
        before = credential.current
        self.cloud.say(minted(iat=1, exp=10_000_001))
        self.assertEqual(credential.current, before)

    def test_unusable_answer_is_the_reason_told(self) -> None:
        self.cloud.silent = True
        credential = self.credential()
        waiter = credential.fetch()
        self.run_for(0)
        self.cloud.say(b"71,")
        self.run_for(5.1)
        self.assert_unavailable(waiter, "the answer on c8y/s/dat is not of the form")

    def test_line_end_of_the_answer_is_no_part_of_the_token(self) -> None:
        self.assertEqual(
            BearerToken.of(token_in(minted(iat=1, exp=9) + b"\r\n"), 0, 0).header,
            BearerToken.of(token_in(minted(iat=1, exp=9)), 0, 0).header,
        )
        header = BearerToken.of(token_in(minted(iat=1, exp=9) + b"\r\n"), 0, 0).header
        self.assertNotIn(b"\n", header)

    def test_token_without_times_lives_as_short_as_any(self) -> None:
        for claims in ({}, {"exp": 1000}, {"iat": 1, "exp": "x"}):
            token = BearerToken.of(token_in(minted(**claims)), 0, 0)
            self.assertEqual(token.life, SHORTEST_LIFE)

    @settings(deadline=None)
    @given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda b: b"71," + b))
    def test_no_answer_raises_anything_else(self, payload: bytes) -> None:
        try:
            BearerToken.of(token_in(payload), 0.0, 0.0)
        except NotAToken:
            pass

    # -- renewing it

    def watch(self, credential: JWTCredential, seconds: float, step: float) -> None:
        """Let time pass; at every moment `current` must be there and alive."""
        for _ in range(round(seconds / step)):
            self.run_for(step, step)
            current = credential.current
            assert current is not None, self.clock.seconds()
            self.assertFalse(self.cloud.expired(current), self.clock.seconds())

    def test_current_is_never_missing_and_never_expired(self) -> None:
        for age in (0, 0.1, 0.3, 0.45, 0.499):
            self.cloud.mint()
            self.run_for(age * LIFE, age * LIFE or 1)
            credential = self.ready()
            self.watch(credential, 3 * LIFE, LIFE / 200)
            self.stop(credential)

    def test_short_lives_are_no_different(self) -> None:
        self.cloud.life = 4
        self.watch(self.ready(), 60, 0.02)

    def test_refresh_starts_at_two_fifths_and_repeats_each_tenth(self) -> None:
        self.ready()
        start = self.cloud.questions[0]
        self.run_for(LIFE * 0.6, 1)
        moments = [(at - start) / LIFE for at in self.cloud.questions[1:]]
        self.assertEqual(len(moments), 2)
        self.assertApproximates(moments[0], 0.4, 0.01)
        self.assertApproximates(moments[1], 0.5, 0.01)

    def test_same_token_for_ever_is_never_a_loop(self) -> None:
        self.cloud.stuck = True
        credential = self.ready()
        self.run_for(5 * LIFE, 5)
        self.assertLess(len(self.cloud.questions), 50)
        gaps = [b - a for a, b in pairwise(self.cloud.questions)]
        self.assertGreaterEqual(min(gaps), LIFE * 0.1)
        self.assertIsNone(credential.current)
        self.assert_unavailable(credential.fetch(), "has expired")

    def test_token_that_might_be_dead_is_not_current(self) -> None:
        credential = self.ready()
        self.broker.stop()
        self.run_for(LIFE * 0.44, 1)
        self.assertIsNotNone(credential.current)
        self.run_for(LIFE * 0.06, 1)
        self.assertIsNone(credential.current)
        self.assertFalse(credential.healthy)

    def test_token_that_might_be_alive_is_better_than_none(self) -> None:
        credential = self.ready()
        token = b"Bearer " + self.cloud.token
        self.broker.stop()
        self.run_for(LIFE * 0.7, 1)
        waiter = credential.fetch()
        self.run_for(5.1)
        self.assertEqual(self.successResultOf(waiter), token)
        self.assertEqual(self.successResultOf(credential.fetch()), token)
        self.run_for(LIFE * 0.4, 1)
        waiter = credential.fetch()
        self.run_for(5.1)
        self.assert_unavailable(waiter, "no MQTT connection")

    def test_stale_token_is_renewed_when_the_broker_is_back(self) -> None:
        credential = self.ready()
        self.broker.stop()
        self.run_for(LIFE * 2, 5)
        self.broker.down = False
        self.run_for(2)
        self.assertEqual(credential.current, b"Bearer " + self.cloud.token)

    def test_reconnecting_alone_asks_for_nothing(self) -> None:
        self.ready()
        for _ in range(10):
            self.broker.link.lose(ConnectionResetError())
            self.run_for(40, 0.5)
        self.assertEqual(len(self.cloud.questions), 1)

    def test_setting_the_time_of_day_changes_nothing(self) -> None:
        monotonic = Clock()
        credential = self.ready(now=monotonic.seconds)
        before = credential.current
        self.clock.advance(50 * 365 * 86_400)
        self.run_for(0)
        self.assertIsNotNone(before)
        self.assertIsNotNone(credential.current)
        self.assertLess(len(self.cloud.questions), 4)

    def test_without_refresh_a_token_is_kept_until_refused(self) -> None:
        credential = self.ready(refresh=False)
        token = credential.current
        assert token is not None
        self.run_for(2 * LIFE, 10)
        self.assertEqual(credential.current, token)
        self.assertTrue(self.cloud.expired(token))
        waiter = credential.refused(token)
        self.run_for(0)
        self.assertEqual(self.successResultOf(waiter), credential.current)
        self.assertNotEqual(credential.current, token)

    # -- 401

    def test_parallel_refusals_cause_one_refresh(self) -> None:
        credential = self.ready()
        old = credential.current
        assert old is not None
        self.cloud.token = b""
        waiters = [credential.refused(old) for _ in range(64)]
        self.run_for(0)
        for waiter in waiters:
            self.assertEqual(self.successResultOf(waiter), credential.current)
        self.assertNotEqual(credential.current, old)
        self.assertEqual(len(self.cloud.questions), 2)

    def test_refusal_of_an_older_token_gets_the_newer_at_once(self) -> None:
        credential = self.ready()
        self.assertEqual(
            self.successResultOf(credential.refused(b"Bearer old")), credential.current
        )
        self.assertEqual(len(self.cloud.questions), 1)

    def test_same_token_again_lets_the_401_pass(self) -> None:
        credential = self.ready()
        old = credential.current
        assert old is not None
        waiter = credential.refused(old)
        self.run_for(0)
        self.assertIsNone(self.successResultOf(waiter))
        self.assertEqual(credential.current, old)

    def test_repeated_refusals_leave_the_cloud_alone_for_a_tenth(self) -> None:
        credential = self.ready()
        old = credential.current
        assert old is not None
        credential.refused(old)
        self.run_for(0)
        for _ in range(100):
            self.assertIsNone(self.successResultOf(credential.refused(old)))
            self.run_for(3, 3)
        self.assertEqual(len(self.cloud.questions), 2)
        self.run_for(LIFE * 0.1 - 290, 10)
        self.cloud.token = b""
        waiter = credential.refused(old)
        self.run_for(0)
        self.assertEqual(self.successResultOf(waiter), b"Bearer " + self.cloud.token)

    def test_first_refusal_is_asked_about_whatever_came_before(self) -> None:
        credential = self.ready()
        self.run_for(LIFE * 0.41, 1)
        self.assertEqual(len(self.cloud.questions), 2)
        old = credential.current
        assert old is not None
        self.cloud.token = b""
        waiter = credential.refused(old)
        self.run_for(0)
        self.assertEqual(self.successResultOf(waiter), b"Bearer " + self.cloud.token)

    def test_question_put_before_the_refusal_does_not_count_for_it(self) -> None:
        self.cloud.stuck = True
        credential = self.ready()
        old = credential.current
        assert old is not None
        self.cloud.lose = 1
        self.run_for(LIFE * 0.4 + 0.5, 0.5)
        asked = len(self.cloud.questions)
        joined = credential.refused(old)
        self.run_for(1)
        self.assertIsNone(self.successResultOf(joined))
        self.assertEqual(len(self.cloud.questions), asked + 1)
        self.cloud.token = b""
        waiter = credential.refused(old)
        self.run_for(0)
        self.assertEqual(self.successResultOf(waiter), b"Bearer " + self.cloud.token)

    def test_refusal_without_answer_lets_the_401_pass(self) -> None:
        credential = self.ready()
        old = credential.current
        assert old is not None
        self.cloud.silent = True
        waiter = credential.refused(old)
        self.run_for(5.1)
        self.assertIsNone(self.successResultOf(waiter))
        self.assertIsNone(self.successResultOf(credential.refused(old)))

    # -- what people see

    def test_trouble_is_logged_once_and_so_is_its_end(self) -> None:
        self.cloud.silent = True
        credential = self.credential()
        self.run_for(120)
        self.assertEqual(len(self.lines), 2, self.lines)
        self.assertIn("check that the broker bridges c8y/s/uat", self.lines[1])
        self.cloud.silent = False
        self.run_for(30)
        self.assertEqual(self.lines[2:], ["got a device token"])
        self.assertIn("token good for", credential.detail)

    def test_tokens_stay_out_of_logs_and_reprs(self) -> None:
        credential = self.ready()
        token = BearerToken.of(token_in(b"71," + self.cloud.token), 0, 0)
        self.broker.stop()
        self.run_for(60)
        text = " ".join([*self.lines, repr(credential), repr(token), credential.detail])
        self.assertNotIn(self.cloud.token.decode(), text)
        self.assertNotIn(self.cloud.token.decode().split(".")[2], text)
