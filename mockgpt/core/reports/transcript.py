"""A record as text for a terminal: findings first, then a line for every exchange."""

from collections import defaultdict
from collections.abc import Iterator

from mockgpt.core.exchange import Exchange
from mockgpt.core.records import Record
from mockgpt.core.reports.wording import (
    answerer,
    asked,
    counted,
    heading,
    one_line,
    sending,
)

_ASKED, _NAME, _MESSAGE, _SHORT = 60, 200, 2_000, 100  # characters; the last: of a message again


def transcript(record: Record, *, most: int = 40) -> str:
    """Return what happened in a session: its first findings and its last exchanges, so many each."""
    return "\n".join(_lines(record, most))


def _lines(record: Record, most: int) -> Iterator[str]:
    name = f"{record.name or record.session} {record.outcome and f'({record.outcome})'}"
    requests = counted(len(record.exchanges), "request")
    yield f"{one_line(name, _NAME)}: {requests}, {counted(len(record.findings), 'finding')}"
    shows = defaultdict(list)
    for finding in record.findings:
        for exchange in finding.exchanges:
            shows[exchange.number].append(finding)
    for finding in record.findings[:most]:
        yield f"  {heading(finding)}: {one_line(finding.message, _MESSAGE)}"
    if len(record.findings) > most:
        yield f"  … and {counted(len(record.findings) - most, 'more finding')}"
    start = max(0, len(record.exchanges) - most)
    if start + record.dropped:
        yield f"  … {counted(start + record.dropped, 'earlier request')} left out"
    for exchange in record.exchanges[start:]:
        yield _line(exchange, record.exchanges[0])
        for finding in shows[exchange.number]:
            yield f"      {finding.severity} {finding.code}: {one_line(finding.message, _SHORT)}"


def _line(exchange: Exchange, first: Exchange) -> str:
    exchange = exchange.shown
    what = exchange.endpoint or f"{exchange.method} {exchange.path}".strip() or "no HTTP"
    text = one_line(asked(exchange), _ASKED)
    told = [
        f"  #{exchange.number} +{exchange.elapsed - first.elapsed:.3f}s {one_line(what, _ASKED)}",
        text and f'"{text}"',
        f"-> {one_line(answerer(exchange), _NAME)}",
        one_line(f"[{', '.join(exchange.faults)}]", _NAME) if exchange.faults else "",
    ]
    return f"{' '.join(filter(None, told))}: {sending(exchange.sent)}"
