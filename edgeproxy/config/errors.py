"""What is wrong with a configuration, in one line."""

from __future__ import annotations


class ConfigError(Exception):
    """The configuration cannot be used; the process ends with `EXIT_STATUS`.

    *origin* is the file, variable or option, *key* the dotted name (None: the whole
    of it), *problem* the sentence about it.
    """

    # EX_CONFIG of sysexits.h; systemd's RestartPreventExitStatus= names it.
    EXIT_STATUS = 78

    def __init__(self, origin: str, key: str | None, problem: str) -> None:
        self.origin, self.key, self.problem = origin, key, problem
        super().__init__(": ".join(part for part in (origin, key, problem) if part))
