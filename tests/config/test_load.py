"""The layers of the configuration, and what is said about a bad one."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.config.document import effective, sample
from edgeproxy.config.errors import ConfigError
from edgeproxy.config.kinds import HostPort
from edgeproxy.config.load import Loaded, load
from edgeproxy.config.schema import KEYS

# (TOML, what the one-line message must say after the file's name)
BAD_FILES = [
    (
        "c8y.proxy.bind.port = 99999",
        "c8y.proxy.bind.port: 99999 is not a port (1 to 65535)",
    ),
    ("c8y.proxy.bind.port = 0", "c8y.proxy.bind.port: 0 is not a port (1 to 65535)"),
    (
        "c8y.proxy.bind.port = true",
        "c8y.proxy.bind.port: True is not a whole number",
    ),
    (
        "c8y.proxy.bind.prt = 1",
        "c8y.proxy.bind.prt: unknown key (did you mean c8y.proxy.bind.port?)",
    ),
    ("zzz = 1", "zzz: unknown key"),
    ("c8y = 3", "c8y: is a table, not a key"),
    (
        'c8y.proxy.cert_path = "a"',
        "c8y.proxy.cert_path: needs c8y.proxy.key_path as well",
    ),
    (
        'c8y.proxy.ca_path = "a"',
        "c8y.proxy.ca_path: needs c8y.proxy.cert_path: only TLS has them",
    ),
    (
        'c8y.proxy.allowed_cn = ["a"]',
        "c8y.proxy.allowed_cn: needs c8y.proxy.ca_path",
    ),
    (
        'proxy.address = "ftp://p"',
        "proxy.address: 'ftp://p' must begin with http:// or https://",
    ),
    (
        'proxy.address = "http://me:secret@p:3128"',
        "proxy.address: holds a login; set proxy.username and proxy.password_file",
    ),
    (
        'proxy.username = "me"',
        "proxy.username: needs proxy.password_file as well",
    ),
    (
        'thin_edge.config_dir = "/nowhere"',
        "thin_edge.config_dir: /nowhere is not a directory",
    ),
    (
        '[c8y]\nurl = "t.example.com"\ntoken.source = "http"',
        'c8y.token.source: "http" needs device.cert_path and .key_path',
    ),
    (
        'c8y.auth_method = "password"',
        "c8y.auth_method: 'password' is not one of 'certificate', 'basic', 'auto'",
    ),
    ('hono.compat = "3"', "hono.compat: '3' is not one of '0.6', '2'"),
    (
        'hono.http.cert_path = "x"',
        "hono.http.cert_path: needs hono.http.key_path as well",
    ),
    (
        'hono.http.cert_path = "x"\nhono.http.key_path = "y"\nhono.http.port = 8080',
        "hono.http.port: is the same as hono.http.insecure_port: 8080",
    ),
    (
        'hono.messaging.type = "kafka"',
        "hono.messaging.type: 'kafka' is not one of 'embedded'",
    ),
    (
        'c8y.url = "https://t.example.com"',
        "c8y.url: 'https://t.example.com' must be host[:port] without scheme or path",
    ),
    ('c8y.url = "a b"', "c8y.url: 'a b' is not a host name or IP address"),
    (
        'c8y.url = "t.example.com:70000"',
        "c8y.url: 70000 is not a port (1 to 65535)",
    ),
    ('c8y.url = "::1"', "c8y.url: '::1' is not host[:port] (IPv6 in brackets)"),
    (
        'c8y.http = "http://t.example.com"',
        "c8y.http: plain HTTP would send the device's token in the clear; "
        "set c8y.allow_plain = true to do it all the same",
    ),
    (
        'c8y.bridge.topic_prefix = "c8y/#"',
        "c8y.bridge.topic_prefix: 'c8y/#' must have no '#', no '+' and no '/' at its "
        "ends",
    ),
    (
        'c8y.url = "t.example.com"\nc8y.token.source = "mqtt"',
        'c8y.token.source: "mqtt" needs device.cert_path and .key_path',
    ),
    ('device.cert_path = "x"', "device.cert_path: needs device.key_path as well"),
    (
        'mqtt.client.auth.password_file = "x"',
        "mqtt.client.auth.password_file: needs mqtt.client.auth.username",
    ),
    (
        'hono.registry.http.bind_address = "0.0.0.0"\n'
        "hono.registry.http.authentication_required = false",
        "hono.registry.http.authentication_required: may only be false where "
        "hono.registry.http.bind_address is loopback",
    ),
    (
        'hono.registry.http.cert_path = "x"',
        "hono.registry.http.cert_path: needs hono.registry.http.key_path as well",
    ),
    (
        "hono.registry.http.port = 8088",
        "ops.port: is the same as hono.registry.http.port: 8088",
    ),
    (
        'hono.messaging.embedded.bind_address = "0.0.0.0"\n'
        "hono.messaging.embedded.allow_anonymous = true",
        "hono.messaging.embedded.allow_anonymous: is for loopback only; "
        "consumers have a login in credentials_path",
    ),
    (
        'hono.messaging.embedded.cert_path = "x"',
        "hono.messaging.embedded.cert_path: needs hono.messaging.embedded.key_path "
        "as well",
    ),
    (
        'hono.messaging.embedded.ca_path = "x"',
        "hono.messaging.embedded.ca_path: needs hono.messaging.embedded.cert_path: "
        "only TLS has them",
    ),
    (
        'hono.messaging.embedded.max_bytes = "1 GB"',
        "hono.messaging.embedded.max_bytes: '1 GB' is not a whole number",
    ),
    (
        'hono.messaging.embedded.max_age = "1 s"',
        "hono.messaging.embedded.max_age: 1 is not a number of seconds "
        "(60 to 3153600000)",
    ),
    ("ops.port = 8001", "ops.port: is the same as c8y.proxy.bind.port: 8001"),
    (
        'c8y.proxy.bind.address = "localhost"',
        "c8y.proxy.bind.address: 'localhost' is not an IP address to listen on",
    ),
]


class LoadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        (self.folder / "conf.d").mkdir(parents=True)
        self.file = self.folder / "edgeproxy.toml"

    def load(self, toml: str = "", **more: object) -> Loaded:
        self.file.write_text(toml)
        return load(self.file, **({"environ": {}} | more))  # type: ignore[arg-type]

    def problem(self, toml: str = "", **more: object) -> str:
        with self.assertRaises(ConfigError) as caught:
            self.load(toml, **more)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_an_empty_file_means_the_defaults(self) -> None:
        config = self.load().config
        self.assertEqual(config.c8y.proxy.bind.port, 8001)
        self.assertEqual(config.c8y.proxy.bind.address, ("127.0.0.1",))
        self.assertEqual(config.hono.http.insecure_port, 8080)
        self.assertEqual(config.ops.port, 8088)

    def test_bad_settings_are_named_with_file_and_key(self) -> None:
        for toml, expected in BAD_FILES:
            self.assertEqual(self.problem(toml), f"{self.file}: {expected}")

    def test_later_layers_win(self) -> None:
        (self.folder / "conf.d" / "20.toml").write_text("ops.port = 3")
        (self.folder / "conf.d" / "10.toml").write_text("ops.port = 2")
        loaded = self.load("ops.port = 1")
        self.assertEqual(loaded.config.ops.port, 3)
        self.assertEqual(
            loaded.origins["ops.port"], str(self.folder / "conf.d" / "20.toml")
        )
        environ = {"EDGEPROXY_OPS_PORT": "4"}
        self.assertEqual(self.load(environ=environ).config.ops.port, 4)
        loaded = self.load(environ=environ, options=["ops.port=5"])
        self.assertEqual(loaded.config.ops.port, 5)
        self.assertEqual(loaded.origins["ops.port"], "--set")

    def test_thin_edges_and_honos_variables_are_honoured(self) -> None:
        config = self.load(
            environ={
                "TEDGE_C8Y_URL": "t.example.com",
                "TEDGE_UNKNOWN_KEY": "theirs",
                "HONO_HTTP_MAXPAYLOADSIZE": "10",
                "HONO_HTTP_AUTHENTICATION_REQUIRED": "false",
                "HONO_HTTP_REALM": "",
            }
        ).config
        self.assertEqual(config.c8y.url, HostPort("t.example.com"))
        self.assertEqual(config.hono.http.max_payload_size, 10)
        self.assertFalse(config.hono.http.authentication_required)
        self.assertEqual(config.hono.http.realm, "Hono")

    def test_both_spellings_of_honos_variables_work(self) -> None:
        for name in (
            "HONO_HTTP_AUTHENTICATION_REQUIRED",
            "HONO_HTTP_AUTHENTICATIONREQUIRED",
        ):
            config = self.load(environ={name: "false"}).config
            self.assertFalse(config.hono.http.authentication_required, name)

    def test_our_variable_wins_over_theirs(self) -> None:
        config = self.load(
            environ={
                "EDGEPROXY_C8Y_URL": "ours.example.com",
                "TEDGE_C8Y_URL": "theirs.example.com",
            }
        ).config
        self.assertEqual(config.c8y.url, HostPort("ours.example.com"))

    def test_an_unknown_variable_of_ours_is_refused(self) -> None:
        self.assertEqual(
            self.problem(environ={"EDGEPROXY_OPS_PROT": "1"}),
            "environment variable EDGEPROXY_OPS_PROT: ops_prot: unknown key "
            "(did you mean ops.port?)",
        )

    def thin_edge(self, **files: str) -> Loaded:
        """Load from a thin-edge directory with *files*."""
        folder = self.folder / "tedge"
        for name, text in files.items():
            path = folder / name.replace("__", "/").replace("_toml", ".toml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self.load('thin_edge.config_dir = "tedge"\nops.port = 9')

    def test_a_device_of_thin_edge_is_taken_over(self) -> None:
        certificates = self.folder / "tedge" / "device-certs"
        certificates.mkdir(parents=True)
        for name in ("tedge-certificate.pem", "tedge-private-key.pem"):
            (certificates / name).touch()
        loaded = self.thin_edge(
            tedge_toml='c8y.url = "t.example.com"\n[c8y.proxy.bind]\nport = 8011\n'
            "[mqtt]\nclient.port = 1884\nbridge.built_in = true\n[software]\nx = 1\n"
            "[ops]\nport = 5"
        )
        config = loaded.config
        self.assertEqual(str(config.c8y.url), "t.example.com")
        self.assertEqual(config.c8y.proxy.bind.port, 8011)
        self.assertEqual(config.mqtt.client.port, 1884)
        self.assertEqual(config.ops.port, 9)
        self.assertEqual(
            config.device.cert_path,
            str(certificates.absolute() / "tedge-certificate.pem"),
        )
        self.assertIn("tedge.toml", loaded.origins["c8y.url"])

    def test_our_own_file_wins_over_thin_edge(self) -> None:
        (self.folder / "tedge").mkdir()
        (self.folder / "tedge" / "tedge.toml").write_text('c8y.url = "a.example"')
        loaded = self.load('thin_edge.config_dir = "tedge"\nc8y.url = "b.example"')
        self.assertEqual(str(loaded.config.c8y.url), "b.example")

    def test_since_thin_edge_2_the_mapper_has_a_file_of_its_own(self) -> None:
        loaded = self.thin_edge(
            tedge_toml='c8y.url = "old.example"\nmqtt.client.port = 1885',
            mappers__c8y__mapper_toml='cloud_type = "c8y"\nurl = "new.example"\n'
            'device.id = "d"',
        )
        self.assertEqual(str(loaded.config.c8y.url), "new.example")
        self.assertEqual(loaded.config.device.id, "d")
        self.assertEqual(loaded.config.mqtt.client.port, 1885)

    def test_a_secret_in_thin_edges_file_is_no_setting_of_ours(self) -> None:
        with self.assertRaises(ConfigError) as caught:
            self.thin_edge(tedge_toml='proxy.username = "u"\nproxy.password = "hush"')
        self.assertIn("set proxy.password_file", str(caught.exception))
        self.assertNotIn("hush", str(caught.exception))

    def test_options_and_variables_hold_lists(self) -> None:
        loaded = self.load(options=['c8y.proxy.bind.address=["127.0.0.1", "::1"]'])
        self.assertEqual(loaded.config.c8y.proxy.bind.address, ("127.0.0.1", "::1"))

    def test_an_option_without_equals_is_refused(self) -> None:
        self.assertEqual(
            self.problem(options=["ops.port"]), "--set: 'ops.port' is not key=value"
        )

    def test_broken_toml_is_told_with_its_line(self) -> None:
        self.assertIn("not TOML", self.problem("[ops]\nport =\n"))
        self.assertIn("line 2", self.problem("[ops]\nport =\n"))

    def test_a_file_that_was_named_must_be_there(self) -> None:
        missing = self.folder / "missing.toml"
        with self.assertRaises(ConfigError) as caught:
            load(missing, {})
        self.assertEqual(str(caught.exception), f"{missing}: No such file or directory")

    def test_relative_files_are_beside_the_file_that_names_them(self) -> None:
        config = self.load('c8y.root_cert_path = "ca.pem"').config
        self.assertEqual(
            config.c8y.root_cert_path, str(self.folder.absolute() / "ca.pem")
        )

    def test_state_files_are_in_the_state_directory(self) -> None:
        config = self.load('hono.registry.path = "r.db"').config
        self.assertEqual(config.hono.registry.path, "/var/lib/edgeproxy/r.db")
        self.assertEqual(
            config.hono.messaging.embedded.store_path,
            "/var/lib/edgeproxy/events.sqlite",
        )

    def test_the_sandbox_fills_in_what_is_left_out(self) -> None:
        loaded = self.load(sandbox=True)
        self.assertEqual(loaded.config.c8y.http, HostPort("127.0.0.1", 9443))
        self.assertEqual(loaded.config.c8y.token.source, "mqtt")
        self.assertEqual(
            loaded.config.hono.registry.path,
            str(Path("var/registry.sqlite").absolute()),
        )

    def test_the_sandbox_yields_to_the_configuration(self) -> None:
        toml = 'c8y.url = "t.example.com"\nsandbox.port = 9999'
        config = self.load(toml, sandbox=True).config
        self.assertIsNone(config.c8y.http)
        self.assertEqual(config.c8y.token.source, "bridge")
        config = self.load(
            'sandbox.port = 9999\nc8y.token.source = "bridge"', sandbox=True
        ).config
        self.assertEqual(config.c8y.http, HostPort("127.0.0.1", 9999))
        self.assertEqual(config.c8y.token.source, "bridge")

    def test_hosts_come_in_every_form(self) -> None:
        for text, expected in [
            ("T.Example.com", HostPort("t.example.com")),
            ("t.example.com:8443", HostPort("t.example.com", 8443)),
            ("10.0.0.1", HostPort("10.0.0.1")),
            ("[::1]:443", HostPort("::1", 443)),
            ("http://127.0.0.1:8080", HostPort("127.0.0.1", 8080, plain=True)),
        ]:
            config = self.load(f'c8y.http = "{text}"').config
            self.assertEqual(config.c8y.http, expected)
            self.assertEqual(str(config.c8y.http), text.lower())
            for config in (
                self.load(options=[f"c8y.http={text}"]).config,
                self.load(environ={"EDGEPROXY_C8Y_HTTP": text}).config,
            ):
                self.assertEqual(config.c8y.http, expected)


class DocumentTests(SynchronousTestCase):
    def test_the_packaged_file_is_the_documentation_of_the_keys(self) -> None:
        etc = Path(__file__).parents[2] / "etc" / "edgeproxy.toml"
        self.assertEqual(etc.read_text(), sample())

    def test_the_packaged_file_sets_nothing(self) -> None:
        file = Path(self.mktemp())
        file.write_text(sample())
        self.assertEqual(load(file, {}).origins, {})

    def test_each_default_in_the_documentation_is_one(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        file, empty = folder / "documented", folder / "empty"
        empty.touch()
        text = sample().replace("\n#", "\n")
        lines = [
            line
            for line in text.splitlines()
            if line.startswith("[") or (" = " in line and not line.startswith(" "))
        ]
        file.write_text("\n".join(lines))
        config = load(file, {}).config
        self.assertEqual(config, load(empty, {}).config)

    def test_what_is_in_force_names_its_origin(self) -> None:
        file = Path(self.mktemp())
        file.touch()
        loaded = load(file, {}, ["ops.port=9"])
        lines = list(effective(loaded.config, loaded.origins))
        self.assertIn("ops.port = 9    # --set", lines)
        self.assertIn("c8y.url = (not set)", lines)
        self.assertEqual(len(lines), len(KEYS))

    def test_amounts_may_have_a_unit(self) -> None:
        for text, expected in (
            ("30 d", 30 * 86400),
            ("2h", 7200),
            ("7200", 7200),
            (7200, 7200),
        ):
            self.assertEqual(
                KEYS["hono.messaging.embedded.max_age"].kind.read(text), expected
            )
