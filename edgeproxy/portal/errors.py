"""Why somebody is not let in."""

from __future__ import annotations

from twisted.cred.error import LoginFailed, UnauthorizedLogin


class MalformedCredentials(UnauthorizedLogin):
    """The credentials have not the form that this door expects."""


class TenantRefused(LoginFailed):
    """The tenant is known but disabled, or may not use this door."""


class AdapterDisabled(TenantRefused):
    """The tenant is enabled, but may not use this door."""


class LoginUnavailable(LoginFailed):
    """Nobody can say now whether the credentials are good: too many wait for that."""
