"""The list of embeddings, in the key order of the documentation's example (its section 05)."""

from mockgpt.core.answers import Answer, Embedded
from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.vectors import as_base64, as_floats


def whole(answer: Answer, embedded: Embedded) -> bytes:
    """Return the body: vectors as numbers, or as base64 of little-endian float32."""
    form = as_base64 if embedded.base64 else as_floats
    data = [
        {"object": "embedding", "embedding": form(vector), "index": index}
        for index, vector in enumerate(embedded.vectors)
    ]
    usage = {
        "prompt_tokens": answer.usage.prompt_tokens,
        "total_tokens": answer.usage.total_tokens,
    }
    body = {"object": "list", "data": data, "model": answer.model, "usage": usage}
    return json_bytes(body) + b"\n"
