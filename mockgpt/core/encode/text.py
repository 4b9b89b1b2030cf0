"""What chat and completions share: usage, and streams of chunks.

A chunk is a head and a tail that are encoded once a stream, and between them the few bytes that
differ; a `Form` says which, so a further endpoint of this kind is a form.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, repeat, zip_longest
from typing import TypeVar

from msgspec import Struct

from mockgpt.core.answers import Answer, Said, Spoken, Usage
from mockgpt.core.chunks import by_tokens
from mockgpt.core.encode.sse import DONE, event, json_bytes
from mockgpt.core.plan import Data, Events, Pause

T = TypeVar("T")


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
) -> Iterator[Data | Events | Pause]:
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
    spoken = [_choice(form, index, choice, before) for index, choice in enumerate(said.choices)]
    in_turn = spoken[0] if len(spoken) == 1 else _in_turn(spoken)
    for step, wait in in_turn:
        if wait:
            yield Pause(wait)
        yield step
    if include_usage:
        usage = {**head, "choices": [], "usage": usage_of(answer.usage)}
        yield Data(event(json_bytes(usage)), "usage")
    yield _DONE


# Events, and the seconds before them.
Turn = tuple[Data | Events | Pause, float]


def _choice(form: Form, index: int, choice: Spoken, before: bytes) -> Iterator[Turn]:
    """Yield the events of a choice."""
    if form.opening:
        yield Data(before + form.opening % {b"index": index} + _AFTER, "opening"), 0.0
    left = len(choice.tokens)
    piece = before + form.piece % {b"index": index, b"text": _TEXT} + _AFTER
    begin, _, end = piece.partition(_TEXT)
    if choice.parts is not None:
        for text, tokens, wait in choice.parts:
            left -= tokens
            yield Data(begin + json_bytes(text) + end, "piece", tokens), wait
    elif all(choice.tokens):
        left = 0
        for some in _batches(choice.tokens):
            yield Events(begin, tuple(map(_token, some)), end), 0.0
    else:
        for parts in _batches(tuple(by_tokens(choice.tokens))):
            texts, counts, _ = zip(*parts, strict=True)
            left -= sum(counts)
            yield Events(begin, tuple(map(_token, texts)), end, counts), 0.0
    closing = form.closing % {b"index": index, b"finish": json_bytes(choice.finish)}
    yield Data(before + closing + _AFTER, "finish", left), 0.0


def _batches(items: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))


def _in_turn(spoken: list[Iterator[Turn]]) -> Iterator[Turn]:
    """Yield an event of each choice, then the next of each."""
    return filter(None, chain.from_iterable(zip_longest(*map(_singly, spoken))))


def _singly(turns: Iterator[Turn]) -> Iterator[Turn]:
    for step, wait in turns:
        if isinstance(step, Events):
            yield from zip(step.each(), repeat(wait))
        else:
            yield step, wait


_AT_ONCE = 256  # events: some 50 KB, about as much as is written at once
_AFTER = b'}],"usage":null}\n\n'
_DONE = Data(DONE, "done")
_TEXT = b"\0"  # stands nowhere in JSON
_token = lru_cache(maxsize=4096)(json_bytes)
