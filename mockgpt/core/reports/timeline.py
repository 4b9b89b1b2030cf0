"""A stream over time, drawn: every write a mark, every long wait a bar, the ending in its colour."""

from itertools import pairwise

from mockgpt.core.exchange import Sent

_WIDTH = 1_000  # of the drawing, in its own units; writes closer than one are one mark
_WAIT = 0.05  # the share of the whole from which a wait is drawn as one


def timeline(sent: Sent) -> str:
    """Return the drawing; the words below it say the same."""
    whole = max(sent.seconds, *(write.seconds for write in sent.writes), 1e-9)
    marks = [round(write.seconds / whole * _WIDTH) for write in sent.writes]
    waits = [
        f'<rect x="{before}" y="7" width="{after - before}" height="6"/>'
        for before, after in pairwise([0, *marks, _WIDTH])
        if after - before >= _WAIT * _WIDTH
    ]
    writes = "".join(f"M{mark} 3v14" for mark in dict.fromkeys(marks))
    return (
        f'<svg viewBox="-5 0 {_WIDTH + 10} 20" preserveAspectRatio="none" aria-hidden="true">'
        f'{"".join(waits)}<path d="{writes}"/>'
        f'<path class="{sent.ending}" d="M{_WIDTH} 0v20"/></svg>'
    )


def told(sent: Sent) -> str:
    """Return the drawing in words."""
    first = sent.writes[0].seconds
    gaps = (after.seconds - before.seconds for before, after in pairwise(sent.writes))
    words = f"first write after {_time(first)}, longest wait between writes {_time(max(gaps, default=0))}"
    if len(sent.writes) < sent.chunks:
        words += f"; the first {len(sent.writes):,} of {sent.chunks:,} writes are drawn"
    return words


def _time(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"
