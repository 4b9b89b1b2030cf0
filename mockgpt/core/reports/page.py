"""Records as one HTML page that needs nothing else: no network, no script.

What came from clients stands between tags only, never within them, and always escaped.
"""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

import msgspec

from mockgpt import __version__
from mockgpt.core.exchange import Exchange
from mockgpt.core.records import Record
from mockgpt.core.reports.style import POLICY, STYLE
from mockgpt.core.reports.timeline import timeline, told
from mockgpt.core.reports.wording import (
    answerer,
    asked,
    clipped,
    counted,
    one_line,
    sending,
)
from mockgpt.core.verdict import Finding

_ROOM = 12_000_000  # bytes of findings and exchanges; what comes when they are full is left out
_TEXTS = 5_000_000  # characters of bodies, which all have an equal share of
_LEAST, _MOST = 500, 200_000  # characters of one body
_DEEP = 100  # levels of JSON that are indented
_LISTED = 100  # headers, and links of a finding
_SHORT, _HEADER, _LONG = 200, 500, 2_000  # characters: of a name or prompt, a header, a message


class _Room:
    """What of a page is left for the parts that there may be too many of."""

    def __init__(self, size: int) -> None:
        self._left = size

    def fit(self, tag: str, parts: Iterable[str], what: str) -> Iterator[str]:
        """Yield an element of the parts that fit, and behind it how many do not."""
        out = 0
        yield f"<{tag}>\n"
        for part in parts:
            size = len(part.encode())
            if size <= self._left:
                self._left -= size
                yield part
            else:
                out += 1
        yield f"</{tag}>\n"
        if out:
            yield f"<p><strong>{counted(out, what)} left out to keep this page small.</strong></p>\n"


def report_html(records: Sequence[Record]) -> str:
    """Return a page of records: what was found, asked and sent, and when.

    It stays below about 20 MB, and says what it leaves out.
    """
    exchanges = sum(len(record.exchanges) for record in records)
    share = max(_LEAST, min(_MOST, _TEXTS // (2 * max(exchanges, 1))))
    return "".join(_page(records, exchanges, share))


def _page(records: Sequence[Record], exchanges: int, share: int) -> Iterator[str]:
    room = _Room(_ROOM)
    severities = [finding.severity for record in records for finding in record.findings]
    counts = {
        "tests": len(records),
        "requests": exchanges,
        "errors": severities.count("error"),
        "warnings": severities.count("warning"),
    }
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>mockgpt report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        '<h1>mockgpt report</h1>\n<dl class="counts">'
    )
    for what, count in counts.items():
        yield f"<div><dt>{what}</dt><dd>{count:,}</dd></div>"
    yield "</dl>\n<main>\n"
    for index, record in enumerate(records, 1):
        yield from _record(record, index, len(records), room, share=share)
    yield f'</main>\n<footer class="dim">mockgpt {__version__}</footer>\n</body>\n</html>\n'


def _record(record: Record, index: int, of: int, room: _Room, *, share: int) -> Iterator[str]:
    """Yield a test, folded up where it is one of several and did not fail."""
    yield (
        f'<details class="test"{" open" if record.failed or of == 1 else ""}><summary>'
        f"<h2>{_short(record.name or record.session)}</h2> "
        f'<span class="{"error" if record.failed else "good"}">'
        f"{counted(len(record.findings), 'finding')}</span>, "
        f"{counted(len(record.exchanges), 'request')}</summary>\n"
    )
    facts = {
        "outcome": record.outcome,
        "session": record.session,
        "scenario": record.scenario,
        "seed": str(record.seed),
    }
    known = ", ".join(f"{name} {_short(fact)}" for name, fact in facts.items() if fact)
    yield f'<p class="dim">{known}</p>\n'
    if record.dropped:
        yield f"<p>{counted(record.dropped, 'earlier request')} dropped to make room.</p>\n"
    if record.findings:
        found = (_finding(finding, index) for finding in record.findings)
        yield from room.fit("ul", found, "finding")
    shown = ("".join(_exchange(one, record.exchanges[0], index, share)) for one in record.exchanges)
    yield from room.fit("div", shown, "request")
    if record.unused:
        yield "<h3>Rules and steps that answered nothing</h3>\n"
        unused = (f"<li><code>{_short(name)}</code></li>\n" for name in record.unused)
        yield from room.fit("ul", unused, "name")
    yield "</details>\n"


def _finding(finding: Finding, index: int) -> str:
    links = " ".join(
        f'<a href="#t{index}e{exchange.number}">#{exchange.number}</a>'
        for exchange in finding.exchanges[:_LISTED]
    )
    return (
        f'<li><strong class="{finding.severity}">{finding.severity}</strong> '
        f"<code>{_text(finding.code)}</code>: {_text(finding.message)} {links}</li>\n"
    )


def _exchange(exchange: Exchange, first: Exchange, index: int, share: int) -> Iterator[str]:
    exchange = exchange.shown
    what = exchange.endpoint or f"{exchange.method} {exchange.path}"
    yield (
        f'<article id="t{index}e{exchange.number}">\n'
        f"<h3>#{exchange.number} {_short(what)}: <q>{_short(asked(exchange))}</q></h3>\n"
        f"<p>{_text(sending(exchange.sent))}, begun {exchange.elapsed - first.elapsed:.3f} s after "
        f"the first</p>\n<p>{_text(answerer(exchange))}: {_text(exchange.why)}</p>\n"
    )
    for name, names in (("faults", exchange.faults), ("ignored", exchange.ignored)):
        if names:
            yield f"<p>{name}: {_text(', '.join(names))}</p>\n"
    if exchange.message:
        yield f"<p>told: {_text(exchange.message)}</p>\n"
    sent = exchange.sent
    if sent is not None and sent.writes and (len(sent.writes) > 1 or sent.ending != "complete"):
        yield f"<figure>{timeline(sent)}<figcaption>{told(sent)}</figcaption></figure>\n"
    line = f"{exchange.method} {exchange.path}"
    yield from _message("request", line, exchange.headers.items(), exchange.body, share)
    if sent is not None:
        yield from _message("response", str(sent.status), sent.headers, sent.body, share)
        if len(sent.body) < sent.bytes:
            kept, of = len(sent.body), sent.bytes
            yield f"<p>The journal kept the first {kept:,} of {of:,} bytes of the response.</p>\n"
    if not exchange.bodies:
        yield "<p>The journal had no room left for the bodies.</p>\n"
    yield "</article>\n"


def _message(
    what: str, line: str, headers: Iterable[tuple[str, str]], body: bytes, share: int
) -> Iterator[str]:
    """Yield a request or a response, folded up."""
    lines = [line, *(f"{name}: {value}" for name, value in headers)]
    if len(lines) > _LISTED:
        lines[_LISTED:] = [f"… and {len(lines) - _LISTED} more"]
    text = _pretty(body)
    head = "\n".join(_text(line, _HEADER) for line in lines)
    yield f"<details><summary>{what}</summary>\n<pre>{head}</pre>\n"
    if text:
        yield f'<pre lang="">{_text(text, share)}</pre>\n'
    if len(text) > share:
        yield f"<p>The first {share:,} of {len(text):,} characters are shown.</p>\n"
    yield "</details>\n"


def _pretty(body: bytes) -> str:
    """Return a body indented where it is JSON, with its escaped characters as such."""
    try:
        if _depth(body) > _DEEP:  # whose indentation would be far more than itself
            return body.decode("utf-8", "replace")
        if b"\\u" in body:
            body = msgspec.json.encode(msgspec.json.decode(body))
        return msgspec.json.format(body, indent=2).decode()
    except (ValueError, RecursionError):  # UnicodeDecodeError and DecodeError are ValueErrors
        return body.decode("utf-8", "replace")


def _depth(body: bytes) -> int:
    """Return how deep brackets are nested, those in texts included."""
    steps = (1 if bracket in b"[{" else -1 for bracket in re.findall(rb"[\[\]{}]", body))
    return max(accumulate(steps), default=0)


def _short(text: str) -> str:
    return html.escape(one_line(text, _SHORT), quote=False)


def _text(text: str, most: int = _LONG) -> str:
    return html.escape(clipped(text, most), quote=False)
