"""What a reply may not be: all that its types alone cannot refuse, with its place in the scenario."""

import math
from base64 import b64decode
from collections.abc import Collection, Iterator

import msgspec
from msgspec import UNSET

from mockgpt.core.entry import Missing, Place, Problem, did_you_mean, surrogate_problems
from mockgpt.core.faults import ErrorEvent, fault_problems
from mockgpt.core.headers import header_problems
from mockgpt.core.pace import Pace, pace_problems
from mockgpt.core.prose import knows_locale
from mockgpt.core.replies import (
    EMBEDDED,
    SOURCES,
    Chunk,
    Edges,
    ErrorReply,
    Raw,
    Reply,
    faults_of,
    reply_of,
)
from mockgpt.core.service import Service
from mockgpt.core.templates import template_problems

_NOTHING, _NO_PACE = Reply(), Pace()
_LARGEST = 3.4028235e38  # of a float32
_BODILESS = frozenset({204, 304})  # RFC 9110, sections 15.3.5 and 15.4.5

# What could never do anything beside a source.
_IDLE = {
    **dict.fromkeys(EMBEDDED, ("finish", "id", "created")),
    "error": ("finish", "usage", "model", "id", "created"),
    "raw": ("finish", "usage", "model", "id", "created", "headers"),
    "attempts": tuple(key for key in Reply.__struct_fields__ if key not in SOURCES),
}
_IDLE_PACE = {
    **dict.fromkeys((*EMBEDDED, "error"), ("each", "tokens_per_second", "chunk")),
    "raw": ("tokens_per_second", "chunk"),
    "pieces": ("chunk",),
}


def reply_problems(
    reply: Reply, place: Place, service: Service, captures: Collection[str]
) -> Iterator[Problem]:
    """Yield what is wrong with a reply; `captures` are the names that its conditions give."""
    given = [key for key in SOURCES if getattr(reply, key) is not UNSET]
    if len(given) != 1:
        found = " and ".join(f"`{key}`" for key in given) or "none of them"
        wanted = ", ".join(f"`{key}`" for key in SOURCES)
        message = f"expected exactly one of {wanted}, found {found}"
        yield place, message if given else Missing(message)
    else:
        yield from _idle_problems(reply, given[0], place)
    yield from _attempts_problems(reply, place, service, captures)
    for where, message in (
        *pace_problems(reply.pace),
        *fault_problems(faults_of(reply), service.presets),
        *((("headers", name), why) for name, why in header_problems(reply.headers)),
    ):
        yield (*place, *where), message
    yield from _text_problems(reply, place, captures)
    if reply.error is not UNSET:
        yield from _error_problems(reply.error, (*place, "error"), service)
    if reply.raw is not UNSET:
        yield from _raw_problems(reply.raw, (*place, "raw"))
    room = min((m.dimensions for m in service.models.values() if m.kind == "embeddings"), default=0)
    if reply.similar is not UNSET and room < 2:  # noqa: PLR2004 - in one there is but one direction
        yield (*place, "similar"), f"expected models of two dimensions or more, found {room}"
    match reply.vectors:
        case Edges() as edges:
            yield from _edges_problems(edges, (*place, "vectors"), room)
        case tuple(vectors):
            yield from _vectors_problems(vectors, (*place, "vectors"))
    own = msgspec.structs.replace(reply, attempts=UNSET)
    yield from surrogate_problems(msgspec.to_builtins(own), place)


def _idle_problems(reply: Reply, source: str, place: Place) -> Iterator[Problem]:
    """Yield what could never do anything beside a reply's source."""
    for key in _IDLE.get(source, ()):
        if getattr(reply, key) != getattr(_NOTHING, key):
            message = (
                f"expected `{key}` in each attempt, found it beside `attempts`"
                if source == "attempts"
                else f"expected no `{key}` beside `{source}`, where it changes nothing, found it"
            )
            yield (*place, key), message
    if source in EMBEDDED and reply.usage.completion_tokens is not UNSET:
        message = f"expected none beside `{source}`, where it changes nothing, found it"
        yield (*place, "usage", "completion_tokens"), message
    for key in _IDLE_PACE.get(source, ()):
        if reply.pace is not UNSET and getattr(reply.pace, key) != getattr(_NO_PACE, key):
            message = f"expected no `{key}` beside `{source}`, where it changes nothing, found it"
            yield (*place, "pace", key), message
    errors = source in ("error", "attempts") or any(
        isinstance(f, ErrorEvent) for f in faults_of(reply)
    )
    if reply.dialect is not UNSET and not errors:
        message = "expected it beside `error` or the fault `error_event`, found neither"
        yield (*place, "dialect"), Missing(message)


def _attempts_problems(
    reply: Reply, place: Place, service: Service, captures: Collection[str]
) -> Iterator[Problem]:
    attempts = () if reply.attempts is UNSET else reply.attempts
    if reply.attempts == ():
        yield (*place, "attempts"), "expected a reply for each attempt, found an empty list"
    for number, attempt in enumerate(attempts):
        at = (*place, "attempts", number)
        if isinstance(attempt, Reply) and attempt.attempts is not UNSET:
            yield at, "expected a reply, found attempts within attempts"
        else:
            yield from reply_problems(reply_of(attempt), at, service, captures)


def _text_problems(reply: Reply, place: Place, captures: Collection[str]) -> Iterator[Problem]:
    for key in ("pieces", "choices"):
        if getattr(reply, key) == ():
            yield (*place, key), "expected at least one text, found an empty list"
    if reply.template is not UNSET:
        for message in template_problems(reply.template, captures):
            yield (*place, "template"), message
    if reply.model is not UNSET and not reply.model.isprintable():  # a header repeats it
        yield (*place, "model"), f"expected a name in one line, found {reply.model!r}"
    locale = UNSET if reply.filler is UNSET else reply.filler.locale
    if locale is not UNSET and not knows_locale(locale):
        yield (*place, "filler", "locale"), f"expected a locale of Faker's, found '{locale}'"


def _error_problems(error: str | ErrorReply, place: Place, service: Service) -> Iterator[Problem]:
    preset, at = (error, place) if isinstance(error, str) else (error.preset, (*place, "preset"))
    if preset not in service.presets:
        alone = f"; a status by itself is {{status: {preset}}}" if preset.isdecimal() else ""
        hint = alone or did_you_mean(preset, service.presets)
        yield at, f"expected an error preset, found '{preset}'{hint}"
    if isinstance(error, str):
        return
    for name, why in header_problems(error.headers):
        yield (*place, "headers", name), why
    if error.body is UNSET:
        return
    for key in ("type", "param", "code", "message"):
        if getattr(error, key) is not UNSET:
            yield (*place, key), f"expected `{key}` within `body`, the whole body, found it beside"


def _raw_problems(raw: Raw, place: Place) -> Iterator[Problem]:
    for name, why in header_problems(raw.headers):
        yield (*place, "headers", name), why
    if raw.body is not UNSET and raw.chunks is not UNSET:
        yield place, "expected `body` or `chunks`, found both"
    if raw.status in _BODILESS and (raw.body or raw.chunks):
        yield place, f"expected no body with status {raw.status}, which never has one, found one"
    if raw.chunks == ():
        yield (*place, "chunks"), "expected at least one, found an empty list"
    for number, chunk in enumerate(() if raw.chunks is UNSET else raw.chunks):
        if isinstance(chunk, Chunk):
            yield from _chunk_problems(chunk, (*place, "chunks", number))


def _chunk_problems(chunk: Chunk, place: Place) -> Iterator[Problem]:
    if (chunk.text is UNSET) is (chunk.base64 is UNSET):
        found = "neither" if chunk.text is UNSET else "both"
        message = f"expected either `text` or `base64`, found {found}"
        yield place, Missing(message) if chunk.text is UNSET else message
    if chunk.base64 is not UNSET:
        try:
            b64decode(chunk.base64, validate=True)
        except ValueError as error:
            yield (*place, "base64"), f"expected base64, found an error: {error}"


def _edges_problems(edges: Edges, place: Place, room: int) -> Iterator[Problem]:
    numbers = (*edges.first, *edges.last)
    if len(numbers) > room:
        yield place, f"expected at most {room} numbers, found {len(numbers)}"
    length = math.hypot(*numbers)
    if not length <= 1:  # also where it is not a number
        wanted = "numbers of a vector of unit length"
        yield place, f"expected {wanted}, found ones of length {length:.6g}"


def _vectors_problems(
    vectors: tuple[float | tuple[float, ...], ...], place: Place
) -> Iterator[Problem]:
    if not vectors:
        yield place, "expected at least one number, found an empty list"
    if len({isinstance(vector, tuple) for vector in vectors}) > 1:
        yield place, "expected numbers or lists of numbers, found both"
    for number, vector in enumerate(vectors):
        if vector == ():
            yield (*place, number), "expected at least one number, found an empty list"
        for one in vector if isinstance(vector, tuple) else (vector,):
            if not abs(one) <= _LARGEST:  # also where it is not a number
                yield (*place, number), f"expected numbers of 32 bits, found {one}"
