"""The server that the sessions of all tests of a run share, and what came after a test's own end."""

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mockgpt.core.records import Record
from mockgpt.core.verdict import Finding

if TYPE_CHECKING:
    from mockgpt.mock import MockGPT
    from mockgpt.sessions import MockSession

_NAME = 40  # characters of a test's name in its session's, which may have 64


class Late(Struct, frozen=True):
    """What came late of a test, or of no single one: errors, and all that was recorded."""

    test: str
    told: str
    record: Record


class Shared:
    """A server with a session for each test, and the sessions whose tests are over."""

    def __init__(self, mock: "MockGPT", name: str) -> None:
        self._mock = mock
        self._name = name  # of what is no single test's
        self._over: dict[str, tuple[str, MockSession, set[tuple[str, str]]]] = {}
        self._late: list[Late] = []

    def session(
        self, test: str, short: str, scenarios: Iterable[Any], options: dict[str, Any]
    ) -> "MockSession":
        """Begin a session for a test, by its full name and its short one.

        The session's name, which ids and chances are drawn from, is the test's in whatever order tests
        run; so a test that is run again begins its session anew, with nothing of the run before.
        """
        digest = blake2b(test.encode(), digest_size=4).hexdigest()
        name = f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', short)[:_NAME]}-{digest}"
        self._late += self._told(name)
        self._over.pop(name, None)
        return self._mock.session(name, *scenarios, **options)

    def end(self, test: str, session: "MockSession", found: tuple[Finding, ...]) -> None:
        """Note that a test is over, and what was found of its session by then."""
        self._over[session.name] = (test, session, _errors(found))

    def late(self) -> Iterator[Late]:
        """Yield what came after tests' ends, and what belongs to none of their sessions."""
        yield from self._late
        for name in self._over:
            yield from self._told(name)
        errors = _errors(self._mock.findings)
        if errors:
            yield Late(self._name, _lines(errors), self._mock.record(self._name, "failed"))

    def _told(self, name: str) -> Iterator[Late]:
        if name not in self._over:
            return
        test, session, before = self._over[name]
        errors = _errors(session.findings) - before
        if errors:
            yield Late(test, _lines(errors), session.record(test, "failed"))


def _errors(found: Iterable[Finding]) -> set[tuple[str, str]]:
    return {(one.code, one.message) for one in found if one.severity == "error"}


def _lines(errors: set[tuple[str, str]]) -> str:
    return "\n".join(f"mockgpt: {code}: {message}" for code, message in sorted(errors))
