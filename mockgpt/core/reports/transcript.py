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
    """Return what happened in a session: its first findings, what shows them, its last exchanges.

    Of each there are at most so many, and as many of those that are being answered.
    """
    return "\n".join(_lines(record, most))


def _lines(record: Record, most: int) -> Iterator[str]:
    name = f"{record.name or record.session} {record.outcome and f'({record.outcome})'}"
    told = [
        counted(len(record.exchanges), "request"),
        f"{len(record.underway)} still open" if record.underway else "",
        counted(len(record.findings), "finding"),
    ]
    yield f"{one_line(name, _NAME)}: {', '.join(filter(None, told))}"
    shows = defaultdict(list)
    for finding in record.findings:
        for exchange in finding.exchanges:
            shows[exchange.number].append(finding)
    for finding in record.findings[:most]:
        yield f"  {heading(finding)}: {one_line(finding.message, _MESSAGE)}"
    if len(record.findings) > most:
        yield f"  … and {counted(len(record.findings) - most, 'more finding')}"
    start = max(0, len(record.exchanges) - most)
    astray = [one for one in record.exchanges[:start] if one.number in shows][:most]
    if left_out := start - len(astray) + record.dropped:
        yield f"  … {counted(left_out, 'earlier request')} left out"
    first = (*record.exchanges, *record.underway)[:1]
    for exchange in (*astray, *record.exchanges[start:]):
        yield f"  #{exchange.number} {_line(exchange, first[0])}: {sending(exchange.sent)}"
        for finding in shows[exchange.number]:
            yield f"      {finding.severity} {finding.code}: {one_line(finding.message, _SHORT)}"
    for exchange in record.underway[:most]:
        yield f"  … {_line(exchange, first[0])}: still open"


def _line(exchange: Exchange, first: Exchange) -> str:
    exchange = exchange.shown
    what = exchange.endpoint or f"{exchange.method} {exchange.path}".strip() or "no HTTP"
    text = one_line(asked(exchange), _ASKED)
    told = [
        f"+{exchange.elapsed - first.elapsed:.3f}s {one_line(what, _ASKED)}",
        text and f'"{text}"',
        f"-> {one_line(answerer(exchange), _NAME)}",
        one_line(f"[{', '.join(exchange.faults)}]", _NAME) if exchange.faults else "",
    ]
    return " ".join(filter(None, told))
