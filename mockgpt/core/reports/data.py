"""Exchanges, findings and records as JSON shows them, as types. No key or token is among them.

The control API shows the same, and its description follows from these types.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from mockgpt import __version__
from mockgpt.core.codes import Severity
from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.exchange import Chosen, Exchange, Sent
from mockgpt.core.records import Record
from mockgpt.core.reports.wording import hidden
from mockgpt.core.verdict import Finding


class UsageView(Struct, frozen=True, kw_only=True):
    """The tokens of an answer; an embedding has no completion."""

    prompt_tokens: int
    completion_tokens: int | None
    total_tokens: int


class ExchangeView(Struct, frozen=True, kw_only=True):
    """One attempt as the journal has it."""

    session: str
    number: Annotated[int, Meta(description="Counts the session's exchanges from 1.")]
    connection: Annotated[int, Meta(description="Tells connections apart; 0: not known.")]
    at: Annotated[float, Meta(description="When, in seconds of the Unix epoch.")]
    elapsed: Annotated[float, Meta(description="When, in seconds of a clock that always runs.")]
    method: str
    path: str
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
    sent: Sent | None


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
    return hidden(json_bytes(report).decode()).encode()


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


def finding_view(finding: Finding) -> FindingView:
    """Show a finding."""
    return FindingView(
        code=finding.code,
        message=finding.message,
        severity=finding.severity,
        exchanges=tuple(exchange.number for exchange in finding.exchanges),
    )


def _record_view(record: Record) -> RecordView:
    shown = {"findings": finding_view, "exchanges": exchange_view}
    same = {
        name: getattr(record, name) for name in RecordView.__struct_fields__ if name not in shown
    }
    return RecordView(
        findings=tuple(map(finding_view, record.findings)),
        exchanges=tuple(map(exchange_view, record.exchanges)),
        **same,
    )


def _body(body: bytes) -> Raw | str:
    """Return a body's very JSON, where it is some; decoded and encoded again it might be another."""
    try:
        body.decode()
        msgspec.json.decode(body)
    except (ValueError, RecursionError):  # UnicodeDecodeError and DecodeError are ValueErrors
        return body.decode("utf-8", "replace")
    return Raw(body)
