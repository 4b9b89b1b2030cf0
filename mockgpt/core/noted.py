"""Findings that outlive the journal's entries: what one exchange by itself did wrong."""

from collections.abc import Collection, Iterator

from mockgpt.core.verdict import Finding

_KEPT = 1_000  # of a session


class Noted:
    """A session's findings of that kind: of very many the first. What is allowed takes no room."""

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._any = False

    def append(self, finding: Finding, allowed: Collection[str] = ()) -> None:
        """Note a finding; one that is allowed only so far that there was something."""
        self._any = True
        if finding.code not in allowed and len(self._kept) < _KEPT:
            self._kept.append(finding)

    def __iter__(self) -> Iterator[Finding]:
        return iter(tuple(self._kept))

    def __bool__(self) -> bool:
        return self._any
