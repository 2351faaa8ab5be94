"""What is said on the command line, and how values are shown."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.ctl.assignments import assigned
from edgeproxy.ctl.display import as_lines, as_table
from edgeproxy.ctl.failure import CommandFailed
from edgeproxy.ctl.main import _parsed


def options(*words: str, unset: list[str] | None = None, data: Any = None) -> Any:
    return argparse.Namespace(assignments=list(words), unset=unset or [], data=data)


class AssignmentTests(SynchronousTestCase):
    def test_values_are_json_or_text(self) -> None:
        words = ("a=1", "b=true", 'c=["x"]', "d=x=y", "e=", "f.g.h=null", 'i="1"')
        self.assertEqual(
            assigned({}, options(*words)),
            {
                "a": 1,
                "b": True,
                "c": ["x"],
                "d": "x=y",
                "e": "",
                "f": {"g": {"h": None}},
                "i": "1",
            },
        )

    def test_what_is_there_stays_but_for_what_is_said(self) -> None:
        before = {"ext": {"a": 1, "b": 2}, "enabled": True}
        after = assigned(before, options("ext.a=3", unset=["enabled", "ext.c", "x.y"]))
        self.assertEqual(after, {"ext": {"a": 3, "b": 2}, "x": {}})
        self.assertEqual(before, {"ext": {"a": 1, "b": 2}, "enabled": True})

    def test_a_file_comes_first(self) -> None:
        path = Path(self.mktemp())
        path.write_text('{"enabled": false}')
        found = assigned({"ext": {}}, options("alias=x", data=str(path)))
        self.assertEqual(found, {"enabled": False, "alias": "x"})
        for text in ("[]", "{"):
            path.write_text(text)
            self.assertRaises(CommandFailed, assigned, {}, options(data=str(path)))

    def test_what_is_no_assignment(self) -> None:
        for word in ("a", "=1", "enabled.x=1"):
            self.assertRaises(CommandFailed, assigned, {"enabled": True}, options(word))

    def test_options_may_stand_anywhere(self) -> None:
        for words in (
            "devices create d a=1 -t T b=2",
            "devices create -t T d a=1 b=2",
            "devices create d -t T a=1 b=2",
        ):
            found = _parsed(words.split())
            self.assertEqual((found.id, found.tenant), ("d", "T"))
            self.assertEqual(found.assignments, ["a=1", "b=2"])
        for words in ("devices create d -t T --unknown b=2", "status x"):
            self.assertRaises(SystemExit, _parsed, words.split())


class DisplayTests(SynchronousTestCase):
    def test_columns_are_aligned(self) -> None:
        table = as_table(("ID", "ENABLED"), [("a-long-one", "yes"), ("b", "no")])
        self.assertEqual(
            list(table), ["ID          ENABLED", "a-long-one  yes", "b           no"]
        )

    def test_members_are_named_by_their_path(self) -> None:
        value = {"id": "T", "trusted-ca": [{"id": "x"}], "via": ["a", "b"], "e": {}}
        self.assertEqual(
            list(as_lines(value)),
            [
                "id               T",
                "trusted-ca.1.id  x",
                "via              a, b",
                "e                {}",
            ],
        )
