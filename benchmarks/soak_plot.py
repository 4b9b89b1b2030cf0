"""The soak's samples as an SVG: four panels over time, without a plotting library."""

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, LEFT, GAP = 800, 130, 70, 45
PANELS = (
    ("memory, MiB", ("memory",)),
    ("descriptors", ("descriptors",)),
    ("threads", ("threads",)),
    ("latency of plain requests, ms: median and 99th hundredth", ("p50", "p99")),
)
COLOURS = ("#1f6feb", "#d1572c")


def plot(samples: Sequence[dict[str, float]]) -> str:
    """Draw memory, descriptors, threads and latency."""
    end = samples[-1]["at"]
    height = len(PANELS) * (HEIGHT + GAP) + 20
    size = f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    for row, (title, names) in enumerate(PANELS):
        top = row * (HEIGHT + GAP) + 25
        most = max((one.get(name, 0) for one in samples for name in names), default=0) * 1.1 or 1
        parts.append(f'<text x="{LEFT}" y="{top - 8}">{escape(title)}</text>')
        for share in (0, 0.5, 1):
            y = top + HEIGHT * (1 - share)
            parts.append(
                f'<path d="M{LEFT} {y}H{WIDTH - 10}" stroke="#ddd"/>'
                f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{most * share:.4g}</text>'
            )
        for name, colour in zip(names, COLOURS, strict=False):
            points = " ".join(
                f"{LEFT + one['at'] / end * (WIDTH - 10 - LEFT):.1f},"
                f"{top + HEIGHT * (1 - one[name] / most):.1f}"
                for one in samples
                if name in one
            )
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        if row == len(PANELS) - 1:
            parts.append(
                f'<text x="{WIDTH - 10}" y="{top + HEIGHT + 16}" text-anchor="end">'
                f"{end / 60:.3g} minutes</text>"
            )
    return "\n".join([*parts, "</svg>"]) + "\n"
