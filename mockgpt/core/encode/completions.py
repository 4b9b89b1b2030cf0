"""`text_completion`, whole and in chunks, in Azure's form of 2023 (protocol.md, section 2.3)."""

from typing import Any

from mockgpt.core.answers import Spoken
from mockgpt.core.encode.text import Form


def _choice(index: int, choice: Spoken) -> dict[str, Any]:
    return {
        "text": "".join(choice.tokens),
        "index": index,
        "finish_reason": choice.finish,
        "logprobs": None,
    }


FORM = Form(
    id="cmpl-",
    whole="text_completion",
    chunk="text_completion",
    choice=_choice,
    opening=b"",
    piece=b'"text":%(text)b,"index":%(index)d,"finish_reason":null,"logprobs":null',
    closing=b'"text":"","index":%(index)d,"finish_reason":%(finish)b,"logprobs":null',
)
