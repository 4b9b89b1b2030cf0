"""What is left of a session when its test is over: the whole of what reports are made of."""

from msgspec import Struct

from mockgpt.core.exchange import Exchange
from mockgpt.core.session import Session
from mockgpt.core.verdict import Finding


class Record(Struct, frozen=True, kw_only=True):
    """A session's exchanges and findings, by the name of its test.

    `unused` are the ids of the rules and steps that answered nothing, `dropped` is how many
    exchanges the journal had no room for. `outcome` is the test's own, where there is one, and
    `underway` is what was being answered.
    """

    name: str
    session: str
    scenario: str
    seed: int
    exchanges: tuple[Exchange, ...]
    findings: tuple[Finding, ...]
    unused: tuple[str, ...]
    dropped: int = 0
    outcome: str = ""
    underway: tuple[Exchange, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a finding is an error, or the test failed by itself: its outcome is `failed`."""
        errors = any(finding.severity == "error" for finding in self.findings)
        return errors or self.outcome == "failed"


def record_of(session: Session, name: str, outcome: str = "") -> Record:
    """Return the record of a session so far."""
    return Record(
        name=name,
        session=session.name,
        scenario=session.loaded.scenario.name,
        seed=session.seed,
        exchanges=tuple(session.journal),
        findings=session.findings(),
        unused=session.play.unused,
        dropped=session.journal.dropped,
        outcome=outcome,
        underway=session.underway,
    )
