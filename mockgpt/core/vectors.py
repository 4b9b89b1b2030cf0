"""Fake embedding vectors with geometry: texts that share words point the same way.

Features of the text lie over a background that many vectors share. Its numbers come from hashlib, zlib, + - * / and
correctly rounded sums alone: the same value gives the same bytes on every platform, Python and hash seed.
"""

from __future__ import annotations

import sys
from array import array
from base64 import b64encode
from functools import lru_cache
from hashlib import shake_128
from math import fsum, sqrt
from operator import mul
from typing import TYPE_CHECKING
from zlib import crc32

from msgspec import Struct, field

from mockgpt.core.features import halves, hashed

if TYPE_CHECKING:
    from collections.abc import Sequence

# Amplitudes; their squares are shares of the squared length. They were fitted to the pairs in
# tests/core/data/vector_pairs.json.
# The direction that all vectors share, as those of the real models do, by the words of content in the text (by halves
# of a word; the last: three and more). Unrelated texts come out near its square, and a changed word costs its part of
# what is left: so it helps near-duplicates, which are long, as much as it harms unrelated texts, of which the short
# ones meet by accident.
_COMMON = tuple(sqrt(share) for share in (0.08, 0.085, 0.09, 0.1, 0.12, 0.16, 0.19))
# Dense noise of one of a few kinds, picked by the value: untouched places then differ between vectors.
_OWN, _VARIANTS = sqrt(0.01), 16
_PARALLEL = 1e-9  # squared: below it lie only roundings of float32

Background = tuple[int, float, int]  # dimensions, the common direction's amplitude, the noise


class Vector(Struct, eq=False):
    """The vector of a text: a background that others have too, and its own numbers at some places, ascending."""

    background: Background
    places: Sequence[int]
    own: array[float]
    written: dict[bool, bytes] = field(default_factory=dict)  # by base64; empty: asked for once

    def numbers(self) -> array[float]:
        """Return all of it, as float32."""
        numbers = background(*self.background)[0][:]
        for place, number in zip(self.places, self.own, strict=True):
            numbers[place] = number
        return numbers


def embed(value: str | tuple[int, ...], dimensions: int = 1536) -> Vector:
    """Return the vector of a text or of token ids.

    It has `dimensions` numbers (1 to 65,536) and unit length within 1e-6. A text and the ids of its tokens are
    different values and get unrelated vectors. UnicodeEncodeError if the text has a lone surrogate.
    """
    touched, name = hashed(value, dimensions)
    places = sorted(touched)
    numbers = [touched[place] for place in places]
    square = fsum(map(mul, numbers, numbers))
    common = _COMMON[min(int(2 * square), len(_COMMON) - 1)]
    key = (dimensions, common, crc32(name.encode()) % _VARIANTS)
    plain, left = background(*key)
    if not square:  # all features met their opposites, as in one or two dimensions some do
        return Vector(key, range(dimensions), array("f", [x / sqrt(1 - left) for x in plain]))
    # The positive root of |background + scale * features| = 1: only the touched places are computed.
    before = [plain[place] for place in places]
    cross = fsum(map(mul, before, numbers))
    scale = (sqrt(cross * cross + square * left) - cross) / square
    own = [known + scale * number for known, number in zip(before, numbers, strict=True)]
    return Vector(key, places, array("f", own))


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the cosine of the angle between two vectors, neither of them zero: exactly 1.0 for a vector and itself.

    Correctly rounded sums of exact products (float32 in double), so alike everywhere. ValueError if lengths differ.
    """
    dot = fsum(x * y for x, y in zip(a, b, strict=True))
    return dot / sqrt(fsum(x * x for x in a) * fsum(y * y for y in b))


def with_ends(
    vector: Sequence[float], first: Sequence[float], last: Sequence[float]
) -> list[float]:
    """Return a vector of unit length with numbers given at its ends, as they stand."""
    middle = vector[len(first) : len(vector) - len(last)]
    given = sum(number * number for number in (*first, *last))
    own = sum(number * number for number in middle)
    scale = sqrt(max(0.0, 1 - given) / own) if own else 0.0
    return [*first, *array("f", [number * scale for number in middle]), *last]


def at_cosine(own: Sequence[float], other: Sequence[float], wanted: float) -> array[float]:
    """Return a vector, as long as another, at a cosine to it; the rest of it is its own.

    Where its own has nothing to add, a direction that the other one hardly has stands in. Both have
    two dimensions or more. At 1 the result is the other vector.
    """
    square = fsum(x * x for x in other)
    across = _across(own, other, square)
    if fsum(x * x for x in across) < _PARALLEL:
        place = min(range(len(other)), key=lambda place: abs(other[place]))
        axis = [0.0] * len(other)
        axis[place] = 1.0
        across = _across(axis, other, square)
    scale = sqrt((1 - wanted * wanted) * square / fsum(x * x for x in across))
    return array("f", [wanted * x + scale * y for x, y in zip(other, across, strict=True)])


def _across(vector: Sequence[float], other: Sequence[float], square: float) -> list[float]:
    """Return what a vector has beside the direction of another."""
    share = fsum(map(mul, vector, other)) / square
    return [x - share * y for x, y in zip(vector, other, strict=True)]


def as_base64(vector: Sequence[float]) -> str:
    """Return standard base64 of the little-endian float32 numbers, as `encoding_format: "base64"` asks for."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return b64encode(numbers.tobytes()).decode("ascii")


@lru_cache(maxsize=2 * len(_COMMON) * _VARIANTS)
def background(dimensions: int, common: float, variant: int) -> tuple[array[float], float]:
    """Return what is the same in many vectors, and the squared length that it leaves for features.

    Half of the places are up, half down, plus noise.
    """
    noise = shake_128(b"mockgpt noise %d" % variant).digest(dimensions)
    own = _OWN / sqrt(dimensions * 5461.25)  # (256**2 - 1) / 12: the variance of a byte
    step = common / sqrt(dimensions)
    numbers = [own * (byte - 127.5) - step for byte in range(256)]
    vector = array("f", map(numbers.__getitem__, noise))
    for place in halves(dimensions)[0]:
        vector[place] += 2 * step
    return vector, 1 - fsum(map(mul, vector, vector))
