"""Why a command could not do what it was asked."""

from __future__ import annotations


class CommandFailed(Exception):
    """The command ends with exit status 1; the message says what to do about it."""
