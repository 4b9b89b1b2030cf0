"""What to answer: a chosen reply, or filler where no rule speaks, becomes an `Answer` or an error.

An answer is complete (pieces, ids, usage) and knows nothing of JSON, events or sockets.
"""

import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from msgspec import UNSET, Struct, UnsetType

from mockgpt.core.decode import Decoded
from mockgpt.core.draws import answer_id, draw
from mockgpt.core.errors import ApiError
from mockgpt.core.matching import Captures
from mockgpt.core.pace import seconds
from mockgpt.core.prose import locale_of, prose
from mockgpt.core.replies import Edges, ErrorReply, Filler, Reply
from mockgpt.core.requests import ChatRequest, CompletionRequest, EmbeddingRequest, Text

Split = Callable[[str], tuple[str, ...]]
Embed = Callable[[Text, int], Sequence[float]]  # a text, and how many dimensions
T = TypeVar("T")

_FILLER = Reply(filler=Filler())


class Spoken(Struct, frozen=True):
    """One choice: a piece for each token ("" where a character takes several), and why it ends."""

    pieces: tuple[str, ...]
    finish: str


class Said(Struct, frozen=True):
    """Text: one choice for each prompt."""

    choices: tuple[Spoken, ...]


class Embedded(Struct, frozen=True):
    """Vectors: one for each input, each as long as the model has dimensions."""

    vectors: tuple[Sequence[float], ...]
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
    """A successful answer. `created` is in whole seconds of the Unix epoch."""

    id: str
    created: int
    model: str
    content: Said | Embedded
    usage: Usage


class Makings(Struct, frozen=True, kw_only=True):
    """What answers are made with: the seed, the clock's second, a tokenizer, an embedder."""

    seed: int
    created: int
    split: Split
    embed: Embed


def make(
    reply: Reply,
    decoded: Decoded,
    makings: Makings,
    *,
    meant: Sequence[Captures | None],
    occasion: bytes,
) -> Answer | ApiError:
    """Make the answer that a reply describes; an empty reply is filler.

    `meant` has for each prompt or input the captures of what it met, or None where the reply is not
    meant for it: such get filler or their own vector. `occasion` tells this request from equal ones before it; only the id
    depends on it.
    """
    if reply.error is not UNSET:
        return _error(reply.error)
    request = decoded.request
    content: Said | Embedded
    completion_tokens: int | None
    if isinstance(request, EmbeddingRequest):
        own = [makings.embed(text, decoded.model.dimensions) for text in request.inputs]
        edges = reply.vectors
        found = [
            _edged(edges, vector) if isinstance(edges, Edges) and captures is not None else vector
            for vector, captures in zip(own, meant, strict=True)
        ]
        content = Embedded(tuple(found), base64=request.base64)
        completion_tokens = None
    else:
        content = Said(tuple(_choices(reply, meant, decoded, request, makings)))
        completion_tokens = sum(len(choice.pieces) for choice in content.choices)
    prefix = "chatcmpl-" if isinstance(request, ChatRequest) else "cmpl-"
    return Answer(
        id=_given(reply.id, answer_id(prefix, draw(makings.seed, occasion, "id"))),
        created=_given(reply.created, makings.created),
        model=_given(reply.model, decoded.model.answers_as),
        content=content,
        usage=Usage(
            _given(reply.usage.prompt_tokens, sum(decoded.prompt_tokens)),
            _given(reply.usage.completion_tokens, completion_tokens),
        ),
    )


def _error(reply: str | ErrorReply) -> ApiError:
    if isinstance(reply, str):
        return ApiError(reply)
    values: dict[str, str | int] = {}
    headers = dict(reply.headers)
    if reply.retry_after is not UNSET:
        milliseconds = round(seconds(reply.retry_after) * 1000)
        values["retry_after"] = -(-milliseconds // 1000)  # rounded up: no sooner than said
        headers |= {"retry-after": str(values["retry_after"]), "retry-after-ms": str(milliseconds)}
    changes = {
        key: getattr(reply, key)
        for key in ("status", "type", "param", "code", "message")
        if getattr(reply, key) is not UNSET
    }
    return ApiError(reply.preset, values, changes=changes, headers=headers)


def _given(value: T | UnsetType, default: T) -> T:
    return default if isinstance(value, UnsetType) else value


def _choices(
    described: Reply,
    meant: Sequence[Captures | None],
    decoded: Decoded,
    request: ChatRequest | CompletionRequest,
    makings: Makings,
) -> Iterator[Spoken]:
    """Yield a choice for each prompt, cut where its tokens or the model's window end."""
    prompts = (request,) if isinstance(request, ChatRequest) else request.prompts
    counted = zip(prompts, decoded.prompt_tokens, meant, strict=True)
    for prompt, prompt_tokens, captures in counted:
        reply = _FILLER if captures is None else described
        filler = _given(reply.filler, Filler())
        if reply.say is UNSET:
            pieces = makings.split(_filler(prompt, decoded.model.answers_as, filler, makings.seed))
        else:
            pieces = makings.split(reply.say)
        room = decoded.model.window - prompt_tokens
        room = min(room, _given(filler.tokens, room), request.max_tokens or room)
        finish = "length" if len(pieces) > room else _given(reply.finish, "stop")
        yield Spoken(pieces[:room], finish)


def _filler(prompt: ChatRequest | Text, model: str, filler: Filler, seed: int) -> str:
    """Return prose for a conversation or a prompt: equal ones, whatever the rest, get the same."""
    if isinstance(prompt, ChatRequest):
        about = repr([(m.role, m.content, m.name) for m in prompt.messages])
        spoken = prompt.user or prompt.messages[-1].content
    else:
        about = repr(prompt)
        spoken = prompt if isinstance(prompt, str) else ""
    locale = _given(filler.locale, locale_of(spoken))
    return prose(locale, seed, "filler", model, about)


def _edged(edges: Edges, vector: Sequence[float]) -> Sequence[float]:
    """Return a vector with the numbers given at its ends, as they stand, and of unit length."""
    middle = vector[len(edges.first) : len(vector) - len(edges.last)]
    given = sum(number * number for number in (*edges.first, *edges.last))
    own = sum(number * number for number in middle)
    scale = math.sqrt(max(0.0, 1 - given) / own) if own else 0.0
    return [*edges.first, *array("f", [number * scale for number in middle]), *edges.last]
