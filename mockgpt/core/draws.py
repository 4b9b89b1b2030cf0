"""Keyed draws: chance without a generator.

Every random-looking value is a BLAKE2b digest of the seed and of what the value is for, so the
order in which concurrent requests arrive changes nothing and one seed gives the same bytes for ever.
"""

from hashlib import blake2b

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 29  # of chatcmpl- and cmpl- ids: protocol.md, section 6


def draw(seed: int, *purpose: str | bytes | int, size: int = 32) -> bytes:
    """Return `size` bytes (at most 64) that depend on the seed and on every part of the purpose.

    Parts are length-prefixed, so ("a", "bc") and ("ab", "c") draw differently.
    """
    digest = blake2b(str(seed).encode(), digest_size=size)
    for part in purpose:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.digest()


def answer_id(prefix: str, drawn: bytes) -> str:
    """Return `prefix` + 29 characters of [A-Za-z0-9] from at least 32 drawn bytes."""
    number = int.from_bytes(drawn)
    characters = []
    for _ in range(_ID_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return prefix + "".join(characters)


def uuid4(drawn: bytes) -> str:
    """Return the form of a version 4 UUID (RFC 9562, section 5.4) from at least 16 drawn bytes."""
    number = int.from_bytes(drawn[:16])
    number = number & ~(0xF << 76) | 0x4 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def between(drawn: bytes, low: int, high: int) -> int:
    """Return an integer from `low` to `high`, both included."""
    return low + int.from_bytes(drawn[:8]) % (high - low + 1)
