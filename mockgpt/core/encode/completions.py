"""`text_completion`, whole and in chunks, in Azure's form of 2023 (protocol.md, section 2.3)."""

from mockgpt.core.answers import Answer, Said
from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.encode.text import Form, usage_of

STREAM = Form(
    object="text_completion",
    opening=b"",
    piece=b'"text":%(text)b,"index":%(index)d,"finish_reason":null,"logprobs":null',
    closing=b'"text":"","index":%(index)d,"finish_reason":%(finish)b,"logprobs":null',
)


def whole(answer: Answer, said: Said) -> bytes:
    """Return the body of an answer that is not streamed."""
    choices = [
        {
            "text": "".join(choice.tokens),
            "index": index,
            "finish_reason": choice.finish,
            "logprobs": None,
        }
        for index, choice in enumerate(said.choices)
    ]
    body = {
        "id": answer.id,
        "object": "text_completion",
        "created": answer.created,
        "model": answer.model,
        "choices": choices,
        "usage": usage_of(answer.usage),
    }
    return json_bytes(body) + b"\n"
