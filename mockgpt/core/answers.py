"""What to answer: a chosen reply, or filler where no rule speaks, becomes an `Answer` or an error.

An answer has all that equal requests are answered alike (words, vectors, usage), so its id and its
second only where the reply says them. It knows nothing of JSON, events or sockets.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from msgspec import UNSET, Struct, UnsetType

from mockgpt.core.chunks import Part, by_grain, by_pieces
from mockgpt.core.decode import Decoded, Split, told
from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.errors import ApiError
from mockgpt.core.limits import retry_after
from mockgpt.core.matching import Captures
from mockgpt.core.pace import seconds
from mockgpt.core.replies import Defaults, Edges, ErrorReply, Filler, Raw, Reply, Similar, pace_of
from mockgpt.core.requests import ChatRequest, CompletionRequest, EmbeddingRequest, Text
from mockgpt.core.service import Dialect
from mockgpt.core.templates import TemplateFailedError
from mockgpt.core.vectors import Vector, at_cosine, with_ends
from mockgpt.core.wording import Moment, texts_of

Embed = Callable[[Text, int], Vector]  # a text, and how many dimensions
T = TypeVar("T")
D = TypeVar("D")

_FILLER = Reply(filler=Filler())


class Spoken(Struct, frozen=True):
    """One choice: its tokens ("" where a character takes several), and why it ends.

    `parts` are the events of its stream; None makes one of every token.
    """

    tokens: tuple[str, ...]
    finish: str
    parts: tuple[Part, ...] | None = None


class Said(Struct, frozen=True):
    """Text: one choice for each prompt, or several; and how many seconds saying all of it takes."""

    choices: tuple[Spoken, ...]
    wait: float = 0.0


class Embedded(Struct, frozen=True):
    """Vectors: one for each input, each as long as the model has dimensions or the reply says."""

    vectors: tuple[Vector | Sequence[float], ...]
    base64: bool


class Usage(Struct, frozen=True):
    """Token counts; embeddings complete nothing and have no `completion_tokens`."""

    prompt_tokens: int
    completion_tokens: int | None

    @property
    def total_tokens(self) -> int:
        """The sum."""
        return self.prompt_tokens + (self.completion_tokens or 0)


class Answer(Struct, frozen=True, kw_only=True):
    """A successful answer. `created` is in whole seconds of the Unix epoch.

    Without an `id` or `created` of the reply's own, each response has its own.
    """

    model: str
    content: Said | Embedded
    usage: Usage
    id: str | None = None
    created: int | None = None


class Makings(Struct, frozen=True, kw_only=True):
    """What answers are made with beside the request, and for which rule's call and attempt, from 1."""

    seed: int
    split: Split
    embed: Embed
    defaults: Defaults
    call: int
    attempt: int
    rule: str  # as messages name it
    query: str  # of the request's target


def make(
    reply: Reply,
    decoded: Decoded,
    makings: Makings,
    *,
    meant: Sequence[Captures | None],
) -> Answer | ApiError | Raw:
    """Make the answer that a reply describes.

    `meant` has for each prompt or input the captures of what it met, or None where the reply is not
    meant for it: such get filler or their own vector.
    """
    if reply.error is not UNSET:
        return _error(reply.error, told(decoded, makings.query), _given(reply.dialect, None))
    if reply.raw is not UNSET:
        return reply.raw
    request = decoded.request
    content: Said | Embedded
    completion_tokens: int | None
    if isinstance(request, EmbeddingRequest):
        content = Embedded(
            tuple(_vectors(reply, meant, decoded, request, makings)), base64=request.base64
        )
        completion_tokens = None
    else:
        moment = Moment(seed=makings.seed, call=makings.call, attempt=makings.attempt)
        try:
            choices = tuple(_choices(reply, meant, decoded, request, makings, moment=moment))
        except TemplateFailedError as error:
            return ApiError("template_failed", {"rule": makings.rule, "reason": str(error)})
        content = Said(choices, 0.0 if reply.pieces is UNSET else _wait(choices))
        completion_tokens = sum(len(choice.tokens) for choice in choices)
    return Answer(
        id=_given(reply.id, None),
        created=_given(reply.created, None),
        model=_given(reply.model, decoded.model.answers_as),
        content=content,
        usage=Usage(
            _given(reply.usage.prompt_tokens, sum(decoded.prompt_tokens)),
            _given(reply.usage.completion_tokens, completion_tokens),
        ),
    )


def _error(reply: str | ErrorReply, values: dict[str, Any], dialect: Dialect | None) -> ApiError:
    if isinstance(reply, str):
        return ApiError(reply, values, dialect=dialect)
    headers: dict[str, str] = {}
    if reply.retry_after is not UNSET:
        headers = retry_after(seconds(reply.retry_after))
        values = {**values, "retry_after": headers["retry-after"]}
    changes = {
        key: getattr(reply, key)
        for key in ("status", "type", "param", "code", "message")
        if getattr(reply, key) is not UNSET
    }
    body = None if reply.body is UNSET else _body(reply.body)
    return ApiError(
        reply.preset,
        values,
        changes=changes,
        headers={**reply.headers, **headers},
        body=body,
        dialect=dialect,
    )


def _body(body: str | dict[str, Any]) -> bytes:
    return body.encode() if isinstance(body, str) else json_bytes(body)


def _given(value: T | UnsetType, default: D) -> T | D:
    return default if isinstance(value, UnsetType) else value


def _vectors(
    reply: Reply,
    meant: Sequence[Captures | None],
    decoded: Decoded,
    request: EmbeddingRequest,
    makings: Makings,
) -> Iterator[Vector | Sequence[float]]:
    """Yield a vector for each input: its own, or what the reply makes of that."""
    size = decoded.model.dimensions
    number = 0
    for text, captures in zip(request.inputs, meant, strict=True):
        own = makings.embed(text, size)
        if captures is None:
            yield own
            continue
        if isinstance(reply.vectors, Edges):
            yield with_ends(own.numbers(), reply.vectors.first, reply.vectors.last)
        elif isinstance(reply.vectors, tuple):
            yield _listed(reply.vectors, number)
        elif isinstance(reply.similar, Similar):
            other = makings.embed(reply.similar.to, size)
            yield at_cosine(own.numbers(), other.numbers(), reply.similar.cosine)
        else:
            yield own
        number += 1


def _listed(vectors: tuple[float | tuple[float, ...], ...], number: int) -> Sequence[float]:
    """Return that vector of a list, or the one that the list is."""
    rows = [vector for vector in vectors if isinstance(vector, tuple)]
    return rows[number] if rows else [one for one in vectors if not isinstance(one, tuple)]


def _choices(
    described: Reply,
    meant: Sequence[Captures | None],
    decoded: Decoded,
    request: ChatRequest | CompletionRequest,
    makings: Makings,
    *,
    moment: Moment,
) -> Iterator[Spoken]:
    """Yield the choices for each prompt, cut where their tokens or the model's window end."""
    prompts = (request,) if isinstance(request, ChatRequest) else request.prompts
    counted = zip(prompts, decoded.prompt_tokens, meant, strict=True)
    for prompt, prompt_tokens, captures in counted:
        reply = _FILLER if captures is None else described
        asked = decoded.model.window - prompt_tokens
        asked = min(asked, request.max_tokens or asked)
        filler = UNSET if reply.filler is UNSET else reply.filler.tokens
        room = min(asked, _given(filler, asked))
        for text in texts_of(reply, decoded, prompt, captures or {}, moment):
            tokens = makings.split(text)
            finish = "length" if len(tokens) > room else "stop"
            if finish == "stop" or room < asked:  # a reply's own length is its own affair
                finish = _given(reply.finish, finish)
            kept = tokens[:room]
            yield Spoken(kept, finish, _parts(reply, kept, makings.defaults))


def _parts(reply: Reply, tokens: tuple[str, ...], defaults: Defaults) -> tuple[Part, ...] | None:
    """Return the events of a choice's stream, where they are not its tokens."""
    if reply.pieces is not UNSET:
        return by_pieces(tokens, reply.pieces)
    pace = pace_of(reply, defaults)
    return None if pace is UNSET or pace.chunk == "token" else by_grain(tokens, pace.chunk)


def _wait(choices: tuple[Spoken, ...]) -> float:
    return sum(after for choice in choices for _, _, after in choice.parts or ())
