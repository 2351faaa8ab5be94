"""Device tokens over HTTPS: the device's certificate is the login.

``POST /devicecontrol/deviceAccessToken`` on a port of its own (facts of Cumulocity,
section 1.7).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import IAgent

from edgeproxy.c8y.bearer import MAX_ANSWER, NotAToken
from edgeproxy.c8y.tokensource import Asker
from edgeproxy.tls.errors import TLSFileError

# Seconds; less than a request waits for its token.
PATIENCE = 4.0


class HTTPSource(Service):
    """Asks *url* by *agent*, which presents the device's certificate.

    *chain* returns the PEM certificates from the device's to the one below that which
    the tenant trusts, as they are now: Cumulocity wants them in a header if there are
    several. Where it raises `TLSFileError`, those of before are sent, as *agent*'s
    handshake shows those of before too.
    """

    def __init__(self, agent: IAgent, url: str, chain: Callable[[], list[str]]) -> None:
        self._agent, self._url = agent, url
        self._chain, self._shown = chain, chain()
        self._asking: Deferred[Any] | None = None
        self._trouble = "was not asked yet"

    def begin(self, asker: Asker) -> None:
        """Tell *asker* from now on."""
        self._asker = asker

    def startService(self) -> None:
        """Be ready: there is nothing to connect."""
        super().startService()
        self._asker.connected()

    def stopService(self) -> None:
        """Ask no more."""
        super().stopService()
        if self._asking is not None:
            self._asking.cancel()

    @property
    def ready(self) -> bool:
        """Whether the service runs."""
        return bool(self.running)

    @property
    def why_silent(self) -> str:
        """What to look at, in words."""
        return f"{self._url} {self._trouble}"

    def ask(self) -> bool:
        """Ask, unless that is under way."""
        # Imported where it is used: it takes 14 MiB, and most devices use MQTT.
        import treq

        if self._asking is None:
            self._trouble = "does not answer"
            headers = self._headers()
            self._asking = treq.post(
                self._url, headers=headers, agent=self._agent, timeout=PATIENCE
            )
            self._asking.addCallback(self._responded)
            self._asking.addBoth(self._finished)
        return True

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        try:
            self._shown = self._chain()
        except TLSFileError:
            pass  # halfway through a renewal
        if len(self._shown) > 1:
            blocks = [" ".join(block.split("\n")).strip() for block in self._shown]
            headers["X-Ssl-Cert-Chain"] = " ".join(blocks)
        return headers

    def _responded(self, response: Any) -> Any:
        import treq

        if response.code != 200:
            raise NotAToken(f"answers {response.code} (is the certificate known?)")
        return treq.json_content(response)

    def _finished(self, outcome: Any) -> None:
        self._asking = None
        if isinstance(outcome, Failure):
            if outcome.check(NotAToken):
                self._trouble = outcome.getErrorMessage()
            else:
                self._trouble = f"does not answer: {_words(outcome)}"
            return
        token = outcome.get("accessToken") if isinstance(outcome, dict) else None
        if not isinstance(token, str) or not 0 < len(token) <= MAX_ANSWER:
            self._trouble = "answers without an accessToken"
            return
        try:
            self._asker.answered(token.encode("ascii", "replace"))
        except NotAToken as error:
            self._trouble = f"answers with something that is {error}"


def _words(failure: Failure) -> str:
    return failure.getErrorMessage() or type(failure.value).__name__
