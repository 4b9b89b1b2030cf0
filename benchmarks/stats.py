"""Medians and quantiles of few numbers, without a library."""

from collections.abc import Sequence
from statistics import median

__all__ = ["median", "quantile", "spread"]


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of the sorted values lies; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def spread(values: Sequence[float]) -> float:
    """Return how far rounds lie apart: the middle half of them, as a share of the median."""
    middle = median(values)
    if not middle:
        return 0.0
    return (quantile(values, 0.75) - quantile(values, 0.25)) / abs(middle)
