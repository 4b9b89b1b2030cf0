"""What a rule or a step answers: the language's replies, as types.

How they become answers is `answers.py`'s, how they are paced and disturbed `responses.py`'s.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from mockgpt.core.entry import Entry
from mockgpt.core.faults import Fault
from mockgpt.core.pace import Duration, Pace
from mockgpt.core.service import Dialect

Count = Annotated[int, Meta(ge=0)]
Status = Annotated[int, Meta(ge=200, le=599)]


class Filler(Entry, frozen=True, kw_only=True):
    """Seeded prose, what an unscripted server answers."""

    tokens: Annotated[
        Annotated[int, Meta(ge=1)] | UnsetType, Meta(description="At most so many tokens.")
    ] = UNSET
    locale: Annotated[
        str | UnsetType,
        Meta(description="A locale of Faker's, such as zh_CN; default: the prompt's own language."),
    ] = UNSET


class Usage(Entry, frozen=True, kw_only=True):
    """Usage figures that replace those counted."""

    prompt_tokens: Annotated[
        Count | UnsetType, Meta(description="Instead of the tokens counted in the request.")
    ] = UNSET
    completion_tokens: Annotated[
        Count | UnsetType, Meta(description="Instead of the tokens counted in the answer.")
    ] = UNSET


class Piece(Entry, frozen=True, kw_only=True):
    """A chunk of a text, and how long after the one before it comes.

    The wait stands instead of that of a pace. An answer that is not streamed comes after their sum.
    """

    text: Annotated[str, Meta(description="The chunk's text, as it stands.")]
    after: Annotated[
        Duration, Meta(description="The wait before it; it stands instead of that of a pace.")
    ] = 0.0


class Edges(Entry, frozen=True, kw_only=True):
    """The first and last numbers of a vector; between them stand those of the input's own."""

    first: Annotated[tuple[float, ...], Meta(description="The first numbers.")] = ()
    last: Annotated[tuple[float, ...], Meta(description="The last numbers.")] = ()


class Similar(Entry, frozen=True, kw_only=True):
    """A vector with a given cosine to the vector of another text."""

    to: Annotated[str, Meta(description="The other text.")]
    cosine: Annotated[
        Annotated[float, Meta(ge=-1, le=1)], Meta(description="The cosine of the two vectors.")
    ]


class ErrorReply(Entry, frozen=True, kw_only=True):
    """An error preset of the service's catalogue, and what to say otherwise."""

    preset: Annotated[
        str, Meta(description="The error's name in the catalogue, such as rate_limit_requests.")
    ] = "server_error"
    status: Annotated[
        Annotated[int, Meta(ge=400, le=599)] | UnsetType, Meta(description="Another HTTP status.")
    ] = UNSET
    type: Annotated[str | UnsetType | None, Meta(description="Another `type`.")] = UNSET
    param: Annotated[str | UnsetType | None, Meta(description="Another `param`.")] = UNSET
    code: Annotated[str | int | UnsetType | None, Meta(description="Another `code`.")] = UNSET
    message: Annotated[str | UnsetType, Meta(description="Another message.")] = UNSET
    headers: Annotated[
        dict[str, str],
        Meta(description="Further response headers, instead of the service's of the same names."),
    ] = field(default_factory=dict)
    retry_after: Annotated[
        Duration | UnsetType,
        Meta(description="Sets Retry-After, in whole seconds, and retry-after-ms."),
    ] = UNSET
    body: Annotated[
        str | dict[str, Any] | UnsetType,
        Meta(description="The whole body instead of the service's: a text, or a mapping as JSON."),
    ] = UNSET


class Chunk(Entry, frozen=True, kw_only=True):
    """Bytes of a raw body, and how long after those before they come."""

    text: Annotated[str | UnsetType, Meta(description="The bytes, as UTF-8 text.")] = UNSET
    base64: Annotated[str | UnsetType, Meta(description="The bytes, in base64.")] = UNSET
    after: Annotated[Duration, Meta(description="The wait before them.")] = 0.0


class Raw(Entry, frozen=True, kw_only=True):
    """A response as it stands: nothing of it is the service's.

    A body without a content type gets one: JSON is application/json, all else text/plain.
    """

    status: Annotated[Status, Meta(description="The HTTP status.")] = 200
    headers: Annotated[dict[str, str], Meta(description="The response headers.")] = field(
        default_factory=dict
    )
    body: Annotated[
        str | UnsetType, Meta(description="The whole body, sent with its Content-Length.")
    ] = UNSET
    chunks: Annotated[
        tuple[str | Chunk, ...] | UnsetType,
        Meta(description="The body in parts, each written by itself, without a Content-Length."),
    ] = UNSET


class Reply(Entry, frozen=True, kw_only=True):
    """What to answer: exactly one source, and what adjusts it."""

    say: Annotated[str | UnsetType, Meta(description="A text, as it stands.")] = UNSET
    template: Annotated[
        str | UnsetType,
        Meta(
            description="A Jinja2 template: captures by name, user, system, model, turn, call, "
            "attempt, request."
        ),
    ] = UNSET
    file: Annotated[
        str | UnsetType,
        Meta(
            description="The text of a file in this one's folder or below; its path is relative to that."
        ),
    ] = UNSET
    filler: Annotated[
        Filler | UnsetType, Meta(description="Seeded prose in the prompt's own language.")
    ] = UNSET
    pieces: Annotated[
        tuple[str | Piece, ...] | UnsetType,
        Meta(description="A text in explicit chunks, one event of a stream each."),
    ] = UNSET
    choices: Annotated[
        tuple[str, ...] | UnsetType, Meta(description="Several texts, one for each choice.")
    ] = UNSET
    vectors: Annotated[
        Edges | tuple[float | tuple[float, ...], ...] | UnsetType,
        Meta(
            description="Embeddings: one vector for every input, a list with one for each, or the "
            "first and last numbers of the input's own."
        ),
    ] = UNSET
    similar: Annotated[
        Similar | UnsetType, Meta(description="An embedding as near to that of another text.")
    ] = UNSET
    error: Annotated[
        str | ErrorReply | UnsetType,
        Meta(description="An error of the service: a preset's name, or a mapping."),
    ] = UNSET
    raw: Annotated[
        Raw | UnsetType, Meta(description="Status, headers and bytes as they stand.")
    ] = UNSET
    attempts: Annotated[
        "tuple[str | Reply, ...] | UnsetType",
        Meta(description="A reply for each attempt of the same call; the last one stays."),
    ] = UNSET
    finish: Annotated[
        Literal["stop", "length", "content_filter"] | UnsetType,
        Meta(description="The finish reason."),
    ] = UNSET
    usage: Annotated[Usage, Meta(description="Usage figures instead of those counted.")] = Usage()
    model: Annotated[str | UnsetType, Meta(description="The model that the answer names.")] = UNSET
    id: Annotated[str | UnsetType, Meta(description="The answer's id.")] = UNSET
    created: Annotated[
        Count | UnsetType, Meta(description="The answer's time, in seconds of the Unix epoch.")
    ] = UNSET
    headers: Annotated[
        dict[str, str],
        Meta(description="Further response headers, instead of the service's of the same names."),
    ] = field(default_factory=dict)
    dialect: Annotated[
        Dialect | UnsetType, Meta(description="In whose words and shape an error is answered.")
    ] = UNSET
    pace: Annotated[Pace | UnsetType, Meta(description="How fast the answer comes.")] = UNSET
    faults: Annotated[
        tuple[Fault, ...] | UnsetType,
        Meta(description="What goes wrong on the way, in this order."),
    ] = UNSET


class Defaults(Entry, frozen=True, kw_only=True):
    """What every reply has that does not say otherwise."""

    pace: Annotated[Pace | UnsetType, Meta(description="How fast answers come.")] = UNSET
    faults: Annotated[tuple[Fault, ...], Meta(description="What goes wrong on the way.")] = ()


_NO_DEFAULTS = Defaults()

SPOKEN = ("say", "template", "file", "pieces", "choices")
EMBEDDED = ("vectors", "similar")
SOURCES = (
    "say", "template", "file", "filler", "pieces", "choices", "vectors", "similar", "error", "raw",
    "attempts",
)  # fmt: skip


def reply_of(reply: str | Reply) -> Reply:
    """Return a reply that may be a string, which is short for `say`."""
    return Reply(say=reply) if isinstance(reply, str) else reply


def attempts_of(reply: Reply) -> tuple[Reply, ...]:
    """Return a reply's attempts; without a list it is its own only one."""
    return (reply,) if reply.attempts is UNSET else tuple(map(reply_of, reply.attempts))


def pace_of(reply: Reply, defaults: Defaults) -> Pace | UnsetType:
    """Return a reply's pace: its own, or that of the scenario's defaults."""
    return defaults.pace if reply.pace is UNSET else reply.pace


def faults_of(reply: Reply, defaults: Defaults = _NO_DEFAULTS) -> tuple[Fault, ...]:
    """Return a reply's faults: its own, none if it says so, or those of the scenario's defaults."""
    return defaults.faults if reply.faults is UNSET else reply.faults


def vectors_of(reply: Reply) -> int:
    """Return how many inputs a reply has a vector of their own for; 0 where any number will do."""
    vectors = reply.vectors
    return len(vectors) if isinstance(vectors, tuple) and isinstance(vectors[0], tuple) else 0
