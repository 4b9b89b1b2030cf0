"""`chat.completion` and its chunks, in the form of Azure's gpt-35-turbo-0301 (protocol.md, 2.1)."""

from mockgpt.core.answers import Answer, Said
from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.encode.text import Form, usage_of

STREAM = Form(
    object="chat.completion.chunk",
    opening=b'"index":%(index)d,"finish_reason":null,"delta":{"role":"assistant"}',
    piece=b'"index":%(index)d,"finish_reason":null,"delta":{"content":%(text)b}',
    closing=b'"index":%(index)d,"finish_reason":%(finish)b,"delta":{}',
)


def whole(answer: Answer, said: Said) -> bytes:
    """Return the body of an answer that is not streamed."""
    choices = [
        {
            "index": index,
            "finish_reason": choice.finish,
            "message": {"role": "assistant", "content": "".join(choice.tokens)},
        }
        for index, choice in enumerate(said.choices)
    ]
    body = {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": choices,
        "usage": usage_of(answer.usage),
    }
    return json_bytes(body) + b"\n"
