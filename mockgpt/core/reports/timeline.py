"""A stream over time, drawn: every write a mark, every long wait a bar, the ending in its colour."""

from itertools import pairwise

from mockgpt.core.exchange import Sent

_WIDTH = 1_000  # of the drawing, in its own units; writes closer than one are one mark
_WAIT = 0.05  # the share of the whole from which a wait is drawn as one


def timeline(sent: Sent) -> str:
    """Return the drawing; the words below it say the same."""
    moments = _moments(sent)
    whole = max(sent.seconds, *moments, 1e-9)
    marks = [round(moment / whole * _WIDTH) for moment in moments]
    waits = [
        f'<rect x="{before}" y="7" width="{after - before}" height="6"/>'
        for before, after in pairwise(marks)
        if after - before >= _WAIT * _WIDTH
    ]
    writes = "".join(f"M{mark} 3v14" for mark in dict.fromkeys(marks[1 : len(sent.writes) + 1]))
    return (
        f'<svg viewBox="-5 0 {_WIDTH + 10} 20" preserveAspectRatio="none" aria-hidden="true">'
        f'{"".join(waits)}<path d="{writes}"/>'
        f'<path class="{sent.ending}" d="M{_WIDTH} 0v20"/></svg>'
    )


def told(sent: Sent) -> str:
    """Return the drawing in words."""
    longest = max(after - before for before, after in pairwise(_moments(sent)))
    words = f"first write after {_time(sent.writes[0].seconds)}, longest silence {_time(longest)}"
    if len(sent.writes) < sent.chunks:
        words += f"; the first {len(sent.writes):,} of {sent.chunks:,} writes are drawn"
    return words


def _moments(sent: Sent) -> list[float]:
    """Return the start, every write and, where no write is missing before it, the end."""
    end = [sent.seconds] * (len(sent.writes) == sent.chunks)
    return [0.0, *(write.seconds for write in sent.writes), *end]


def _time(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"
