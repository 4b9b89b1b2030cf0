"""What chat and completions share: usage, and streams of chunks.

A chunk is a head and a tail that are encoded once a stream, and between them the few bytes that
differ; a `Form` says which, so a further endpoint of this kind is a form.
"""

from collections.abc import Iterator
from itertools import zip_longest

from msgspec import Struct

from mockgpt.core.answers import Answer, Said, Spoken, Usage
from mockgpt.core.chunks import by_tokens
from mockgpt.core.encode.sse import DONE, event, json_bytes
from mockgpt.core.plan import Data, Mark, Pause


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


def events(
    form: Form, answer: Answer, said: Said, *, include_usage: bool
) -> Iterator[Data | Pause]:
    """Yield the events of a stream, choices in turn, `[DONE]` last, and the waits of their own.

    Only with `include_usage` (`stream_options`) is there a chunk without choices, the last but
    `[DONE]`: old clients' loops read `choices[0]` of every chunk.
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
                text, mark, tokens, wait = inner
                if wait:
                    yield Pause(wait)
                yield Data(before + text + after, mark, tokens)
    if include_usage:
        usage = {**head, "choices": [], "usage": usage_of(answer.usage)}
        yield Data(event(json_bytes(usage)), "usage")
    yield Data(DONE, "done")


def _choice(form: Form, index: int, choice: Spoken) -> Iterator[tuple[bytes, Mark, int, float]]:
    """Yield what stands between head and tail, its mark, its tokens, and the wait before it."""
    if form.opening:
        yield form.opening % {b"index": index}, "opening", 0, 0.0
    left = len(choice.tokens)
    for text, tokens, wait in by_tokens(choice.tokens) if choice.parts is None else choice.parts:
        left -= tokens
        yield form.piece % {b"index": index, b"text": json_bytes(text)}, "piece", tokens, wait
    finish = json_bytes(choice.finish)
    yield form.closing % {b"index": index, b"finish": finish}, "finish", left, 0.0
