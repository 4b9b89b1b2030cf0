"""The environment of a test while it has a server: its clients' variables, and what was before."""

import os
from collections.abc import Mapping


class Pointing:
    """Variables that are set for a test, which its own `monkeypatch.undo()` leaves alone.

    `monkeypatch` may have changed a variable before it was set here, or after, and puts back what
    it found, before or after this does. So only what is still as it was set here is put back, when
    the server ends and once more when all of the test's fixtures have ended.
    """

    def __init__(self) -> None:
        self._set: list[tuple[str, str, str | None]] = []  # what was set, and what was before

    def point(self, variables: Mapping[str, str]) -> None:
        """Set variables."""
        self._set += ((name, value, os.environ.get(name)) for name, value in variables.items())
        os.environ.update(variables)

    def put_back(self) -> None:
        """Put back what was before."""
        for name, value, before in reversed(self._set):
            if os.environ.get(name) != value:
                continue
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before
