"""The registry as its operators have it: by curl alone, and by edgeproxyctl alone."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.ssl import Certificate
from twisted.trial.unittest import SynchronousTestCase

from bench.registry import devices
from tests.http.keys import self_signed
from tests.interop import need
from tests.interop.service import CTL, Service, environment
from tests.registry.test_anchors import authority, name

# Hono keeps devices and credentials apart; both as of 0.6.
DEVICES = [
    {
        "tenant": "HONO",
        "devices": [
            {"device-id": "4711", "data": {"enabled": True}},
            {"device-id": "4712", "data": {"enabled": True, "via": "4711"}},
        ],
    }
]
CREDENTIALS = [
    {
        "tenant": "HONO",
        "credentials": [
            {
                "device-id": "4711",
                "type": "hashed-password",
                "auth-id": "sensor1",
                "enabled": True,
                "secrets": [
                    {
                        "not-before": "2017-05-01T14:00:00+01:00",
                        "not-after": "2037-06-01T14:00:00+01:00",
                        "hash-function": "sha-512",
                        "salt": "aG9ubw==",
                        "pwd-hash": "C9/T62m1tT4ZxxqyIiyN9fvoEqmL0qnM4/+M+GHHDzr0Qzzk"
                        "AUdGYyJBfxRSe4upDzb6TSC4k5cpZG17p4QCvA==",
                    }
                ],
            }
        ],
    }
]


class RegistryTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.curl = need("curl")
        self.folder = Path(self.mktemp())
        self.service = Service(self.folder)
        self.addCleanup(self.service.kill)
        self.service.start()

    def password(self) -> str:
        """Return the operator's password, as the first start has made it."""
        text = (self.folder / "var" / "operators.toml").read_text()
        return text.partition('password = "')[2].partition('"')[0]

    def run_curl(self, *options: str) -> tuple[int, str]:
        """Run curl; return the status and everything that it printed."""
        done = subprocess.run(
            [self.curl, "-si", *options],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(done.stdout.split()[1]), done.stdout

    def manage(self, status: int, method: str, path: str, body: Any = None) -> str:
        """Ask the management API, which is to answer with *status*."""
        data = []
        if body is not None:
            data = ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        found, text = self.run_curl(
            "-u",
            f"operator:{self.password()}",
            "-X",
            method,
            *data,
            f"http://127.0.0.1:{self.service.management}/v1{path}",
        )
        self.assertEqual(found, status, text)
        return text

    def publish(self, user: str) -> int:
        """Publish as *user* (``auth-id@tenant:password``); return the status."""
        found, _ = self.run_curl(
            "-u",
            user,
            "-H",
            "Content-Type: application/json",
            "-d",
            '{"temp": 5}',
            f"http://127.0.0.1:{self.service.hono}/event",
        )
        return found

    def ctl(self, *command: str, status: int = 0) -> str:
        """Run edgeproxyctl, which is to end with *status*; return what it printed."""
        done = self.service.ctl(*command)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout if status == 0 else done.stderr


class CurlTests(RegistryTestCase):
    def test_the_life_of_a_tenant_by_curl_alone(self) -> None:
        self.manage(201, "POST", "/tenants/my-tenant", {"ext": {"site": "north"}})
        self.manage(201, "POST", "/devices/my-tenant/my-device")
        credentials = {
            "type": "hashed-password",
            "auth-id": "my-auth-id",
            "secrets": [{"pwd-plain": "my-password"}],
        }
        path = "/credentials/my-tenant/my-device"
        self.manage(204, "PUT", path, [credentials])
        user = "my-auth-id@my-tenant:my-password"
        self.assertEqual(self.publish(user), 202)
        self.assertEqual(self.publish(f"{user}x"), 401)
        # Every change is seen by the very next request.
        self.manage(204, "PUT", "/devices/my-tenant/my-device", {"enabled": False})
        self.assertIn(self.publish(user), (403, 404))
        self.manage(204, "PUT", "/devices/my-tenant/my-device", {})
        self.assertEqual(self.publish(user), 202)
        self.manage(204, "PUT", "/tenants/my-tenant", {"enabled": False})
        self.assertEqual(self.publish(user), 403)
        self.manage(204, "PUT", "/tenants/my-tenant", {})
        self.assertEqual(self.publish(user), 202)
        credentials["secrets"] = [{"pwd-plain": "another"}]
        self.manage(204, "PUT", path, [credentials])
        self.assertEqual(self.publish(user), 401)
        self.assertEqual(self.publish("my-auth-id@my-tenant:another"), 202)
        self.manage(204, "DELETE", "/devices/my-tenant/my-device")
        self.assertEqual(self.publish("my-auth-id@my-tenant:another"), 401)
        self.manage(204, "DELETE", "/tenants/my-tenant")
        self.manage(404, "GET", "/tenants/my-tenant")

    def test_another_operator_is_let_in_after_a_reload(self) -> None:
        url = f"http://127.0.0.1:{self.service.management}/v1/tenants"
        other = ("-u", "other:geheim", url)
        self.assertEqual(self.run_curl(*other)[0], 401)
        path = self.folder / "var" / "operators.toml"
        text = path.read_text()
        added = '[[operator]]\nname = "other"\npassword = "geheim"\n'
        path.write_text(f"{text}\n{added}")
        assert self.service.process is not None
        self.service.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while self.run_curl(*other)[0] != 200:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.7)  # who is too quick would be made to wait
        # What cannot be read leaves in force what was there.
        path.write_text("nonsense")
        self.service.process.send_signal(signal.SIGHUP)
        while "operators.toml: " not in self.service.log():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        self.assertEqual(self.run_curl(*other)[0], 200)

    def test_no_secret_is_to_be_seen_anywhere(self) -> None:
        self.manage(201, "POST", "/tenants/T")
        self.manage(201, "POST", "/devices/T/d")
        hashed = CREDENTIALS[0]["credentials"][0]["secrets"][0]  # type: ignore[index]
        psk = {"type": "psk", "auth-id": "p", "secrets": [{"key": "c2VjcmV0LWtleQ=="}]}
        credentials = [
            {"type": "hashed-password", "auth-id": "a", "secrets": [hashed]},
            {
                "type": "hashed-password",
                "auth-id": "b",
                "secrets": [{"pwd-plain": "in-the-clear"}],
            },
            psk,
        ]
        self.manage(204, "PUT", "/credentials/T/d", credentials)
        self.manage(400, "PUT", "/credentials/T/d", [psk, psk])
        self.publish("b@T:in-the-clear")
        self.ctl("credentials", "list", "d", "-t", "T")
        seen = [
            self.manage(200, "GET", "/credentials/T/d"),
            self.manage(200, "GET", "/devices/T/d"),
            self.manage(200, "GET", "/devices/T"),
            self.manage(200, "GET", "/tenants/T"),
            self.manage(200, "POST", "/bulk/T/export", {}),
            self.ctl("credentials", "list", "d", "-t", "T", "--json"),
            self.ctl("devices", "show", "d", "-t", "T", "--json"),
            self.run_curl(f"http://127.0.0.1:{self.service.ops}/metrics")[1],
        ]
        self.service.stop()
        seen.append(self.service.log())
        self.assertIn(
            "operator at 127.0.0.1 changed credentials of device T/d", seen[-1]
        )
        for secret in (
            *(hashed["salt"], hashed["pwd-hash"], "c2VjcmV0LWtleQ=="),
            *("in-the-clear", "$2a$", self.password()),
        ):
            for text in seen:
                self.assertNotIn(secret, text)


class CtlTests(RegistryTestCase):
    def write(self, file: str, content: Any) -> str:
        text = content if isinstance(content, str) else json.dumps(content)
        (self.folder / file).write_text(text)
        return file

    def test_the_life_of_a_tenant_by_edgeproxyctl_alone(self) -> None:
        in_t = ("--tenant", "T")
        told = self.ctl("tenants", "create", "T", "alias=acme", "ext.site=north")
        self.assertEqual(told, "Tenant T was created.\n")
        self.ctl("devices", "create", "d", *in_t, 'via=["gw"]', "defaults.ttl=10")
        file = self.write("password", "geheim\n")
        self.ctl("credentials", "set-password", "d", *in_t, "--password-file", file)
        self.assertEqual(self.publish("d@T:geheim"), 202)
        generated = self.ctl("credentials", "set-password", "d", *in_t, "--generate")
        self.assertEqual(self.publish("d@T:geheim"), 401)
        self.assertEqual(self.publish(f"d@T:{generated.strip()}"), 202)
        keep = ("--keep", "--password-file", file)
        self.ctl("credentials", "set-password", "d", *in_t, *keep)
        self.assertEqual(self.publish("d@T:geheim"), 202)
        self.assertEqual(self.publish(f"d@T:{generated.strip()}"), 202)
        self.ctl("devices", "change", "d", "enabled=false", *in_t)
        self.assertIn(self.publish("d@T:geheim"), (403, 404))
        self.ctl("devices", "change", "d", *in_t, "--unset", "enabled")
        self.assertEqual(self.publish("d@T:geheim"), 202)
        chosen = ("--auth-id", "d", "--enabled")
        self.ctl("credentials", "change", "d", *in_t, *chosen, "false")
        self.assertEqual(self.publish("d@T:geheim"), 401)
        self.ctl("credentials", "change", "d", *in_t, *chosen, "true")
        shown = self.ctl("tenants", "show", "T").splitlines()
        self.assertIn("ext.site  north", shown)
        self.assertIn("acme", self.ctl("tenants", "list"))
        self.assertIn("d       yes      gw", self.ctl("devices", "list", *in_t))
        self.assertEqual(
            json.loads(self.ctl("devices", "show", "d", *in_t, "--json"))["via"], ["gw"]
        )
        found = self.ctl("devices", "list", *in_t, "id=d*", "defaults.ttl=10", "--json")
        self.assertEqual([each["id"] for each in json.loads(found)], ["d"])
        self.ctl("credentials", "delete", "d", *in_t, "--type=hashed-password", "--yes")
        self.assertEqual(self.publish("d@T:geheim"), 401)
        told = self.ctl("devices", "delete", "d", *in_t, status=1)
        self.assertIn("nothing was changed", told)
        self.ctl("devices", "delete", "d", *in_t, "--yes")
        told = self.ctl("devices", "show", "d", *in_t, status=1)
        self.assertIn("device not found", told)
        self.ctl("tenants", "delete", "T", "--yes")
        self.assertNotIn("acme", self.ctl("tenants", "list"))

    def test_certificates(self) -> None:
        for file, cn in (("ca.pem", "CA"), ("d.pem", "d")):
            pem = authority(name(cn)).public_bytes(Encoding.PEM).decode()
            self.write(file, pem)
        self.ctl("tenants", "create", "T")
        template = ("--auth-id-template", "{{subject-cn}}")
        told = self.ctl("tenants", "add-ca", "T", "ca.pem", *template)
        self.assertIn("CN=CA", told)
        self.ctl("devices", "create", "d", "-t", "T")
        self.ctl("credentials", "add-cert", "d", "d.pem", "-t", "T")
        listed = self.ctl("credentials", "list", "d", "-t", "T")
        self.assertIn("x509-cert  CN=d,", listed)
        self.assertIn("2036-01-01T00:00:00Z", listed)
        told = self.ctl("tenants", "add-ca", "T", "edgeproxy.toml", status=1)
        self.assertIn("no certificate", told)

    def test_files_of_hono_0_6(self) -> None:
        self.write("tenants.json", [{"tenant-id": "HONO", "enabled": True}])
        self.write("devices.json", DEVICES)
        self.write("credentials.json", CREDENTIALS)
        files = ("tenants.json", "devices.json", "credentials.json")
        told = self.ctl("devices", "import", *files)
        self.assertEqual(told, "2 created, 0 replaced, 0 in already, 0 refused.\n")
        self.assertEqual(self.publish("sensor1@HONO:hono-secret"), 202)
        told = self.ctl("devices", "import", *files)
        self.assertEqual(told, "0 created, 0 replaced, 2 in already, 0 refused.\n")
        # Credentials by themselves are for devices that are there.
        changed = json.dumps(CREDENTIALS).replace("true", "false")
        self.write("credentials.json", changed)
        told = self.ctl("devices", "import", "credentials.json", "--replace")
        self.assertEqual(told, "0 created, 1 replaced, 0 in already, 0 refused.\n")
        self.assertEqual(self.publish("sensor1@HONO:hono-secret"), 401)

    def test_a_dry_run_and_a_report(self) -> None:
        self.write("d.csv", "id,password\ngood,secret\nb d,x\nalso-good,\nworse\n")
        told = self.ctl("devices", "import", "d.csv", "--dry-run", status=1)
        self.assertIn("d.csv:3: b d: request does not contain a valid Device", told)
        self.assertIn("d.csv:5: worse: has another number of columns", told)
        self.assertNotIn("good", self.ctl("devices", "list"))
        report = ("--report", "refused.jsonl")
        self.ctl("devices", "import", "d.csv", *report, status=1)
        lines = (self.folder / "refused.jsonl").read_text().splitlines()
        self.assertEqual([json.loads(line)["line"] for line in lines], [5, 3])
        self.assertIn("also-good", self.ctl("devices", "list"))
        self.assertEqual(self.publish("good@DEFAULT_TENANT:secret"), 202)

    def test_a_password_is_for_the_name_that_a_device_has(self) -> None:
        told = self.ctl("credentials", "set-password", "4711", "--generate")
        self.assertEqual(self.publish(f"sensor1@DEFAULT_TENANT:{told.strip()}"), 202)
        self.assertEqual(self.publish("sensor1@DEFAULT_TENANT:hono-secret"), 401)

    def test_a_terminal_shows_how_far_it_is(self) -> None:
        self.write("in.jsonl", "".join(f"{line}\n" for line in devices(3000)))
        terminal, end = pty.openpty()
        self.addCleanup(os.close, terminal)
        command = [*CTL, *self.service.arguments(), "devices", "import", "in.jsonl"]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=end,
            timeout=60,
        )
        os.close(end)
        shown = os.read(terminal, 65536).decode()
        self.assertEqual(done.returncode, 0, shown)
        self.assertRegex(shown, r"\[#+ *\] +\d+%  [\d,]+ devices, [\d,]+ a second")

    def test_a_tenant_that_is_not_there(self) -> None:
        self.write("in.jsonl", "".join(f"{line}\n" for line in devices(1200)))
        told = self.ctl("devices", "import", "-t", "T", "in.jsonl", status=1)
        self.assertEqual(told, "edgeproxyctl: no such tenant\n")

    def test_an_export_is_a_backup(self) -> None:
        self.write("in.jsonl", "".join(f"{line}\n" for line in devices(1200)))
        told = self.ctl("devices", "import", "in.jsonl")
        self.assertEqual(told, "1,200 created, 0 replaced, 0 in already, 0 refused.\n")
        self.ctl("devices", "delete", "4711", "4712", "gw-1", "--yes")
        self.ctl("devices", "export", "--secrets", "out.jsonl")
        exported = self.folder / "out.jsonl"
        self.assertEqual(exported.stat().st_mode & 0o077, 0)
        self.assertEqual(
            [json.loads(line) for line in exported.read_text().splitlines()],
            [json.loads(line) for line in devices(1200)],
        )
        self.assertEqual(self.publish("sensor-000777@DEFAULT_TENANT:secret"), 202)
        plain = self.ctl("devices", "export")
        self.assertNotIn("pwd-hash", plain)
        self.assertEqual(len(plain.splitlines()), 1200)

    def test_who_may_not_read_the_operators_file_is_told(self) -> None:
        path = self.folder / "var" / "operators.toml"
        path.chmod(0o644)
        told = self.ctl("tenants", "list", status=1)
        self.assertIn("open to everybody", told)
        path.chmod(0o640)
        wrong = ("--username", "operator", "--operator-password-file", "wrong")
        self.write("wrong", "wrong\n")
        told = self.ctl("tenants", "list", *wrong, status=1)
        self.assertIn("bad credentials", told)

    def test_killed_amid_an_import(self) -> None:
        count = 10_000
        self.write("in.jsonl", "".join(f"{line}\n" for line in devices(count)))
        command = [*CTL, *self.service.arguments(), "devices", "import", "in.jsonl"]
        importing = subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 30
        while self.service.log().count("imported devices") < 5:
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(importing.poll())
            time.sleep(0.01)
        self.service.kill()
        out, err = importing.communicate(timeout=60)
        self.assertEqual(importing.returncode, 1, err)
        self.assertIn("no edgeproxy answers", err)
        self.assertIn("Run the import again", err)
        confirmed = int(out.partition(" created")[0].replace(",", ""))
        self.service.start()
        found = len(self.ctl("devices", "export").splitlines()) - 3  # the demo's
        # What was confirmed is in, and at most the lot whose answer was lost.
        self.assertGreaterEqual(found, 5 * 500)
        self.assertIn(found - confirmed, (0, 500))
        told = self.ctl("devices", "import", "in.jsonl")
        self.assertEqual(
            told,
            f"{count - found:,} created, 0 replaced, {found:,} in already,"
            " 0 refused.\n",
        )
        self.assertEqual(self.publish("sensor-009999@DEFAULT_TENANT:secret"), 202)

    def test_devices_publish_while_others_are_imported(self) -> None:
        self.write("in.jsonl", "".join(f"{line}\n" for line in devices(3_000)))
        told: list[str] = []
        importing = threading.Thread(
            target=lambda: told.append(self.ctl("devices", "import", "in.jsonl"))
        )
        importing.start()
        slowest = 0.0
        while importing.is_alive():
            started = time.monotonic()
            self.assertEqual(self.publish("sensor1@DEFAULT_TENANT:hono-secret"), 202)
            slowest = max(slowest, time.monotonic() - started)
        importing.join()
        self.assertIn("3,000 created", told[0])
        self.assertLess(slowest, 5.0)


class TLSTests(RegistryTestCase):
    def setUp(self) -> None:
        self.curl = need("curl")
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)
        file = self.folder.absolute() / "management.pem"
        file.write_bytes(self_signed("registry.example.com").dumpPEM())
        file.chmod(0o600)
        self.service = Service(
            self.folder,
            f"hono.registry.http.cert_path={file}",
            f"hono.registry.http.key_path={file}",
        )
        self.addCleanup(self.service.kill)
        self.service.start()

    def test_the_api_speaks_tls(self) -> None:
        self.ctl("tenants", "create", "T")
        port = self.service.management
        _, text = self.run_curl(
            *("--cacert", "management.pem", "-u", f"operator:{self.password()}"),
            *("--resolve", f"registry.example.com:{port}:127.0.0.1"),
            f"https://registry.example.com:{port}/v1/tenants/T",
        )
        self.assertIn("200 OK", text)
        # Another service with this name is not believed.
        other = Certificate.dumpPEM(self_signed("registry.example.com"))
        (self.folder / "management.pem").write_bytes(other)
        told = self.ctl("tenants", "list", status=1)
        self.assertIn("CERTIFICATE_VERIFY_FAILED", told)


class OpenTests(RegistryTestCase):
    def setUp(self) -> None:
        self.curl = need("curl")
        self.folder = Path(self.mktemp())
        setting = "hono.registry.http.authentication_required=false"
        self.service = Service(self.folder, setting)
        self.addCleanup(self.service.kill)
        self.service.start()

    def test_nobody_has_to_log_in_and_there_is_no_log_in(self) -> None:
        self.assertFalse((self.folder / "var" / "operators.toml").exists())
        self.ctl("tenants", "create", "T")
        url = f"http://127.0.0.1:{self.service.management}/v1/tenants/T"
        self.assertEqual(self.run_curl(url)[0], 200)
        self.assertEqual(self.run_curl("-H", "Origin: http://evil", url)[0], 403)
        self.assertEqual(self.run_curl("-H", "Host: evil", url)[0], 403)


class StopTests(RegistryTestCase):
    def test_it_stops_and_what_was_written_is_there_again(self) -> None:
        self.ctl("tenants", "create", "T")
        # Newer versions of Twisted end by the signal that they were sent.
        self.assertIn(self.service.stop(signal.SIGTERM), (0, -signal.SIGTERM))
        self.assertNotIn("Traceback", self.service.log())
        self.service.start()
        self.ctl("tenants", "show", "T")
