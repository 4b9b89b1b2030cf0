"""A record as text for a terminal: findings first, then a line for every exchange."""

from collections.abc import Iterator

from mockgpt.core.exchange import Exchange
from mockgpt.core.records import Record
from mockgpt.core.reports.wording import (
    answerer,
    asked,
    heading,
    hidden,
    one_line,
    sending,
    visible,
)
from mockgpt.core.verdict import Finding

_ASKED, _MESSAGE, _SHORT = 60, 2_000, 100  # characters of a prompt and of a finding's message


def transcript(record: Record, *, most: int = 40) -> str:
    """Return what happened in a session; of many findings the first, of many exchanges the last."""
    return hidden("\n".join(_lines(record, most)))


def _lines(record: Record, most: int) -> Iterator[str]:
    outcome = f" ({record.outcome})" if record.outcome else ""
    counts = f"{_count(record.exchanges, 'exchange')}, {_count(record.findings, 'finding')}"
    yield f"{one_line(record.name or record.session, 200)}{one_line(outcome, 100)}: {counts}"
    for finding in record.findings[:most]:
        yield f"  {heading(finding)}: {one_line(finding.message, _MESSAGE)}"
    if len(record.findings) > most:
        yield f"  … and {len(record.findings) - most:,} more"
    shown = record.exchanges[-most:] if most else ()
    earlier = record.dropped + len(record.exchanges) - len(shown)
    if earlier:
        yield f"  … {earlier:,} earlier exchanges are left out"
    for exchange in shown:
        yield _line(exchange, record.exchanges[0])
        for finding in record.findings:
            if any(exchange.number == one.number for one in finding.exchanges):
                what = f"{finding.severity} {finding.code}"
                yield f"       ! {what}: {one_line(finding.message, _SHORT)}"


def _line(exchange: Exchange, first: Exchange) -> str:
    after = exchange.elapsed - first.elapsed
    what = exchange.endpoint or f"{exchange.method} {exchange.path}".strip() or "no HTTP"
    text = one_line(asked(exchange), _ASKED)
    told = [f"  #{exchange.number} +{after:.3f}s {one_line(what, _ASKED)}"]
    if text:
        told.append(f'"{text}"')
    told.append(f"-> {visible(answerer(exchange))}")
    if exchange.faults:
        told.append(f"[{', '.join(exchange.faults)}]")
    return f"{' '.join(told)}: {sending(exchange.sent)}"


def _count(things: tuple[Exchange | Finding, ...], name: str) -> str:
    return f"{len(things):,} {name}{'' if len(things) == 1 else 's'}"
