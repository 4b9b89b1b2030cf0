"""What every report says of an exchange, and how: in visible characters, bounded, without secrets."""

import re

from mockgpt.core.exchange import Exchange, Sent
from mockgpt.core.redaction import SECRET_SIZE, hidden
from mockgpt.core.requests import ChatRequest, Text
from mockgpt.core.verdict import Finding

# Control characters but tab and newline, surrogates, line separators, non-characters, and what
# hides or turns text around: marks of direction and the invisible ASCII of tags.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufffe\uffff\U000e0000-\U000e007f]"
)
_LINE = 10_000  # characters of which one line is made
_ENDINGS = {"complete": "complete", "client_left": "the client left", "aborted": "cut off"}


def visible(text: str) -> str:
    """Return a text with what cannot be seen or printed escaped as Python does; lines stay."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def clipped(text: str, most: int) -> str:
    """Return a text's beginning, visible. What is cut off is no half of a secret, which none knows."""
    whole = hidden(text[: most + SECRET_SIZE])
    if len(text) > most + SECRET_SIZE:
        whole = whole[:-SECRET_SIZE] + "…"
    return visible(whole if len(whole) <= most else whole[:most] + "…")


def one_line(text: str, most: int) -> str:
    """Return a text's beginning on one line."""
    return clipped(" ".join(text[:_LINE].split()), most)


def asked(exchange: Exchange) -> str:
    """Return what was asked last: the user's text, a prompt or an input; else the body."""
    request = exchange.request
    if request is None:
        return exchange.body[:_LINE].decode("utf-8", "replace")
    user = request.user if isinstance(request, ChatRequest) else None
    text: Text = request.texts[-1] if user is None else user
    return text if isinstance(text, str) else f"{len(text)} tokens"


def answerer(exchange: Exchange) -> str:
    """Return what answered: rule or step, file and line, call and attempt; or the error."""
    if not exchange.chosen:
        return f"error {exchange.error}" if exchange.error else "the service"
    told = [exchange.chosen, exchange.rule, exchange.place and f"({exchange.place})"]
    told.append(f"{exchange.call}.{exchange.attempt}")
    return " ".join(filter(None, told))


def sending(sent: Sent | None) -> str:
    """Return what was sent: status, writes, bytes, time and ending."""
    if sent is None:
        return "nothing sent: the connection was gone"
    return (
        f"{sent.status}, {counted(sent.chunks, 'write')}, {counted(sent.bytes, 'byte')}, {sent.seconds * 1000:,.0f} ms, "
        f"{_ENDINGS[sent.ending]}"
    )


def counted(count: int, name: str) -> str:
    """Return how many there are of what has a name."""
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def heading(finding: Finding) -> str:
    """Return a finding in a line but for its message: how severe, what, and what shows it."""
    numbers = ", ".join(f"#{exchange.number}" for exchange in finding.exchanges[:10])
    more = ", …" if len(finding.exchanges) > 10 else ""  # noqa: PLR2004 - as many as are told
    return f"{finding.severity} {finding.code}" + (f" ({numbers}{more})" if numbers else "")
