"""What the control API shows of sessions and time; exchanges and findings are as in reports, as types.

The JSON and its description (`openapi.py`) both follow from these. No key or token is among them.
"""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, Struct

from mockgpt.core.clock import Clock
from mockgpt.core.reports.data import ExchangeView, FindingView, finding_view
from mockgpt.core.scenario import Scenario
from mockgpt.core.service import Dialect
from mockgpt.core.session import Session
from mockgpt.core.settings import OnMiss


class ClockView(Struct, frozen=True, kw_only=True):
    """What time the server says it is."""

    now: Annotated[float, Meta(description="Seconds of the Unix epoch.")]
    date: Annotated[str, Meta(description="The same, in UTC.")]
    frozen: Annotated[bool, Meta(description="Whether it stands still until it is advanced.")]


class Health(Struct, frozen=True, kw_only=True):
    """That the server is up, and what it serves."""

    version: str
    scenario: Annotated[str, Meta(description="Its name; empty without a scenario.")]
    sessions: Annotated[
        int, Meta(description="How many there are, closed ones included; of a worker, its own.")
    ]
    clock: ClockView


class SessionView(Struct, frozen=True, kw_only=True):
    """A session: how it behaves, and how far it has come."""

    name: str
    scenario: Annotated[str, Meta(description="The name of its scenario.")]
    own_scenario: Annotated[bool, Meta(description="Whether it differs from the server's.")]
    seed: int
    errors: Dialect
    strict: bool
    speed: float
    on_miss: OnMiss | None
    api_keys: Annotated[int, Meta(description="How many keys it accepts; 0: any.")]
    requests: Annotated[int, Meta(description="How many exchanges it has had.")]
    findings: Annotated[int, Meta(description="How many findings it has.")]
    closed: bool


class SessionList(Struct, frozen=True, kw_only=True):
    """All sessions, in the order in which they began."""

    sessions: tuple[SessionView, ...]


class JournalPage(Struct, frozen=True, kw_only=True):
    """A page of a session's journal, oldest first."""

    exchanges: tuple[ExchangeView, ...]
    next: Annotated[int, Meta(description="What to give as `after` for the next page.")]
    dropped: Annotated[
        int, Meta(description="Exchanges up to this number were dropped to make room.")
    ]


class FindingList(Struct, frozen=True, kw_only=True):
    """A session's findings so far, and the steps of its script that nothing has met."""

    findings: tuple[FindingView, ...]


class ErrorDetail(Struct, frozen=True, kw_only=True):
    """Why the control API refused a request."""

    message: str
    errors: Annotated[tuple[str, ...], Meta(description="Everything that is to be mended.")]


class ErrorView(Struct, frozen=True, kw_only=True):
    """A refusal of the control API."""

    error: ErrorDetail


def clock_view(clock: Clock) -> ClockView:
    """Show a clock."""
    now = clock.now()
    date = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    return ClockView(now=now, date=date, frozen=clock.frozen)


def session_view(session: Session, shared: Scenario) -> SessionView:
    """Show a session of a server whose own scenario is `shared`."""
    settings, scenario = session.settings, session.loaded.scenario
    return SessionView(
        name=session.name,
        scenario=scenario.name,
        own_scenario=scenario is not shared,
        seed=scenario.seed or 0,
        errors=settings.dialect,
        strict=settings.strict,
        speed=settings.speed,
        on_miss=settings.on_miss,
        api_keys=len(settings.api_keys),
        requests=session.journal.dropped + len(session.journal),
        findings=len(session.findings()),
        closed=session.closed,
    )


def finding_list(session: Session) -> FindingList:
    """Show what a session has found."""
    return FindingList(findings=tuple(map(finding_view, session.findings())))
