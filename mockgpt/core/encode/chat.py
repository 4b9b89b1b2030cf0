"""`chat.completion` and its chunks, in the form of Azure's gpt-35-turbo-0301 (protocol.md, 2.1)."""

from typing import Any

from mockgpt.core.answers import Spoken
from mockgpt.core.encode.text import Form


def _choice(index: int, choice: Spoken) -> dict[str, Any]:
    return {
        "index": index,
        "finish_reason": choice.finish,
        "message": {"role": "assistant", "content": "".join(choice.tokens)},
    }


FORM = Form(
    id="chatcmpl-",
    whole="chat.completion",
    chunk="chat.completion.chunk",
    choice=_choice,
    opening=b'"index":%(index)d,"finish_reason":null,"delta":{"role":"assistant"}',
    piece=b'"index":%(index)d,"finish_reason":null,"delta":{"content":%(text)b}',
    closing=b'"index":%(index)d,"finish_reason":%(finish)b,"delta":{}',
)
