"""PyPI's schemathesis, in an environment of its own and driven as a process."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import attrs
from twisted.trial.unittest import SkipTest

from tests.interop import REQUIRED

VERSION = "4.32.5"

# All of its checks but three: that a request is of the schema does not make it one that
# can be met (a version in If-Match, a certificate), there is one kind of log-in, and
# those that fail on purpose would make it wait.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ensure_resource_availability",
)

# Statuses of requests that are wrong in some way: what is too large may be, too.
CONFIG = """
hooks = "hooks.py"

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 412, 413, 414, 431]
"""


# Parameters that the document does not have are ignored, as Hono does. Now and then one
# is all that is wrong with a request: that is none to be refused.
HOOKS = """
import schemathesis


@schemathesis.hook
def filter_case(context, case):
    known = {parameter.name for parameter in context.operation.query}
    return not isinstance(case.query, dict) or known.issuperset(case.query)
"""


@attrs.frozen
class Verdict:
    """How a run ended: *failures* is 0 where everything was as the document says."""

    failures: int
    cases: int
    output: str = attrs.field(repr=False)


def schemathesis() -> Path:
    """Return the program; installs it the first time, or skips the test."""
    cache = os.environ.get("XDG_CACHE_HOME") or tempfile.gettempdir()
    folder = Path(cache) / f"edgeproxy-interop-{os.getuid()}"
    environment = folder / f"schemathesis-{VERSION}"
    program = environment / "bin" / "schemathesis"
    if not program.exists():
        # Whoever comes second waits, as an environment cannot be moved into place.
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "schemathesis.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not program.exists():
                _install(environment)
    return program


def _apart() -> dict[str, str]:
    """Return variables that keep our own packages out of its environment."""
    return {n: v for n, v in os.environ.items() if not n.startswith("PYTHON")}


def _install(environment: Path) -> None:
    shutil.rmtree(environment, ignore_errors=True)
    base = getattr(sys, "_base_executable", sys.executable)
    for command in (
        [base, "-m", "venv", str(environment)],
        [str(environment / "bin" / "pip"), "install", "-q"]
        + ["--disable-pip-version-check", f"schemathesis=={VERSION}"],
    ):
        done = subprocess.run(
            command, env=_apart(), capture_output=True, text=True, timeout=300
        )
        if done.returncode:
            shutil.rmtree(environment, ignore_errors=True)
            reason = f"schemathesis cannot be installed: {done.stderr.strip()[-200:]}"
            raise AssertionError(reason) if REQUIRED else SkipTest(reason)


def fuzz(
    folder: Path,
    url: str,
    login: str,
    cases: int,
    seed: int,
    phases: str,
    seconds: int,
) -> Verdict:
    """Run *cases* for each operation of the document at *url*, and its other *phases*.

    *login* is name and password with a colon; all of it may take *seconds*.
    """
    config = folder.absolute() / "schemathesis.toml"
    config.write_text(CONFIG)
    (folder / "hooks.py").write_text(HOOKS)
    done = subprocess.run(
        [
            *(str(schemathesis()), "--config-file", str(config), "run", url),
            *("--auth", login, "--checks", ",".join(CHECKS)),
            *("--phases", phases, "--max-examples", str(cases)),
            *("--seed", str(seed), "--continue-on-failure", "--no-color"),
            "--suppress-health-check=all",
        ],
        cwd=folder,
        env=_apart(),
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    output = done.stdout + done.stderr
    counts = output.rpartition(" generated")[0].split()
    generated = int(counts[-1].replace(",", "")) if counts else 0
    return Verdict(done.returncode, generated, output)
