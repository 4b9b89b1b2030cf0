"""What chat and completions share: whole answers, usage, and streams of chunks.

Equal answers differ in their id and second alone, so everything else is encoded once for all of
them. A chunk is a head and a tail that are encoded once a stream, and between them the few bytes
that differ; a `Form` says which, so a further endpoint of this kind is a form.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain, repeat, zip_longest
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from mockgpt.core.answers import Answer, Said, Spoken, Usage
from mockgpt.core.chunks import by_tokens
from mockgpt.core.encode.sse import DONE, json_bytes
from mockgpt.core.plan import BodyStep, Data, Events, Pause

T = TypeVar("T")


class Form(Struct, frozen=True, kw_only=True):
    """The answers of an endpoint: how ids begin, the `object` of an answer and of a chunk.

    `choice` is one in a whole answer. The bytes are those of one in a chunk, without its braces:
    `%(index)d`, `%(text)b` and `%(finish)b` are filled in; an empty `opening` sends no chunk.
    """

    id: str
    whole: str
    chunk: str
    choice: Callable[[int, Spoken], dict[str, Any]]
    opening: bytes
    piece: bytes
    closing: bytes


class Encoded(Struct, frozen=True, eq=False):
    """A body as all equal answers have it: `steps` without their beginning, which has the id.

    That is `before`, the id, `between` and the second. Without a form of ids, `id`, nothing is
    filled in.
    """

    steps: Iterable[BodyStep]
    streamed: bool = False
    id: str = ""
    before: bytes = b""
    between: bytes = b""

    def kept(self) -> "Encoded":
        """Return what can be filled in more than once."""
        return replace(self, steps=tuple(self.steps))

    def filled(self, id_: str, created: int) -> Iterator[BodyStep]:
        """Yield the body of an answer with this id, made in this second of the Unix epoch."""
        begin = self._begin(id_, created)
        for step in self.steps:
            if isinstance(step, Events):
                yield Events(begin + step.before, step.texts, step.after, step.tokens, step.waits)
            elif isinstance(step, Data) and step.mark != "done":
                yield Data(begin + step.bytes, step.mark, step.tokens)
            else:
                yield step

    def joined(self, id_: str, created: int) -> bytes:
        """Return the body of such an answer, which is no stream."""
        (data,) = self.steps
        assert isinstance(data, Data), "it is in one"
        return self._begin(id_, created) + data.bytes

    def _begin(self, id_: str, created: int) -> bytes:
        if not self.id:
            return b""
        return b"%b%b%b%d" % (self.before, json_bytes(id_), self.between, created)


def usage_of(usage: Usage) -> dict[str, int | None]:
    """Return the `usage` of an answer in the order of the documentation's examples."""
    return {
        "completion_tokens": usage.completion_tokens,
        "prompt_tokens": usage.prompt_tokens,
        "total_tokens": usage.total_tokens,
    }


def whole(form: Form, answer: Answer, said: Said) -> Encoded:
    """Return the body of an answer that is not streamed."""
    body = {
        "model": answer.model,
        "choices": [form.choice(index, choice) for index, choice in enumerate(said.choices)],
        "usage": usage_of(answer.usage),
    }
    rest = Data(b",%b\n" % json_bytes(body)[1:])
    return Encoded((rest,), id=form.id, before=b'{"id":', between=_between(form.whole))


def stream(form: Form, answer: Answer, said: Said, *, include_usage: bool) -> Encoded:
    """Return the events of a stream, choices in turn, `[DONE]` last, and the waits of their own.

    Only with `include_usage` (`stream_options`) is there a chunk without choices, the last but
    `[DONE]`: old clients' loops read `choices[0]` of every chunk.
    """
    return Encoded(
        _events(form, answer, said, include_usage=include_usage),
        streamed=True,
        id=form.id,
        before=b'data: {"id":',
        between=_between(form.chunk),
    )


def _between(object_: str) -> bytes:
    return b',"object":%b,"created":' % json_bytes(object_)


def _events(form: Form, answer: Answer, said: Said, *, include_usage: bool) -> Iterator[BodyStep]:
    before = b',"model":%b,"choices":[' % json_bytes(answer.model)
    spoken = [
        _choice(form, index, choice, before + b"{") for index, choice in enumerate(said.choices)
    ]
    in_turn = spoken[0] if len(spoken) == 1 else _in_turn(spoken)
    for step, wait in in_turn:
        if wait:
            yield Pause(wait)
        yield step
    if include_usage:
        usage = json_bytes(usage_of(answer.usage))
        yield Data(b'%b],"usage":%b}\n\n' % (before, usage), "usage")
    yield _DONE


# Events, and the seconds before them.
Turn = tuple[BodyStep, float]


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
