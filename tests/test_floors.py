"""The order of the floors, and the house rules a reader may rely on."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import edgeproxy

ROOT = Path(edgeproxy.__file__).parent

# Top to bottom; rooms of one floor never import each other.
FLOORS: list[set[str]] = [
    {"tap"},
    {"service"},
    {"composition"},
    {"c8y", "hono", "ops", "sandbox", "ctl"},
    {"registry"},
    {"messaging"},
    {"portal"},
    {"http", "mqtt", "amqp"},
    {"tls"},
    {"config", "metrics"},
]
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

# Only these read the configuration; everybody else is given plain values.
CONFIG_READERS = {"tap", "service", "composition", "ops", "ctl", "config"}

REACTOR_IMPORTERS = {"tap.py", "ctl/main.py"}

LINES_PER_MODULE = 300


def modules() -> Iterator[tuple[str, str, ast.Module]]:
    """Yield room, path below the package and syntax tree of every module."""
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name != "__init__.py":
            room = name.split("/")[0].removesuffix(".py")
            yield room, name, ast.parse(path.read_text())


def imports(tree: ast.Module) -> Iterator[str]:
    """Yield the dotted names that a module imports, wherever it does so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


class FloorsTests(SynchronousTestCase):
    def test_every_room_has_a_floor(self) -> None:
        self.assertEqual({room for room, _, _ in modules()} - set(LEVEL), set())

    def test_rooms_import_only_from_floors_below(self) -> None:
        wrong = [
            f"{name} imports {target}"
            for room, name, tree in modules()
            for target in imports(tree)
            if target.startswith("edgeproxy.")
            and (other := target.split(".")[1]) in LEVEL
            and other != room
            and LEVEL[other] <= LEVEL[room]
        ]
        self.assertEqual(wrong, [])

    def test_only_the_top_reads_the_configuration(self) -> None:
        wrong = [
            f"{name} imports {target}"
            for room, name, tree in modules()
            for target in imports(tree)
            if target.startswith("edgeproxy.config") and room not in CONFIG_READERS
        ]
        self.assertEqual(wrong, [])

    def test_only_the_entry_points_import_the_reactor(self) -> None:
        wrong = [
            name
            for _, name, tree in modules()
            for target in imports(tree)
            if target.startswith("twisted.internet.reactor")
            and name not in REACTOR_IMPORTERS
        ]
        self.assertEqual(wrong, [])

    def test_a_module_fits_in_one_head(self) -> None:
        long = {
            name: lines
            for _, name, _ in modules()
            if (lines := len((ROOT / name).read_text().splitlines())) > LINES_PER_MODULE
        }
        self.assertEqual(long, {})

    def test_every_package_says_what_it_is(self) -> None:
        silent = [
            name
            for _, name, tree in modules()
            if name.endswith("__init__.py") and not ast.get_docstring(tree)
        ]
        self.assertEqual(silent, [])


class TrialTests(SynchronousTestCase):
    def test_no_test_is_a_bare_coroutine(self) -> None:
        """Trial of Debian 12 takes a coroutine for a result, and never runs it."""
        bare = [
            f"{path.name}: {node.name}"
            for path in sorted(Path(__file__).parent.rglob("test_*.py"))
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.AsyncFunctionDef)
            and (node.name.startswith("test_") or node.name in ("setUp", "tearDown"))
            and not node.decorator_list
        ]
        self.assertEqual(bare, [])
