"""Keyed draws: chance without a generator.

Every random-looking value is a BLAKE2b digest of the seed and of what the value is for, so the
order in which concurrent requests arrive changes nothing and one seed gives the same bytes for ever.
"""

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from itertools import product

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 29  # of chatcmpl- and cmpl- ids: protocol.md, section 6
_PAIRS = ["".join(reversed(pair)) for pair in product(_ALPHABET, repeat=2)]
_PAIR = len(_PAIRS)
_FOUR = _PAIR**2  # as many characters as one division of a large number gives quickly


def draw(seed: int, *purpose: str | bytes | int, size: int = 32) -> bytes:
    """Return `size` bytes (at most 64) that depend on the seed and on every part of the purpose.

    Parts are length-prefixed, so ("a", "bc") and ("ab", "c") draw differently.
    """
    digest = blake2b(b"%d" % seed, digest_size=size)
    for part in purpose:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.digest()


def drawing(seed: int, key: bytes) -> Callable[[str], bytes]:
    """Return what draws 32 bytes for a purpose, as `draw(seed, key, purpose)` does, only faster."""
    root = blake2b(b"%d%d:%b" % (seed, len(key), key), digest_size=32)

    def drawn(purpose: str) -> bytes:
        digest = root.copy()
        digest.update(_part(purpose))
        return digest.digest()

    return drawn


@lru_cache(maxsize=64)
def _part(purpose: str) -> bytes:
    data = purpose.encode()
    return b"%d:%b" % (len(data), data)


def answer_id(prefix: str, drawn: bytes) -> str:
    """Return `prefix` + 29 characters of [A-Za-z0-9] from at least 32 drawn bytes."""
    number = int.from_bytes(drawn)
    characters = [prefix]
    for _ in range(_ID_LENGTH // 4):
        number, four = divmod(number, _FOUR)
        characters += _PAIRS[four % _PAIR], _PAIRS[four // _PAIR]
    characters.append(_PAIRS[number % _PAIR][: _ID_LENGTH % 4])
    return "".join(characters)


def uuid4(drawn: bytes) -> str:
    """Return the form of a version 4 UUID (RFC 9562, section 5.4) from at least 16 drawn bytes."""
    text = drawn[:16].hex()
    variant = "89ab"[int(text[16], 16) % 4]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def between(drawn: bytes, low: int, high: int) -> int:
    """Return an integer from `low` to `high`, both included."""
    return low + int.from_bytes(drawn[:8]) % (high - low + 1)
