"""What vectors are made of: a text's words, letters and characters, hashed onto signed places of a vector.

That is feature hashing. What a text may consist of (a word, a character, a token) has two places, all else one. No
model, no state, no clock: the same value has the same places on every platform, Python and hash seed.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from hashlib import blake2b, shake_128
from itertools import pairwise
from math import sqrt
from struct import Struct
from typing import TYPE_CHECKING
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Places = dict[int, float]  # amplitudes, by place in the vector

# Amplitudes; their squares are shares of the squared length. They were fitted to the pairs in
# tests/core/data/vector_pairs.json.
_FUNCTION_WORD = 0.28  # beside 1 for a word with content
_WORD, _SPELLING = sqrt(0.7), sqrt(0.3)  # a word as a whole, and its letter trigrams together
_WORD_PAIR = sqrt(0.02)  # just enough that "dog bites man" is not "man bites dog"
_CHARACTER, _CHARACTER_PAIR = sqrt(0.27), sqrt(0.22)
_CHARACTER_TRIPLE = sqrt(0.01)  # 0.5 in all: two characters are about a word
_FUNCTION_CHARACTER = sqrt(0.3)
_TOKEN, _TOKEN_PAIR = sqrt(0.8), sqrt(0.2)
_COMMON_TOKEN = 0.55
_COMMON_TOKENS = 500  # BPE vocabularies number bytes and the commonest pieces (" the", " of") first
_OF_TWO = sqrt(0.5)  # of an amplitude, at each of two places

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


def hashed(value: str | tuple[int, ...], dimensions: int) -> tuple[Places, str]:
    """Return where a text or token ids touch a vector, and what was read of them.

    Squared, the amplitudes sum up to about the number of words with content.
    UnicodeEncodeError if the text has a lone surrogate.
    """
    places: Places = {}
    if not isinstance(value, str):
        named = _hash_tokens(value, places, dimensions)
        return places, named
    folded = value.lower() if value.isascii() else re.sub(_SETTLED, _fold, value)
    words = re.findall(_WORDS, folded.replace("'", "").replace("\u2019", ""))
    characters = "" if folded.isascii() else "".join(re.findall(_UNSPACED_RUNS, folded))
    if words:
        _hash_words(words, places, dimensions)
    if characters:
        _hash_characters(characters, places, dimensions)
    if not places:  # "!!!", emoji, spaces and "" are words of their own
        _twice([(folded, 1.0)], places, dimensions)
        return places, folded
    return places, " ".join((*words, characters))


def _fold(match: re.Match[str]) -> str:
    return normalize("NFKC", match[0]).casefold()


# Each function below counts a feature's repetitions by their fourth root (its share by their square root), so that
# what is said twice does not drown the rest. Dicts, never sets: the order of additions must not follow the hash seed.


def _hash_words(words: list[str], places: Places, dimensions: int) -> None:
    strengths: dict[str, float] = {}
    counts: dict[str, int] = dict.fromkeys(words, 1)
    if len(counts) < len(words):
        counts = Counter(words)
    for word, count in counts.items():
        hashed_word = _word if len(word) <= _SHORT else _word.__wrapped__
        strengths[word], own = hashed_word(word, count, dimensions)
        for place, amplitude in own.items():
            places[place] = places.get(place, 0.0) + amplitude
    pairs = {
        f"{first} {second}": _WORD_PAIR * strengths[first] * strengths[second]
        for first, second in pairwise(words)
    }
    _once(pairs.items(), places, dimensions)


@lru_cache(maxsize=4096)  # texts are new, their words hardly ever
def _word(word: str, count: int, dimensions: int) -> tuple[float, Places]:
    """Return a word's strength beside other words, and where it and its letters are."""
    places: Places = {}
    marked = f"<{word}>"  # the word "<ing>" is not the letters "ing"
    # One letter, or two outside ASCII (Russian "на"), is grammar in any language.
    if word in _FUNCTION_WORDS or len(word) < (2 if word.isascii() else 3):
        _twice([(marked, _FUNCTION_WORD)], places, dimensions)  # however often
        return _FUNCTION_WORD, places
    weight = sqrt(sqrt(count))
    _twice([(marked, _WORD * weight)], places, dimensions)
    each = _SPELLING * weight / sqrt(len(word))
    _once([(marked[i : i + 3], each) for i in range(len(word))], places, dimensions)
    return 1.0, places


def _hash_characters(characters: str, places: Places, dimensions: int) -> None:
    counts = Counter(characters)
    strengths = {c: _FUNCTION_CHARACTER if c in _FUNCTION_CHARACTERS else 1.0 for c in counts}
    alone = {c: _CHARACTER * strengths[c] * sqrt(sqrt(counts[c])) for c in counts}
    _twice(alone.items(), places, dimensions)
    together = {
        a + b: _CHARACTER_PAIR * sqrt(strengths[a] * strengths[b]) for a, b in pairwise(characters)
    }
    for a, b, c in zip(characters, characters[1:], characters[2:], strict=False):
        together[a + b + c] = _CHARACTER_TRIPLE * sqrt(strengths[a] * strengths[c])
    _once(together.items(), places, dimensions)


def _hash_tokens(tokens: tuple[int, ...], places: Places, dimensions: int) -> str:
    alone = {
        f"#{token}": _TOKEN * (_COMMON_TOKEN if token < _COMMON_TOKENS else 1.0) * sqrt(sqrt(count))
        for token, count in Counter(tokens).items()
    }
    _twice(alone.items() or [("#", 1.0)], places, dimensions)
    pairs = dict.fromkeys(f"#{a} {b}" for a, b in pairwise(tokens))
    _once([(pair, _TOKEN_PAIR) for pair in pairs], places, dimensions)
    return " ".join(alone) or "#"


def _twice(features: Iterable[tuple[str, float]], places: Places, dimensions: int) -> None:
    """Add features at two places each, up at one and down at the other: hardly two meet at both."""
    placed = _placing(dimensions)
    for feature, weight in features:
        up, down, _ = placed(feature)
        amplitude = _OF_TWO * weight
        places[up] = places.get(up, 0.0) + amplitude
        places[down] = places.get(down, 0.0) - amplitude


def _once(features: Iterable[tuple[str, float]], places: Places, dimensions: int) -> None:
    """Add features at one place each, up or down."""
    placed = _placing(dimensions)
    for feature, weight in features:
        up, down, goes_down = placed(feature)
        if goes_down:
            places[down] = places.get(down, 0.0) - weight
        else:
            places[up] = places.get(up, 0.0) + weight


@lru_cache(maxsize=2)
def _placing(dimensions: int) -> Callable[[str], tuple[int, int, int]]:
    """Return what hashes features to two places; a feature that has one goes up or down."""
    both, start = halves(dimensions), blake2b(digest_size=4)

    @lru_cache(maxsize=16384)  # pairs and trigrams come back: half of the time of a short text
    def places(feature: str) -> tuple[int, int, int]:
        # Both where the common direction has one sign: a feature that has both is square to it, and two features
        # that meet by accident are as likely to agree as to differ. The last bit tells of no place.
        digest = start.copy()  # in half the time that a new one takes
        digest.update(feature.encode())
        up, down = _two_numbers(digest.digest())
        half = both[up & 1]
        size = len(half)
        return half[up * size >> 16], half[down * size >> 16], down & 1

    return places


@lru_cache(maxsize=8)
def halves(dimensions: int) -> tuple[list[int], list[int]]:
    """Return all places in a fixed order, cut in two; the odd one out, if any, is in both."""
    keys = shake_128(b"mockgpt halves").digest(4 * dimensions)
    order = sorted(range(dimensions), key=lambda place: keys[4 * place : 4 * place + 4])
    return order[: (dimensions + 1) // 2], order[dimensions // 2 :]
