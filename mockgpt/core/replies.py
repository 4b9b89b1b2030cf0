"""What a rule or a step answers: the language's replies, as types.

How they become answers is `answers.py`'s, how they are paced and disturbed `responses.py`'s.
"""

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from mockgpt.core.entry import Entry, Place, Problem, did_you_mean
from mockgpt.core.faults import Fault, fault_problems
from mockgpt.core.pace import Duration, Pace, pace_problems
from mockgpt.core.prose import knows_locale
from mockgpt.core.service import Dialect, Service

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
    """A chunk of a text, and how long after the one before it comes."""

    text: Annotated[str, Meta(description="The chunk's text, as it stands.")]
    after: Annotated[Duration, Meta(description="The wait before it.")] = 0.0


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
    headers: Annotated[dict[str, str], Meta(description="Further response headers.")] = field(
        default_factory=dict
    )
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
    """A response as it stands: nothing of it is the service's."""

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
        str | UnsetType, Meta(description="The text of a file; its path is relative to this one's.")
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
    headers: Annotated[dict[str, str], Meta(description="Further response headers.")] = field(
        default_factory=dict
    )
    dialect: Annotated[
        Dialect | UnsetType, Meta(description="In whose words and shape an error is answered.")
    ] = UNSET
    pace: Annotated[Pace | UnsetType, Meta(description="How fast the answer comes.")] = UNSET
    faults: Annotated[
        tuple[Fault, ...], Meta(description="What goes wrong on the way, in this order.")
    ] = ()


class Defaults(Entry, frozen=True, kw_only=True):
    """What every reply has that does not say otherwise."""

    pace: Annotated[Pace | UnsetType, Meta(description="How fast answers come.")] = UNSET
    faults: Annotated[tuple[Fault, ...], Meta(description="What goes wrong on the way.")] = ()


SOURCES = (
    "say", "template", "file", "filler", "pieces", "choices", "vectors", "similar", "error", "raw",
    "attempts",
)  # fmt: skip
_NOTHING = Reply()


def reply_of(reply: str | Reply) -> Reply:
    """Return a reply that may be a string, which is short for `say`."""
    return Reply(say=reply) if isinstance(reply, str) else reply


def attempts_of(reply: Reply) -> tuple[Reply, ...]:
    """Return a reply's attempts; without a list it is its own only one."""
    return (reply,) if reply.attempts is UNSET else tuple(map(reply_of, reply.attempts))


def reply_problems(reply: Reply, place: Place, service: Service) -> Iterator[Problem]:
    """Yield what the types alone cannot refuse, with its place in the scenario."""
    given = [key for key in SOURCES if getattr(reply, key) is not UNSET]
    if len(given) != 1:
        found = " and ".join(f"`{key}`" for key in given) or "none of them"
        wanted = ", ".join(f"`{key}`" for key in SOURCES)
        yield place, f"expected exactly one of {wanted}, found {found}"
    if reply.attempts is not UNSET:
        yield from _attempts_problems(reply, reply.attempts, place, service)
    for where, message in (
        *pace_problems(reply.pace),
        *fault_problems(reply.faults, service.presets),
    ):
        yield (*place, *where), message
    preset = reply.error.preset if isinstance(reply.error, ErrorReply) else reply.error
    if preset is not UNSET and preset not in service.presets:
        at = (
            (*place, "error", "preset")
            if isinstance(reply.error, ErrorReply)
            else (*place, "error")
        )
        yield (
            at,
            f"expected an error preset, found '{preset}'{did_you_mean(preset, service.presets)}",
        )
    if isinstance(reply.vectors, Edges):
        yield from _edges_problems(reply.vectors, (*place, "vectors"), service)
    locale = UNSET if reply.filler is UNSET else reply.filler.locale
    if locale is not UNSET and not knows_locale(locale):
        yield (*place, "filler", "locale"), f"expected a locale of Faker's, found '{locale}'"
    for key in ("say", "model", "id"):
        text = getattr(reply, key)
        if text is not UNSET and any("\ud800" <= c <= "\udfff" for c in text):
            yield (*place, key), "expected text, found half of a surrogate pair"


def _attempts_problems(
    reply: Reply, attempts: tuple[str | Reply, ...], place: Place, service: Service
) -> Iterator[Problem]:
    others = [
        key
        for key in reply.__struct_fields__
        if key != "attempts" and getattr(reply, key) != getattr(_NOTHING, key)
    ]
    if others:
        message = f"expected `{others[0]}` in each attempt, found it beside `attempts`"
        yield (*place, others[0]), message
    if not attempts:
        yield (*place, "attempts"), "expected a reply for each attempt, found an empty list"
    for number, attempt in enumerate(attempts):
        at = (*place, "attempts", number)
        if isinstance(attempt, Reply) and attempt.attempts is not UNSET:
            yield at, "expected a reply, found attempts within attempts"
        else:
            yield from reply_problems(reply_of(attempt), at, service)


def _edges_problems(edges: Edges, place: Place, service: Service) -> Iterator[Problem]:
    numbers = (*edges.first, *edges.last)
    room = min((m.dimensions for m in service.models.values() if m.kind == "embeddings"), default=0)
    if len(numbers) > room:
        yield place, f"expected at most {room} numbers, found {len(numbers)}"
    length = math.hypot(*numbers)
    if not length <= 1:  # also where it is not a number
        yield (
            place,
            f"expected numbers of a vector of unit length, found ones of length {length:.6g}",
        )
