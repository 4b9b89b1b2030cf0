"""What the control API shows of sessions, exchanges, findings and time, as types.

The JSON and its description (`openapi.py`) both follow from these. No key or token is among them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from mockgpt.core.clock import Clock
from mockgpt.core.codes import Severity
from mockgpt.core.exchange import Exchange, Sent
from mockgpt.core.playing import OnMiss
from mockgpt.core.scenario import Scenario
from mockgpt.core.service import Dialect
from mockgpt.core.session import Session
from mockgpt.core.verdict import Finding


class ClockView(Struct, frozen=True, kw_only=True):
    """What time the server says it is."""

    now: Annotated[float, Meta(description="Seconds of the Unix epoch.")]
    date: Annotated[str, Meta(description="The same, in UTC.")]
    frozen: Annotated[bool, Meta(description="Whether it stands still until it is advanced.")]


class Health(Struct, frozen=True, kw_only=True):
    """That the server is up, and what it serves."""

    version: str
    scenario: Annotated[str, Meta(description="Its name; empty without a scenario.")]
    sessions: Annotated[int, Meta(description="How many there are, closed ones included.")]
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


class UsageView(Struct, frozen=True, kw_only=True):
    """The tokens of an answer; an embedding has no completion."""

    prompt_tokens: int
    completion_tokens: int | None
    total_tokens: int


class ExchangeView(Struct, frozen=True, kw_only=True):
    """One attempt as the journal has it."""

    session: str
    number: Annotated[int, Meta(description="Counts the session's exchanges from 1.")]
    at: Annotated[float, Meta(description="When, in seconds of the Unix epoch.")]
    method: str
    path: str
    headers: Annotated[Mapping[str, str], Meta(description="Without those that hold secrets.")]
    body: Annotated[Any, Meta(description="As JSON where it is JSON, else as text.")]
    key: Annotated[str, Meta(description="A fingerprint of the API key.")]
    endpoint: str | None
    rule: Annotated[str | None, Meta(description="The id of the rule that answered.")]
    call: int
    attempt: int
    ignored: tuple[str, ...]
    error: Annotated[str | None, Meta(description="The name of the error that was answered.")]
    limit: Annotated[str | None, Meta(description="The limit that was behind the error.")]
    message: Annotated[str, Meta(description="What the client was told.")]
    usage: UsageView | None
    bug: Annotated[str | None, Meta(description="What mockgpt itself failed with.")]
    sent: Sent | None


class JournalPage(Struct, frozen=True, kw_only=True):
    """A page of a session's journal, oldest first."""

    exchanges: tuple[ExchangeView, ...]
    next: Annotated[int, Meta(description="What to give as `after` for the next page.")]
    dropped: Annotated[
        int, Meta(description="Exchanges up to this number were dropped to make room.")
    ]


class FindingView(Struct, frozen=True, kw_only=True):
    """One thing that should not have happened."""

    code: str
    message: str
    severity: Annotated[Severity, Meta(description="Whether it fails a test.")]
    exchanges: Annotated[
        tuple[int, ...], Meta(description="The numbers of the exchanges that show it.")
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


def exchange_view(exchange: Exchange) -> ExchangeView:
    """Show an exchange."""
    same = {
        name: getattr(exchange, name)
        for name in ExchangeView.__struct_fields__
        if name not in ("body", "bug", "usage")
    }
    return ExchangeView(
        body=_body(exchange.body),
        bug=None if exchange.bug is None else repr(exchange.bug),
        usage=msgspec.convert(exchange.usage, UsageView | None, from_attributes=True),
        **same,
    )


def finding_list(session: Session) -> FindingList:
    """Show what a session has found."""
    return FindingList(findings=tuple(map(_finding_view, session.findings())))


def _finding_view(finding: Finding) -> FindingView:
    return FindingView(
        code=finding.code,
        message=finding.message,
        severity=finding.severity,
        exchanges=tuple(exchange.number for exchange in finding.exchanges),
    )


def _body(body: bytes) -> Raw | str:
    """Return a body's very JSON, where it is some; decoded and encoded again it might be another."""
    try:
        body.decode()
        msgspec.json.decode(body)
    except (ValueError, RecursionError):  # UnicodeDecodeError and DecodeError are ValueErrors
        return body.decode("utf-8", "replace")
    return Raw(body)
