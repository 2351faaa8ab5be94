"""The tables of raw requests and responses, against the sans-IO core."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.limits import Limits
from edgeproxy.http.reader import END, RequestReader, ResponseReader
from edgeproxy.http.requesthead import RequestHead
from edgeproxy.http.responsehead import ResponseHead
from tests.http import requests_table, responses_table


def read_requests(raw: bytes, step: int) -> tuple[list[object], int | None]:
    """Feed *raw* in pieces of *step* bytes; return what came and the refusal."""
    reader = RequestReader(Limits())
    received: list[object] = []
    head: RequestHead | None = None
    body = b""
    try:
        for at in range(0, len(raw), step):
            reader.feed(raw[at : at + step])
            while (event := reader.next()) is not None:
                if isinstance(event, RequestHead):
                    head, body = event, b""
                elif isinstance(event, bytes):
                    body += event
                else:
                    assert head is not None and event is END
                    received.append(
                        (head.method, head.uri, head.index.get(b"host"), body)
                    )
    except ProtocolError as error:
        return received, error.status
    return received, None


def read_response(row: responses_table.Row, step: int) -> object:
    """Return status, reason and body of the final response, or None when refused."""
    reader = ResponseReader(Limits())
    reader.method = row.method
    head: ResponseHead | None = None
    body = b""
    ended = False
    try:
        for at in range(0, len(row.raw), step):
            reader.feed(row.raw[at : at + step])
            while (event := reader.next()) is not None:
                if isinstance(event, ResponseHead):
                    head = event
                elif isinstance(event, bytes):
                    body += event
                else:
                    ended = True
        if row.eof:
            ended = reader.eof() is END or ended
    except ProtocolError as error:
        assert error.status == 502
        return None
    assert head is not None and ended, "incomplete"
    return head.status, head.reason, body


class StrictnessTests(SynchronousTestCase):
    def test_the_tables_are_as_long_as_promised_and_name_rows_once(self) -> None:
        for rows, least in ((requests_table.ROWS, 80), (responses_table.ROWS, 40)):
            self.assertGreaterEqual(len(rows), least)
            self.assertEqual(len({row.name for row in rows}), len(rows))

    def test_every_request_gets_its_verdict(self) -> None:
        wrong = [
            (row.name, step, got)
            for row in requests_table.ROWS
            for step in (len(row.raw), 7, 1)
            if len(row.raw) < 2000 or step > 1
            if (got := read_requests(row.raw, step)) != (row.received, row.refused)
        ]
        self.assertEqual(wrong, [])

    def test_every_response_gets_its_verdict(self) -> None:
        wrong = [
            (row.name, step, got)
            for row in responses_table.ROWS
            for step in (len(row.raw), 7, 1)
            if len(row.raw) < 2000 or step > 1
            if (got := read_response(row, step)) != row.received
        ]
        self.assertEqual(wrong, [])

    def test_an_error_names_its_rule_and_quotes_nothing(self) -> None:
        for row in requests_table.ROWS:
            if row.refused is None:
                continue
            reader = RequestReader(Limits())
            reader.feed(row.raw)
            with self.assertRaises(ProtocolError) as caught:
                while reader.next() is not None:
                    pass
            self.assertRegex(caught.exception.section, r"^9\d\d\d [\d.]+$")
            self.assertNotIn("\\x", repr(caught.exception.detail))
