"""Bars as SVG, written by hand: a group for each case, a bar for each subject, longer is dearer."""

from html import escape

from measure import Result

_WIDTH, _LEFT, _BAR, _GAP = 860, 330, 16, 34
_COLOURS = {"mockgpt": "#0a7d5a", "ceiling": "#8a94a6", "other": "#d08c3c"}
_CEILINGS = ("aiohttp", "asyncio", "no fixture")
# The first of these that a result has is drawn: its scale and its name.
_DRAWN = {
    "cpu_per_event": (1e6, "µs of CPU an event"),
    "cpu_per_vector": (1e6, "µs of CPU a vector"),
    "gap_p99": (1e3, "ms of gap error, p99"),
    "cpu": (1e6, "µs of CPU a request"),
    "seconds": (1e3, "ms"),
}
_WALL = {"W5": "seconds", "W6": "seconds"}


def bars(workload: str, results: list[Result]) -> str:
    """Return a plot of a workload; each case has a scale of its own, with its ends written out."""
    metric = _WALL.get(workload) or next(m for m in _DRAWN if m in results[0].samples)
    scale, unit = _DRAWN[metric]
    parts = []
    top = 44
    for case in dict.fromkeys(result.case for result in results):
        parts.append(f'<text x="12" y="{top}" font-weight="bold">{escape(case)}</text>')
        top += 8
        of_case = [result for result in results if result.case == case and metric in result.samples]
        most = max((result.median(metric) for result in of_case), default=0.0) or 1.0
        for result in of_case:
            value = result.median(metric)
            length = max(1.0, (_WIDTH - _LEFT - 90) * value / most)
            parts.append(
                f'<text x="{_LEFT - 8}" y="{top + 12}" text-anchor="end">{escape(result.subject)}</text>'
                f'<rect x="{_LEFT}" y="{top}" width="{length:.1f}" height="{_BAR - 3}" '
                f'fill="{_colour(result.subject)}"/>'
                f'<text x="{_LEFT + length + 6:.1f}" y="{top + 12}">{value * scale:,.3g}</text>'
            )
            top += _BAR
        top += _GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="{_WIDTH}" height="{top}" fill="white"/>'
        f'<text x="12" y="20" font-size="15">{workload}: {unit}; shorter is better</text>'
    )
    return "\n".join([head, *parts, "</svg>\n"])


def _colour(subject: str) -> str:
    if subject.startswith(_CEILINGS):
        return _COLOURS["ceiling"]
    return _COLOURS["mockgpt" if subject in _OWN else "other"]


_OWN = {"mockgpt", "mockgpt, MockGPT", "fresh server", "session"}
