"""Starting: what is said, and with which exit status, when it cannot be done."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.service import TWISTD, Service, environment


class StartTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.service = Service(Path(self.mktemp()))
        self.addCleanup(self.service.kill)

    def test_more_clients_than_the_usual_limit_of_descriptors(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
        try:
            self.service.start()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(150):
            idle = socket.create_connection(("127.0.0.1", self.service.c8y))
            self.addCleanup(idle.close)
        self.assertTrue(self.service.ready())

    def start(self, *more: str) -> subprocess.CompletedProcess[str]:
        """Start a service that is expected to end by itself."""
        return subprocess.run(
            [
                *TWISTD,
                "-n",
                "--pidfile=",
                "edgeproxy",
                *self.service.arguments(),
                *more,
            ],
            cwd=self.service.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=30,
        )

    def fails(self, status: int, problem: str, *more: str) -> None:
        ended = self.start(*more)
        self.assertEqual(ended.returncode, status, ended.stderr)
        # Twisted's own log goes to standard output; what is left is for people.
        (line,) = ended.stderr.splitlines()
        self.assertIn(problem, line)

    def test_a_bad_port(self) -> None:
        self.fails(
            78,
            "--set: c8y.proxy.bind.port: 99999 is not a port (1 to 65535)",
            "--set",
            "c8y.proxy.bind.port=99999",
        )

    def test_an_unknown_key_in_the_file(self) -> None:
        self.service.config.write_text('c8y.ulr = "t.example.com"')
        self.fails(78, "edgeproxy.toml: c8y.ulr: unknown key (did you mean c8y.url?)")

    def test_a_bad_option(self) -> None:
        self.fails(78, "see --help", "--no-such-option")

    def test_a_file_that_is_not_there(self) -> None:
        self.fails(78, "No such file or directory", "--config", "missing.toml")

    def test_check_tells_without_starting(self) -> None:
        ended = self.start("--check")
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertIn("good", ended.stdout)
        self.fails(78, "not a port", "--check", "--set", "ops.port=0")

    def test_a_busy_port(self) -> None:
        for key, port in [
            ("c8y.proxy.bind.port", self.service.c8y),
            ("hono.http.insecure_port", self.service.hono),
            ("hono.messaging.embedded.port", self.service.amqp),
            ("ops.port", self.service.ops),
            ("sandbox.port", self.service.cloud),
        ]:
            with socket.create_server(("127.0.0.1", port)):
                started = time.monotonic()
                self.fails(1, key)
                # Two seconds after the interpreter is up; this includes imports.
                self.assertLess(time.monotonic() - started, 10)

    def test_key_material_that_cannot_be_read(self) -> None:
        setting = "c8y.root_cert_path=missing.pem"
        self.fails(1, "missing.pem: No such file or directory", "--set", setting)

    def test_a_registry_that_is_no_database(self) -> None:
        (self.service.folder / "r.sqlite").write_bytes(b"x" * 5000)
        path = f"hono.registry.path={self.service.folder.absolute()}/r.sqlite"
        self.fails(1, "r.sqlite: file is not a database", "--set", path)

    def test_a_daemon_keeps_its_lock_and_its_events(self) -> None:
        """twistd forks: nothing that was opened before that may be used after it."""
        pidfile = self.service.folder / "pid"
        daemon = ["--pidfile=pid", "--logfile=log", "edgeproxy"]
        started = subprocess.run(
            [*TWISTD, *daemon, *self.service.arguments()],
            cwd=self.service.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=30,
        )
        self.assertEqual((started.returncode, started.stderr), (0, ""))
        pid = int(pidfile.read_text())
        self.addCleanup(self.end, pid)
        deadline = time.monotonic() + 20
        while not self.service.ready():
            self.assertLess(time.monotonic(), deadline, self.service.log())
            time.sleep(0.05)
        self.fails(1, "events.sqlite: is in use by another edgeproxy")
        status = self.service.ctl("status")
        self.assertEqual(status.returncode, 0, status.stdout + status.stderr)

    def end(self, pid: int) -> None:
        """End a process that is not a child of ours, and wait until it has ended."""
        try:
            os.kill(pid, signal.SIGTERM)
            for _ in range(200):
                os.kill(pid, 0)
                time.sleep(0.05)
        except ProcessLookupError:
            pass

    def test_hangup_reloads_and_never_ends_the_service(self) -> None:
        self.service.start()
        assert self.service.process is not None
        for _ in range(3):
            self.service.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while "reloaded trust in Cumulocity" not in self.service.log():
            self.assertLess(time.monotonic(), deadline, self.service.log())
            time.sleep(0.05)
        self.assertTrue(self.service.ready())

    def test_the_c8y_door_waits_for_its_url(self) -> None:
        self.service = Service(
            Path(self.mktemp()),
            f"hono.registry.path={Path(self.mktemp()).absolute()}",
            f"hono.messaging.embedded.store_path={Path(self.mktemp()).absolute()}",
            sandbox=False,
        )
        self.addCleanup(self.service.kill)
        self.service.start()
        self.assertIn("waits for c8y.url", self.service.ctl("status").stdout)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.service.c8y), timeout=5)


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.service = Service(Path(self.mktemp()))

    def test_check_config_looks_into_the_files(self) -> None:
        good = self.service.ctl("check-config")
        self.assertEqual((good.returncode, good.stderr), (0, ""))
        (self.service.folder / "bad.pem").write_text("nothing")
        self.service.settings.append("c8y.root_cert_path=bad.pem")
        bad = self.service.ctl("check-config")
        self.assertEqual(bad.returncode, 1)
        self.assertIn("bad.pem: holds no PEM certificate", bad.stderr)
        self.service.settings.append("ops.port=x")
        worse = self.service.ctl("check-config")
        self.assertEqual(worse.returncode, 78)
        self.assertIn("--set: ops.port: 'x' is not a whole number", worse.stderr)

    def test_config_tells_what_is_in_force(self) -> None:
        shown = self.service.ctl("config").stdout
        self.assertIn(f"ops.port = {self.service.ops}    # --set\n", shown)
        self.assertIn('c8y.token.source = "mqtt"    # --sandbox\n', shown)
        documented = self.service.ctl("config", "--doc").stdout
        etc = Path(__file__).parents[2] / "etc" / "edgeproxy.toml"
        self.assertEqual(documented, etc.read_text())
        self.assertIn('"port": ', self.service.ctl("config", "--json").stdout)

    def test_a_service_that_is_not_there_is_told(self) -> None:
        status = self.service.ctl("status")
        self.assertEqual(status.returncode, 1)
        self.assertIn("no edgeproxy answers at 127.0.0.1:", status.stderr)
