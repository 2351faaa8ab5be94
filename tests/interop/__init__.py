"""Tests against programs of others, driven as processes.

They are skipped where the program is missing, unless ``INTEROP=required``
says that this machine is meant to have it.
"""

from __future__ import annotations

import os
import shutil

from twisted.trial.unittest import FailTest, SkipTest

# Daemons live there, and a user's PATH leaves it out.
SBIN = "/usr/local/sbin:/usr/sbin"

# Whether this machine is meant to have everything.
REQUIRED = os.environ.get("INTEROP") == "required"


def need(program: str) -> str:
    """Return the path of *program*; skip (or fail) the running test without it."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SBIN}")
    if found is not None:
        return found
    reason = f"{program} is not installed"
    if REQUIRED:
        raise FailTest(f"{reason}, and INTEROP=required")
    raise SkipTest(reason)
