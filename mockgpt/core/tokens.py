"""A deterministic stand-in for the cl100k_base tokenizer: text to pieces, one piece a token.

Text is cut by the tokenizer's own pattern; within a piece a path over a packed list of its most
used tokens, mended by fitted weights, takes the place of its 100,000 ranked merges.
"""

import base64
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cache, lru_cache
from itertools import chain, compress, product
from string import punctuation
from typing import Final
from zlib import crc32

from mockgpt.core import token_tables

__all__ = ["split"]

LONGEST_CACHED: Final = 64
"""Longer pieces (in characters) are computed anew, so that the cache is bounded in bytes too."""

LONGEST_WORD: Final = 48
"""Longer pieces (in bytes) are no words; joining is neither fitted to them nor worth its time."""

SHORT: Final = 12
"""In shorter pieces (in bytes) every length is tried, which takes no longer than to know which."""

LOOKS: Final = 8
"""How many weights speak about one boundary."""

NO_OPINION: Final = 16
"""The weight that speaks for neither; above it, for a boundary."""

DOUBT: Final = 1
"""How much must speak for a boundary: words that were not fitted show too many without it."""


def split(text: str) -> tuple[str, ...]:
    """Cut a text into tokens; joined again they are the text.

    A character that takes several tokens stands in the first of them, and each further one is `""`.
    The first n elements are therefore what a reply of at most n tokens contains.
    """
    pieces = _pattern(plain=text.isascii()).findall(text)
    # Few texts have a long piece: one look for it costs less than to ask for each.
    short = len(text) <= LONGEST_CACHED or max(map(len, pieces)) <= LONGEST_CACHED
    return tuple(chain.from_iterable(map(_cached if short else _tokens, pieces)))


def _tokens(piece: str) -> tuple[str, ...]:
    return _cached(piece) if len(piece) <= LONGEST_CACHED else _segmented(piece)


_LETTER = re.compile("[A-Za-z\xc2-\xd3\xd7-\xdb]")
"""A letter (its first byte) of an alphabet: Latin, Greek, Cyrillic, Hebrew or Arabic."""

_COMPLETE = re.compile("[\xd4-\xd6\xdc-\xff]")
"""A character (its first byte) of what has few tokens: all of them are in the list.

These are Armenian, and all that takes three or four bytes: other scripts, signs, emoji.
"""

_SEPARATOR = re.compile("\xe2\x80[\xa8\xa9]|\xc2[\x85\xa0]")
"""U+2028, U+2029, U+0085 and the no-break space, in bytes."""

_LISTED = re.compile("[!-/:-@[-`{-~]{2}|[A-Za-z]{2}|[\xc2-\xdf].")
"""Two signs or letters, a character of two bytes: of these the list has what is a token, but for 85
pairs of letters. The weights would be wrong about 293 of those, and about 173 pairs of signs.
"""

_CONTINUING = bytes(range(0x80, 0xC0))
"""Bytes of UTF-8 that go on with a character."""


@cache
def _pattern(*, plain: bool) -> re.Pattern[str]:
    r"""Build the pre-tokenizer's pattern, which tiktoken (`tiktoken_ext/openai_public.py`) gives as

        '(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+
        | ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s

    The standard `re` has no `\p{...}`, and its `\w`, `\d` and `\s` follow the interpreter's version
    of Unicode (and take U+001C..U+001F for white space, which the original does not): ranges that
    are written out are the same everywhere. For `plain` text, ASCII, short ones do, in a quarter of
    the time.
    """  # noqa: D400, D415 -- the sentence ends with the pattern
    if plain:
        letter, number, space = "A-Za-z", "0-9", "\\t-\\r "
    else:
        letter, number = _ranges(token_tables.LETTERS), _ranges(token_tables.NUMBERS)
        space = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
    return re.compile(
        # U+017F, the long s, is what case-insensitive matching adds to the letters themselves.
        "'(?:[sdmtSDMT\u017f]|[lL][lL]|[vV][eE]|[rR][eE])"
        f"|[^\\r\\n{letter}{number}]?+[{letter}]++"
        f"|[{number}]{{1,3}}+"
        f"| ?[^{space}{letter}{number}]++[\\r\\n]*+"
        f"|[{space}]++\\Z|[{space}]*[\\r\\n]|[{space}]+(?![^{space}])|[{space}]"
    )


@cache
def _known() -> frozenset[str]:
    """Unpack what is known of the vocabulary; each character of a token stands for a byte of UTF-8."""
    known = {*map(chr, range(256)), *_white_space()}
    known.update(str(number).zfill(digits) for digits in (2, 3) for number in range(10**digits))
    signs = _unpacked(token_tables.SIGNS)
    known.update(compress(map("".join, product(punctuation, repeat=2)), signs))
    known.update(_bytes(chr(code)) for code in _rising(token_tables.CHARACTERS))
    known.update(_front_coded(token_tables.OTHERS, 0xF8))
    stems, forms = [*_front_coded(token_tables.STEMS, 0x80)], _unpacked(token_tables.FORMS)
    spellings = (str, lambda stem: stem[0].upper() + stem[1:], str.upper)
    for form in range(6):
        chosen = forms.translate(bytes(mask >> form & 1 for mask in range(256)))
        words = map(spellings[form >> 1], compress(stems, chosen))
        known.update(map(" ".__add__, words) if form & 1 else words)
    return frozenset(known)


@cache
def _weights() -> bytes:
    """Unpack what speaks for and against a boundary between neighbours on the path; see `_joined`."""
    return _unpacked(token_tables.WEIGHTS)


@cache
def _lengths(known: frozenset[str]) -> dict[str, tuple[int, ...]]:
    """Give by three bytes, or two that are a token, how long those are that begin so, longest first."""
    masks: dict[str, int] = {}  # a bit a length: sets of them would take megabytes
    for token in known:
        if len(token) > 1:
            masks[token[:3]] = masks.get(token[:3], 0) | 1 << len(token)
    return {start: _falling(mask | (start[:2] in known) << 2) for start, mask in masks.items()}


@cache
def _falling(mask: int) -> tuple[int, ...]:
    return tuple(bit for bit in range(mask.bit_length(), 1, -1) if mask >> bit & 1)


def _white_space() -> Iterator[str]:
    """Give the runs of white space that are one token; these are regular enough to be a rule."""
    yield from (" " * width for width in (*range(2, 82), 83, 87, 91, 95, 128))
    yield from ("\t" * width for width in range(2, 21))
    yield from ("\n" * width for width in (*range(2, 13), 14, 16, 32))
    yield from (" " * width + "\n" for width in range(1, 33))
    yield from (" " * width + "\r\n" for width in range(13))
    yield from ("\t" * width + "\n" for width in range(1, 12))
    yield from ("\t" * tabs + " " * spaces for tabs in range(1, 8) for spaces in range(1, 9 - tabs))


def _unpacked(table: str) -> bytes:
    return zlib.decompress(base64.b85decode(table.replace("\n", "")))


def _rising(table: str) -> Iterator[int]:
    """Read numbers stored as differences, seven bits a byte, the lowest first."""
    total = shift = 0
    for byte in _unpacked(table):
        total += (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
        else:
            yield total
            shift = 0


def _ranges(table: str) -> str:
    """Read alternating starts and ends (the end excluded) as the inside of a character class."""
    bounds = list(_rising(table))
    return "".join(
        f"\\U{start:08x}-\\U{end - 1:08x}"
        for start, end in zip(bounds[::2], bounds[1::2], strict=True)
    )


def _front_coded(table: str, mark: int) -> Iterator[str]:
    """Read a sorted list; a byte `mark + n` says: begin with n characters of the word before."""
    word = ""
    for shared, rest in re.findall(
        f"([{chr(mark)}-\xff])([^{chr(mark)}-\xff]+)", _unpacked(table).decode("latin-1")
    ):
        word = word[: ord(shared) - mark] + rest
        yield word


def _bytes(piece: str) -> str:
    """Spell a piece as bytes, one character each: tokens may begin and end inside characters."""
    return piece if piece.isascii() else piece.encode("utf-8", "surrogatepass").decode("latin-1")


@lru_cache(maxsize=1 << 16)
def _cached(piece: str) -> tuple[str, ...]:
    return _segmented(piece)


def _segmented(piece: str) -> tuple[str, ...]:
    """Cut one piece of the pattern into tokens."""
    known, code = _known(), _bytes(piece)
    if code in known:
        return (piece,)
    codes = _path(code, known, None if len(code) <= SHORT else _lengths(known))
    if len(code) <= LONGEST_WORD and is_word(code) and not _LISTED.fullmatch(code):
        codes = _joined(codes, _weights())
    return tuple(codes) if piece.isascii() else _characters(piece, codes)


def is_word(code: str) -> bool:
    """Tell whether the list may lack tokens of this: an alphabet's, or of ASCII signs alone."""
    if _SEPARATOR.search(code):  # stands before a letter as a space does, but is in no word
        return False
    return _COMPLETE.search(code) is None or _LETTER.search(code) is not None


def _path(
    code: str, known: AbstractSet[str], lengths: Mapping[str, tuple[int, ...]] | None
) -> list[str]:
    """Spell `code` by known tokens, the longest again and again.

    Where the list is complete that is what merging by rank comes to, but for one piece in hundreds;
    where it is not, the weights were fitted to such paths (the fewest tokens are no nearer).
    """
    found = []
    at, size = 0, len(code)
    while at < size:
        tried: Iterable[int] = range(size - at, 0, -1)
        if lengths is not None:
            tried = lengths.get(code[at : at + 3]) or lengths.get(code[at : at + 2], (1,))
        for length in tried:
            token = code[at : at + length]
            if token in known:
                break
        else:
            token, length = code[at], 1
        found.append(token)
        at += length
    return found


def _joined(codes: list[str], weights: bytes) -> list[str]:
    """Join neighbours that, by the look of them, are one token too rare for the list.

    The list has an eighth of the words that the real vocabulary has, so that paths through it are
    too long by a tenth. The weights were fitted to undo that, word by word and on the whole.
    """
    joined = codes[:1]
    looks = _looks(codes, len(weights))
    for right, (a, b, c, d, e, f, g, h) in zip(codes[1:], looks, strict=True):
        speaking = weights[a] + weights[b] + weights[c] + weights[d]
        speaking += weights[e] + weights[f] + weights[g] + weights[h]
        if speaking > LOOKS * NO_OPINION + DOUBT:
            joined.append(right)
        else:
            joined[-1] += right
    return joined


def _looks(codes: list[str], size: int) -> list[tuple[int, int, int, int, int, int, int, int]]:
    """Say which weights speak about the boundary after each token but the last.

    A weight is found by checksum, and serves everything that falls on it: a table of words would
    not fit. The checksum's start value keeps the kinds of look apart.
    """
    looks = []
    whole = b"\0\0\0" + "".join(codes).encode("latin-1")
    opening, ending = crc32(whole[3:6], 1) % size, crc32(whole[-3:], 2) % size
    last = len(codes) - 1
    shape = min(last, 5) * 4 + 2 * (codes[0][0] == " ") + whole.isascii()
    length = len(codes[0])
    at = 3 + length
    before = crc32(whole[3:at], 4)
    for index in range(1, last + 1):
        next_length = len(codes[index])
        after = crc32(whole[at : at + next_length], 3)
        looks.append(
            (
                before % size,
                (before * 3 + after) % size,
                (after ^ (77 if index < last else 78)) % size,
                crc32(whole[at - 3 : at + 1], 7) % size,
                crc32(whole[at - 1 : at + 3], 8) % size,
                opening,
                ending,
                ((((shape * 64 + length) * 64 + next_length) * 64 + index) * 7919) % size,
            )
        )
        at += next_length
        before, length = after, next_length
    return looks


def _characters(piece: str, codes: list[str]) -> tuple[str, ...]:
    """Turn bytes back into text: a character belongs to the token that has its first byte."""
    # 0xFF is in no UTF-8. All in C: this runs for each token of a text beyond ASCII.
    begun = "\xff".join(codes).encode("latin-1").translate(None, _CONTINUING).split(b"\xff")
    at = 0
    return tuple([piece[at : (at := at + len(starts))] for starts in begun])
