"""The list of embeddings, in the key order of the documentation's example (its section 05)."""

from array import array
from collections.abc import Sequence
from functools import lru_cache

from mockgpt.core.answers import Answer, Embedded
from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.vectors import Vector, as_base64, as_floats, background

_KEPT = (
    256  # vectors in JSON, of up to 35 KB each: writing 1,536 numbers takes longer than the rest
)


def whole(answer: Answer, embedded: Embedded) -> bytes:
    """Return the body: vectors as numbers, or as base64 of little-endian float32."""
    form = _in_base64 if embedded.base64 else _in_floats
    usage = {
        "prompt_tokens": answer.usage.prompt_tokens,
        "total_tokens": answer.usage.total_tokens,
    }
    pieces = [b'{"object":"list","data":[']  # joined once: many vectors are megabytes
    for index, vector in enumerate(embedded.vectors):
        pieces += (_BETWEEN[index > 0], form(vector), b',"index":%d}' % index)
    pieces += (b"],", json_bytes({"model": answer.model, "usage": usage})[1:], b"\n")
    return b"".join(pieces)


_BETWEEN = (b'{"object":"embedding","embedding":', b',{"object":"embedding","embedding":')


def _in_floats(vector: Sequence[float]) -> bytes:
    plain, places = (vector.background, vector.places) if isinstance(vector, Vector) else (None, ())
    return _floats(*_packed(vector), plain, places)


def _in_base64(vector: Sequence[float]) -> bytes:
    return _base64(*_packed(vector))


def _packed(vector: Sequence[float]) -> tuple[str, bytes]:
    numbers = vector if isinstance(vector, array) else array("d", vector)
    return numbers.typecode, numbers.tobytes()


@lru_cache(maxsize=_KEPT)
def _floats(
    typecode: str, packed: bytes, plain: tuple[int, float, int] | None, places: tuple[int, ...]
) -> bytes:
    numbers = array(typecode, packed)
    if plain is None:
        return json_bytes(as_floats(numbers))
    texts = [*_plain(*plain)]
    own = json_bytes([numbers[place] for place in places])[1:-1].split(b",")
    for place, text in zip(places, own, strict=True):
        texts[place] = text
    return b"[%b]" % b",".join(texts)


@lru_cache(maxsize=_KEPT)
def _plain(dimensions: int, common: float, variant: int) -> list[bytes]:
    """Return the numbers of a background in JSON; there are few different ones."""
    numbers, _ = background(dimensions, common, variant)
    once: dict[bytes, bytes] = {}
    return [
        once.setdefault(text, text) for text in json_bytes(as_floats(numbers))[1:-1].split(b",")
    ]


@lru_cache(maxsize=_KEPT)
def _base64(typecode: str, packed: bytes) -> bytes:
    return json_bytes(as_base64(array(typecode, packed)))
