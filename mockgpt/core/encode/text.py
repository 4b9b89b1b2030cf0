"""What chat and completions share: usage, and streams of chunks.

A chunk is a head and a tail that are encoded once a stream, and between them the few bytes that
differ; a `Form` says which, so a further endpoint of this kind is a form.
"""

from collections.abc import Iterator
from itertools import zip_longest

from msgspec import Struct

from mockgpt.core.answers import Answer, Said, Spoken, Usage
from mockgpt.core.encode.sse import DONE, event, json_bytes
from mockgpt.core.plan import Data


class Form(Struct, frozen=True, kw_only=True):
    """The bytes of one choice in a chunk, without its braces.

    `%(index)d`, `%(text)b` and `%(finish)b` are filled in; an empty `opening` sends no chunk.
    """

    object: str
    opening: bytes
    piece: bytes
    closing: bytes


def usage_of(usage: Usage) -> dict[str, int | None]:
    """Return the `usage` of an answer in the order of the documentation's examples."""
    return {
        "completion_tokens": usage.completion_tokens,
        "prompt_tokens": usage.prompt_tokens,
        "total_tokens": usage.total_tokens,
    }


def events(form: Form, answer: Answer, said: Said, *, include_usage: bool) -> Iterator[Data]:
    """Yield the events of a stream, choices in turn, `[DONE]` last.

    An empty piece sends nothing. Only with `include_usage` (`stream_options`) is there a chunk
    without choices, the last but `[DONE]`: old clients' loops read `choices[0]` of every chunk.
    """
    head = {
        "id": answer.id,
        "object": form.object,
        "created": answer.created,
        "model": answer.model,
    }
    before = b'data: %b,"choices":[{' % json_bytes(head)[:-1]
    after = b'}],"usage":null}\n\n'
    spoken = [_choice(form, index, choice) for index, choice in enumerate(said.choices)]
    for turn in zip_longest(*spoken):
        for inner in turn:
            if inner is not None:
                yield Data(before + inner.bytes + after, inner.mark, inner.tokens)
    if include_usage:
        usage = {**head, "choices": [], "usage": usage_of(answer.usage)}
        yield Data(event(json_bytes(usage)), "usage")
    yield Data(DONE, "done")


def _choice(form: Form, index: int, choice: Spoken) -> Iterator[Data]:
    """Yield what stands between head and tail; tokens without text count for the next event."""
    if form.opening:
        yield Data(form.opening % {b"index": index}, "opening")
    tokens = 0
    for piece in choice.pieces:
        tokens += 1
        if piece:
            text = json_bytes(piece)
            yield Data(form.piece % {b"index": index, b"text": text}, "piece", tokens)
            tokens = 0
    finish = json_bytes(choice.finish)
    yield Data(form.closing % {b"index": index, b"finish": finish}, "finish", tokens)
