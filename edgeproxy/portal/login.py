"""What a door is given: one function that turns credentials into an avatar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred

Login = Callable[[Any], "Deferred[Any]"]


def login_as(portal: Portal, interface: Any) -> Login:
    """Return the function that logs in at *portal* and gives an *interface* avatar.

    There are no sessions to end, so the portal's logout is not passed on.
    """

    def login(credentials: Any) -> Deferred[Any]:
        answer: Deferred[Any] = portal.login(credentials, None, interface)
        return answer.addCallback(lambda found: found[1])

    return login
