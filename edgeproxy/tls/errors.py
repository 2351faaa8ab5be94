"""What is wrong with a file of key material."""

from __future__ import annotations


class TLSFileError(Exception):
    """The file at *path* cannot be used for TLS; *problem* says why."""

    def __init__(self, path: str, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(f"{path}: {problem}")
