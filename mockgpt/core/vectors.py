"""Fake embedding vectors with geometry: texts that share words point the same way.

Features (words, letter trigrams, character and token n-grams) are hashed onto signed places of the vector, as in
feature hashing, over a faint dense background. No model, no state, no clock: the same value gives the same bytes
on every platform, Python and hash seed, because only hashlib, zlib, + - * / and correctly rounded sums decide.
"""

from __future__ import annotations

import re
import sys
from array import array
from base64 import b64encode
from collections import Counter
from functools import lru_cache
from hashlib import blake2b, shake_128
from itertools import pairwise
from math import fsum, sqrt
from operator import itemgetter, mul
from struct import Struct
from typing import TYPE_CHECKING
from unicodedata import normalize
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Amplitudes; their squares are shares of the squared length. They were fitted to the pairs in
# tests/core/data/vector_pairs.json.
# The direction that all vectors share, as those of the real models do, by the words of content in the text (the last:
# six and more). Unrelated texts come out near its square, and a changed word costs its part of what is left: so it
# helps near-duplicates, which are long, as much as it harms unrelated texts, of which the short ones meet by accident.
_COMMON = tuple(sqrt(share) for share in (0.08, 0.085, 0.09, 0.1, 0.12, 0.16, 0.19))
# Dense noise of one of a few kinds, picked by the value: untouched places then differ between vectors.
_OWN, _VARIANTS = sqrt(0.01), 16
_FUNCTION_WORD = 0.28  # beside 1 for a word with content
_WORD, _SPELLING = sqrt(0.7), sqrt(0.3)  # a word as a whole, and its letter trigrams together
_WORD_PAIR = sqrt(0.02)  # just enough that "dog bites man" is not "man bites dog"
_CHARACTER, _CHARACTER_PAIR = sqrt(0.27), sqrt(0.22)
_CHARACTER_TRIPLE = sqrt(0.01)  # 0.5 in all: two characters are about a word
_FUNCTION_CHARACTER = sqrt(0.3)
_TOKEN, _TOKEN_PAIR = sqrt(0.8), sqrt(0.2)
_COMMON_TOKEN = 0.55
_COMMON_TOKENS = 500  # BPE vocabularies number bytes and the commonest pieces (" the", " of") first

_FUNCTION_WORDS = frozenset(
    """a about after all also am an and any are as at be because been before being but by can could did do does for
    from had has have he her here him his how i if im in into is it its just may me more most must my no nor not of off
    on one only or our out over own shall she should so some such than that thats the their them then there these they
    this those through to too under until up us very was we were what when where which while who whom whose why will
    with would you your yours dont au con das de del der des die du e ein eine el en es est et il ist la las le les los
    mit ne o par para pas por pour que se sur un una und une von y zu""".split()  # noqa: SIM905 - a list of literals would be a page long
)
# Han characters, Hangul syllables; hiragana is added whole, for what it spells is mostly grammar.
_FUNCTION_CHARACTERS = frozenset(
    "的了是在我有和就不人都一个上也很到说要去你会着没看好自己这他她它们那里为与及或而之其于以吧吗呢啊呀把被让给从向对但还又再更最可能得地时来下中大么什"
    "은는이가을를의에로도와과다고하지서니며면게나한습합입요그저것들수있었ー"
    + "".join(map(chr, range(0x3041, 0x30A0)))
)

# Scripts whose characters, not words, are counted. Hangul is one of them although it has spaces: its particles are
# glued to words, and writers space it freely.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3105-\u318e\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
# Written out, because \w and str.isalnum follow the Unicode version of the interpreter.
_BETWEEN_WORDS = (
    "\0-/:-@\\[-`{-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7\u1680\u180e\u2000-\u206f\u20a0-\u20cf\u2190-\u2bff"
    "\u2e00-\u2e7f\u2ff0-\u3004\u3008-\u3040\u30a0\u30fb\ufe00-\ufe6f\ufeff-\uffff\U0001f000-\U0001faff\U000e0000-\U0010ffff"
)
# Compiled by `re` when they are first needed, and kept there: that takes milliseconds.
_WORDS = f"[^{_UNSPACED}{_BETWEEN_WORDS}]+"
_UNSPACED_RUNS = f"[{_UNSPACED}]+"
# Blocks to which Unicode has added nothing since version 14 (Python 3.11): Latin, Greek, Cyrillic, Armenian, jamo,
# kana, Hangul, full-width forms. There NFKC and case folding are fixed by Unicode's stability policies; elsewhere a
# character assigned later would be folded by one Python and not by another.
_SETTLED = "[\0-\u058f\u1100-\u11ff\u1e00-\u1fff\u3041-\u30ff\uac00-\ud7a3\uff00-\uffef]+"
_two_numbers = Struct("<2H").unpack
_SHORT = 32  # letters; longer words are not kept
_PARALLEL = 1e-9  # squared: below it lie only roundings of float32


class Vector(array):  # type: ignore[type-arg] # whoever reckons with one wants an array
    """An array that is a background, named by what makes it, but for some places: most of its numbers are known."""

    __slots__ = ("background", "places", "written")
    background: tuple[int, float, int]
    places: tuple[int, ...]
    written: dict[bool, bytes]  # in base64 or as floats, where it was asked for so


def embed(value: str | tuple[int, ...], dimensions: int = 1536) -> array[float]:
    """Return the vector of a text or of token ids.

    The result has typecode "f", length `dimensions` (1 to 65,536) and unit length within 1e-6. A text and the ids of
    its tokens are different values and get unrelated vectors. UnicodeEncodeError if the text has a lone surrogate.
    """
    weights = _text_weights(value) if isinstance(value, str) else _token_weights(value)
    features: dict[int, float] = {}
    places = map(_placing(dimensions), weights)
    for (up, down), weight in zip(places, weights.values(), strict=True):
        features[up] = features.get(up, 0.0) + weight
        features[down] = features.get(down, 0.0) - weight
    numbers = features.values()
    square = fsum(map(mul, numbers, numbers))  # near the number of words with content
    common = _COMMON[min(int(square), len(_COMMON) - 1)]
    variant = crc32(" ".join(weights).encode()) % _VARIANTS
    plain, left = background(dimensions, common, variant)
    if not square:  # all places met their opposites: certain in one dimension, unheard of in 1536
        return array("f", [x / sqrt(1 - left) for x in plain])
    vector = Vector("f", plain)
    vector.background, vector.places = (dimensions, common, variant), tuple(features)
    vector.written = {}
    # The positive root of |background + scale * features| = 1: only the touched places are computed.
    touched = itemgetter(*features)(plain)  # two or more: one alone would have met its opposite
    cross = fsum(map(mul, touched, numbers))
    scale = (sqrt(cross * cross + square * left) - cross) / square
    for place, before, number in zip(features, touched, numbers, strict=True):
        vector[place] = before + scale * number
    return vector


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


def _text_weights(text: str) -> dict[str, float]:
    folded = text.lower() if text.isascii() else re.sub(_SETTLED, _fold, text)
    words = re.findall(_WORDS, folded.replace("'", "").replace("\u2019", ""))
    weights = _word_weights(words) if words else {}
    if not folded.isascii() and (characters := "".join(re.findall(_UNSPACED_RUNS, folded))):
        weights |= _character_weights(characters)
    return weights or {folded: 1.0}  # "!!!", emoji, spaces and "" are words of their own


def _fold(match: re.Match[str]) -> str:
    return normalize("NFKC", match[0]).casefold()


# Each function below counts a feature's repetitions by their fourth root (its share by their square root), so that
# what is said twice does not drown the rest. Dicts, never sets: the order of additions must not follow the hash seed.


def _word_weights(words: list[str]) -> dict[str, float]:
    weights: dict[str, float] = {}
    strengths: dict[str, float] = {}
    counts: dict[str, int] = dict.fromkeys(words, 1)
    if len(counts) < len(words):
        counts = Counter(words)
    for word, count in counts.items():
        spelling = _spelling if len(word) <= _SHORT else _spelling.__wrapped__
        strengths[word], own, letters, each = spelling(word, count)
        if weights.keys().isdisjoint(own):
            weights.update(own)
            continue
        # One by one: another order of additions would be another sum.
        weights[f"<{word}>"] = own[f"<{word}>"]
        for three in letters:
            weights[three] = weights.get(three, 0.0) + each
    for first, second in pairwise(words):
        weights[f"{first} {second}"] = _WORD_PAIR * strengths[first] * strengths[second]
    return weights


@lru_cache(maxsize=2048)
def _spelling(word: str, count: int) -> tuple[float, dict[str, float], tuple[str, ...], float]:
    """Return a word's strength, its features where it is alone, its trigrams and the weight of each of them."""
    # One letter, or two outside ASCII (Russian "на"), is grammar in any language.
    light = word in _FUNCTION_WORDS or len(word) < (2 if word.isascii() else 3)
    marked = f"<{word}>"  # the word "<ing>" is not the letters "ing"
    if light:  # however often
        return _FUNCTION_WORD, {marked: _FUNCTION_WORD}, (), 0.0
    weight = sqrt(sqrt(count))
    own = {marked: _WORD * weight}
    each = _SPELLING * weight / sqrt(len(word))
    letters = tuple([marked[i : i + 3] for i in range(len(word))])
    for three in letters:
        own[three] = own.get(three, 0.0) + each
    return 1.0, own, letters, each


def _character_weights(characters: str) -> dict[str, float]:
    counts = Counter(characters)
    strengths = {c: _FUNCTION_CHARACTER if c in _FUNCTION_CHARACTERS else 1.0 for c in counts}
    weights = {c: _CHARACTER * strengths[c] * sqrt(sqrt(counts[c])) for c in counts}
    for a, b in pairwise(characters):
        weights[a + b] = _CHARACTER_PAIR * sqrt(strengths[a] * strengths[b])
    for a, b, c in zip(characters, characters[1:], characters[2:], strict=False):
        weights[a + b + c] = _CHARACTER_TRIPLE * sqrt(strengths[a] * strengths[c])
    return weights


def _token_weights(tokens: tuple[int, ...]) -> dict[str, float]:
    weights = {
        f"#{token}": _TOKEN * (_COMMON_TOKEN if token < _COMMON_TOKENS else 1.0) * sqrt(sqrt(count))
        for token, count in Counter(tokens).items()
    }
    weights |= {f"#{a} {b}": _TOKEN_PAIR for a, b in pairwise(tokens)}
    return weights or {"#": 1.0}


@lru_cache(maxsize=2)
def _placing(dimensions: int) -> Callable[[str], tuple[int, int]]:
    """Return what hashes features to two places."""
    halves, start = _halves(dimensions), blake2b(digest_size=4)

    @lru_cache(maxsize=16384)  # words and trigrams come back: half of the time of a short text
    def places(feature: str) -> tuple[int, int]:
        # One place up and one down where the common direction has one sign: a feature is square to it, and two
        # features that meet by accident are as likely to agree as to differ.
        digest = start.copy()  # in half the time that a new one takes
        digest.update(feature.encode())
        up, down = _two_numbers(digest.digest())
        half = halves[up & 1]
        size = len(half)
        return half[up * size >> 16], half[down * size >> 16]

    return places


@lru_cache(maxsize=8)
def _halves(dimensions: int) -> tuple[list[int], list[int]]:
    # A fixed shuffle, cut in two; the odd one out, if any, is in both.
    keys = shake_128(b"mockgpt halves").digest(4 * dimensions)
    order = sorted(range(dimensions), key=lambda place: keys[4 * place : 4 * place + 4])
    return order[: (dimensions + 1) // 2], order[dimensions // 2 :]


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
    for place in _halves(dimensions)[0]:
        vector[place] += 2 * step
    return vector, 1 - fsum(map(mul, vector, vector))
