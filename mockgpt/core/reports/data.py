"""Exchanges, findings and records as JSON shows them, as types. No key or token is among them.

The control API shows the same, and its description follows from these types.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from mockgpt import __version__
from mockgpt.core.codes import Severity
from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.exchange import Chosen, Ending, Exchange, Write
from mockgpt.core.plan import Headers
from mockgpt.core.records import Record
from mockgpt.core.redaction import hidden
from mockgpt.core.reports.wording import visible
from mockgpt.core.verdict import Finding

T = TypeVar("T", bound=Struct)


class UsageView(Struct, frozen=True, kw_only=True):
    """The tokens of an answer; an embedding has no completion."""

    prompt_tokens: int
    completion_tokens: int | None
    total_tokens: int


class SentView(Struct, frozen=True, kw_only=True):
    """What was really sent."""

    status: int
    headers: Headers
    body: Annotated[Any, Meta(description="Its first 64 KiB: JSON where that is JSON, else text.")]
    events: int
    chunks: Annotated[int, Meta(description="How many writes there were.")]
    bytes: int
    seconds: float
    silence: Annotated[float, Meta(description="The longest wait, in seconds.")]
    ending: Ending
    writes: Annotated[tuple[Write, ...], Meta(description="The first 1,000.")]


class ExchangeView(Struct, frozen=True, kw_only=True):
    """One attempt as the journal has it."""

    session: str
    number: Annotated[int, Meta(description="Counts the session's exchanges from 1.")]
    connection: Annotated[int, Meta(description="Tells connections apart; 0: not known.")]
    at: Annotated[float, Meta(description="When, in seconds of the Unix epoch.")]
    elapsed: Annotated[float, Meta(description="When, in seconds of a clock that always runs.")]
    method: str
    path: str
    query: str
    headers: Annotated[Mapping[str, str], Meta(description="Without those that hold secrets.")]
    body: Annotated[Any, Meta(description="As JSON where it is JSON, else as text.")]
    bodies: Annotated[bool, Meta(description="Whether the journal had room for the bodies.")]
    key: Annotated[str, Meta(description="A fingerprint of the API key.")]
    endpoint: str | None
    retries: Annotated[int, Meta(description="What the client said of its retries.")]
    chosen: Annotated[Chosen, Meta(description="What answered: a rule, a step or filler.")]
    rule: Annotated[str | None, Meta(description="The id of the rule or step that answered.")]
    place: Annotated[str, Meta(description="Its file and line.")]
    why: Annotated[str, Meta(description="Why it was answered as it was.")]
    call: int
    attempt: int
    faults: Annotated[tuple[str, ...], Meta(description="The kinds that were applied.")]
    ignored: tuple[str, ...]
    error: Annotated[str | None, Meta(description="The name of the error that was answered.")]
    limit: Annotated[str | None, Meta(description="The limit that was behind the error.")]
    message: Annotated[str, Meta(description="What the client was told.")]
    usage: UsageView | None
    bug: Annotated[str | None, Meta(description="What mockgpt itself failed with.")]
    sent: SentView | None


class FindingView(Struct, frozen=True, kw_only=True):
    """One thing that should not have happened."""

    code: str
    message: str
    severity: Annotated[Severity, Meta(description="Whether it fails a test.")]
    exchanges: Annotated[
        tuple[int, ...], Meta(description="The numbers of the exchanges that show it.")
    ]


class RecordView(Struct, frozen=True, kw_only=True):
    """A session's exchanges and findings, by the name of its test."""

    name: str
    session: str
    scenario: str
    seed: int
    outcome: str
    findings: tuple[FindingView, ...]
    unused: tuple[str, ...]
    dropped: int
    exchanges: tuple[ExchangeView, ...]


class Report(Struct, frozen=True, kw_only=True):
    """All records of a run."""

    version: int
    mockgpt: str
    records: tuple[RecordView, ...]


def report_json(records: Sequence[Record]) -> bytes:
    """Return records whole, as JSON."""
    report = Report(version=1, mockgpt=__version__, records=tuple(map(_record_view, records)))
    return json_bytes(report)


def exchange_view(exchange: Exchange) -> ExchangeView:
    """Show an exchange."""
    exchange = exchange.shown
    sent = exchange.sent
    return _view(
        ExchangeView,
        exchange,
        body=_body(exchange.body),
        bug=None if exchange.bug is None else repr(exchange.bug),
        usage=None if exchange.usage is None else _view(UsageView, exchange.usage),
        sent=None if sent is None else _view(SentView, sent, body=_body(sent.body)),
    )


def finding_view(finding: Finding) -> FindingView:
    """Show a finding."""
    numbers = tuple(exchange.number for exchange in finding.exchanges)
    return _view(FindingView, finding, message=hidden(finding.message), exchanges=numbers)


def _record_view(record: Record) -> RecordView:
    return _view(
        RecordView,
        record,
        name=hidden(
            visible(record.name)
        ),  # a test's name may have halves of pairs, which are no UTF-8
        outcome=visible(record.outcome),
        findings=tuple(map(finding_view, record.findings)),
        exchanges=tuple(map(exchange_view, record.exchanges)),
    )


def _view(kind: type[T], of: Struct, **changed: Any) -> T:
    """Return a view of a value: what is shown otherwise, all else as it has it."""
    same = {name: getattr(of, name) for name in kind.__struct_fields__ if name not in changed}
    return kind(**same, **changed)


def _body(body: bytes) -> Raw | str:
    """Return a body's very JSON, where it is some; decoded and encoded again it might be another."""
    try:
        body.decode()
        msgspec.json.decode(body)
    except (ValueError, RecursionError):  # UnicodeDecodeError and DecodeError are ValueErrors
        return body.decode("utf-8", "replace")
    return Raw(body)
