"""The list of embeddings, in the key order of the documentation's example (its section 05)."""

import re
from array import array
from collections.abc import Sequence
from functools import lru_cache

from mockgpt.core.answers import Answer, Embedded
from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.vectors import Vector, as_base64, background

_KEPT = 256  # of up to 40 KB each: writing 1,536 numbers takes longer than the rest


def whole(answer: Answer, embedded: Embedded) -> bytes:
    """Return the body: vectors as numbers, or as base64 of little-endian float32."""
    usage = {
        "prompt_tokens": answer.usage.prompt_tokens,
        "total_tokens": answer.usage.total_tokens,
    }
    pieces = [b'{"object":"list","data":[']  # joined once: many vectors are megabytes
    for index, vector in enumerate(embedded.vectors):
        written = _written(vector, base64=embedded.base64)
        pieces += (_BETWEEN[index > 0], written, b',"index":%d}' % index)
    pieces += (b"],", json_bytes({"model": answer.model, "usage": usage})[1:], b"\n")
    return b"".join(pieces)


_BETWEEN = (b'{"object":"embedding","embedding":', b',{"object":"embedding","embedding":')


def _written(vector: Vector | Sequence[float], *, base64: bool) -> bytes:
    """Return a vector in JSON. That of a text is kept where it is asked for again: few are."""
    if not isinstance(vector, Vector):
        return (_base64 if base64 else _floats)(*_packed(vector))
    kept = vector.written.get(base64)
    if kept:
        return kept
    written = _quoted(vector.numbers()) if base64 else _spliced(vector)
    vector.written[base64] = b"" if kept is None else written
    return written


def _packed(vector: Sequence[float]) -> tuple[str, bytes]:
    numbers = vector if isinstance(vector, array) else array("d", vector)
    return numbers.typecode, numbers.tobytes()


@lru_cache(maxsize=_KEPT)
def _floats(typecode: str, packed: bytes) -> bytes:
    return json_bytes(array(typecode, packed).tolist())


@lru_cache(maxsize=_KEPT)
def _base64(typecode: str, packed: bytes) -> bytes:
    return _quoted(array(typecode, packed))


def _quoted(vector: Sequence[float]) -> bytes:
    return b'"%b"' % as_base64(vector).encode()  # nothing in it is to be escaped


def _spliced(vector: Vector) -> bytes:
    """Put a vector's own numbers in between those of its background."""
    text, starts = _plain(*vector.background)
    own = json_bytes(vector.own.tolist())[1:-1].split(b",")
    pieces: list[bytes] = []
    at = 0
    for place, number in zip(vector.places, own, strict=True):
        pieces += (text[at : starts[place]], number)
        at = starts[place + 1] - 1  # what is behind it
    pieces.append(text[at:])
    return b"".join(pieces)


@lru_cache(maxsize=_KEPT)
def _plain(dimensions: int, common: float, variant: int) -> "tuple[bytes, array[int]]":
    """Return a background in JSON, and where in it each number starts; at last where one more would."""
    numbers, _ = background(dimensions, common, variant)
    text = json_bytes(numbers.tolist())
    starts = (one.end() for one in re.finditer(rb"[],[]", text))
    return text, array("I", starts)
