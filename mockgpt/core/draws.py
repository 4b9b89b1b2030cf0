"""Keyed draws: chance without a generator.

Every random-looking value is a BLAKE2b digest of the seed and of what the value is for, so the
order in which concurrent requests arrive changes nothing and one seed gives the same bytes for ever.
"""

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from itertools import product

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = ["".join(reversed(pair)) for pair in product(_ALPHABET, repeat=2)]
_PAIR = len(_PAIRS)
_FOUR = _PAIR**2  # as many characters as one division of a large number gives quickly
_FIFTY_YEARS = 50 * 365 * 24 * 3600


def draw(seed: int, *purpose: str | bytes | int, size: int = 32) -> bytes:
    """Return `size` bytes (at most 64) that depend on the seed and on every part of the purpose.

    Parts are length-prefixed, so ("a", "bc") and ("ab", "c") draw differently.
    """
    digest = blake2b(b"%d" % seed, digest_size=size)
    for one in purpose:
        digest.update(part(one))
    return digest.digest()


def part(of: str | bytes | int) -> bytes:
    """Return a part of a purpose as it is digested."""
    data = of if isinstance(of, bytes) else str(of).encode()
    return b"%d:%b" % (len(data), data)


def drawing(seed: int, parts: bytes) -> Callable[[bytes], bytes]:
    """Return what draws 32 bytes for these parts and further ones, quicker than `draw`."""
    root = blake2b(b"%d%b" % (seed, parts), digest_size=32)

    def drawn(further: bytes) -> bytes:
        digest = root.copy()
        digest.update(further)
        return digest.digest()

    return drawn


def answer_id(prefix: str, created: int, drawn: bytes) -> str:
    """Return `prefix` + 29 characters of [0-9A-Za-z]: five of the second `created`, 24 of the draw.

    So long are chatcmpl- and cmpl- ids (protocol.md, section 6), and so they begin: read as a number,
    the first five of each id in the service's documentation are its `created` less fifty years of 365
    days. `created` is of the Unix epoch, and `drawn` at least 32 bytes.
    """
    n, of, pairs = int.from_bytes(drawn), _PAIR, _PAIRS
    # One by one: a loop would take half as long again. Four characters come from one division.
    n, a = divmod(n, _FOUR)
    n, b = divmod(n, _FOUR)
    n, c = divmod(n, _FOUR)
    n, d = divmod(n, _FOUR)
    n, e = divmod(n, _FOUR)
    n, f = divmod(n, _FOUR)
    return (
        f"{prefix}{_second(created)}{pairs[a % of]}{pairs[a // of]}{pairs[b % of]}{pairs[b // of]}"
        f"{pairs[c % of]}{pairs[c // of]}{pairs[d % of]}{pairs[d // of]}{pairs[e % of]}{pairs[e // of]}"
        f"{pairs[f % of]}{pairs[f // of]}"
    )


@lru_cache(maxsize=64)
def _second(created: int) -> str:
    """Return five characters that rise with time, from 2019-12-20 for 29 years."""
    n = max(0, created - _FIFTY_YEARS)
    last_first = ""
    for _ in range(5):
        n, digit = divmod(n, len(_ALPHABET))
        last_first += _ALPHABET[digit]
    return last_first[::-1]


def uuid4(drawn: bytes) -> str:
    """Return the form of a version 4 UUID (RFC 9562, section 5.4) from at least 16 drawn bytes."""
    text = drawn[:16].hex()
    variant = "89ab"[drawn[8] >> 4 & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def between(drawn: bytes, low: int, high: int) -> int:
    """Return an integer from `low` to `high`, both included."""
    return low + int.from_bytes(drawn[:8]) % (high - low + 1)
