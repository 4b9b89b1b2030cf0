"""Decisions to plans: an error, an answer.

Here a response gets its headers, its pace and its faults. All of it depends on values alone.
"""

from base64 import b64decode
from functools import lru_cache

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from mockgpt.core.answers import Answer, Embedded, Said
from mockgpt.core.calls import Attempt
from mockgpt.core.decode import Decoded
from mockgpt.core.draws import answer_id, between, draw, drawing, part, uuid4
from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.encode.text import Encoded
from mockgpt.core.endpoints import encode
from mockgpt.core.errors import ApiError, media_type, one_line, render
from mockgpt.core.faults import Fault
from mockgpt.core.happening import faulty
from mockgpt.core.headers import merged, printable
from mockgpt.core.injection import Occasion
from mockgpt.core.pace import Pace, hurried, paced, seconds
from mockgpt.core.plan import Data, End, Filled, Head, Headers, Layout, Pause, Plan, stream, whole
from mockgpt.core.replies import Chunk, Raw, Reply
from mockgpt.core.service import Dialect, Endpoint, Service

_DRAWN = ("request_id", "milliseconds")  # for each response anew
_MILLISECONDS, _REQUEST_ID, _ID = map(part, ("milliseconds", "request id", "id"))
_TOKENS, _VECTORS = 1_024, 1  # of an answer that is kept in bytes


class Manner(Struct, frozen=True, kw_only=True):
    """In whose manner responses are made, and from which seed. `speed` divides every wait.

    `headers` stand on every response, besides the service's.
    """

    service: Service
    dialect: Dialect
    seed: int
    speed: float
    headers: Headers = ()


def refused(errors: tuple[ApiError, ...], manner: Manner, key: bytes) -> tuple[Plan, str]:
    """Return the response that errors give, and its message. `key` is the request's, for draws."""
    rendered = render(errors, manner.service, manner.dialect)
    headers = merged(common(manner, key), dict(rendered.headers))
    return whole(rendered.status, headers, rendered.body), rendered.message


def failed(reason: str) -> Plan:
    """Return the response of a bug in mockgpt: it looks nothing up, since what it needs may be broken."""
    message = (
        f"mockgpt failed to answer this request: {reason}. This is a bug in mockgpt, not in your "
        "client; please report it."
    )
    error = {"message": message, "type": "mockgpt_bug", "param": None, "code": None}
    headers = (("content-type", "application/json"), ("x-mockgpt-bug", "1"))
    return whole(500, headers, json_bytes({"error": error}))


class Prepared(Struct, frozen=True, kw_only=True, eq=False):
    """The response to equal requests, but for what each of them draws: ids, seconds, headers.

    `texts` are what is filled in at the places of its headers' layout, with `{placeholders}`; that
    of the `model` is its name as a header may have it. So many of the headers are the `common`
    ones, which limits stand behind. `pace` is what each response is still to be given: one that
    varies, or that of a body in one; others are in `encoded`.
    """

    answer: Answer
    encoded: Encoded
    layout: Layout
    texts: tuple[str, ...]
    model: str
    common: int
    pace: Pace | UnsetType


def prepared(
    decoded: Decoded,
    endpoint: Endpoint,
    answer: Answer,
    service: Service,
    pace: Pace | UnsetType,
    *,
    again: bool,
) -> Prepared:
    """Prepare the response of an answer, streamed where the request asked for it.

    `again` tells whether it is to be answered more than once.
    """
    encoded = encode(decoded.request, answer)
    if encoded.streamed and pace is not UNSET and not pace.jitter:
        encoded, pace = replace(encoded, steps=paced(encoded.steps, pace)), UNSET
    ignored = printable(", ".join(decoded.ignored)) if decoded.ignored else None
    model = printable(answer.model)
    layout, texts = _layout(endpoint, service, model, ignored, streamed=encoded.streamed)
    return Prepared(
        answer=answer,
        encoded=encoded.kept() if again else encoded,
        layout=layout,
        texts=texts,
        model=model,
        common=len(service.headers),
        pace=pace,
    )


def is_small(answer: Answer) -> bool:
    """Tell whether an answer is little enough to be kept, in bytes, for requests that come again."""
    if isinstance(answer.content, Embedded):
        return len(answer.content.vectors) <= _VECTORS
    return (answer.usage.completion_tokens or 0) <= _TOKENS


@lru_cache(maxsize=64)
def _layout(
    endpoint: Endpoint, service: Service, model: str, ignored: str | None, *, streamed: bool
) -> tuple[Layout, tuple[str, ...]]:
    """Return the headers of such responses, and the texts with something that each of them draws."""
    known = {"model": model, "request_id": "", "milliseconds": ""}
    told = {} if ignored is None else {"x-mockgpt-ignored": ignored}
    kind = {"content-type": "text/event-stream" if streamed else "application/json"}
    headers: list[tuple[str, str]] = []
    texts: dict[int, str] = {}
    for group, is_filled in (
        (service.headers, True),
        (endpoint.headers, True),
        (told, False),
        (endpoint.stream_headers if streamed else {}, True),
        (kind, False),
    ):
        for name, text in group.items():
            if is_filled and any(f"{{{drawn}" in text for drawn in _DRAWN):
                texts[len(headers)] = text
            headers.append((name, _formatted(text, known) if is_filled else text))
    return Layout(tuple(headers), tuple(texts)), tuple(texts.values())


def answered(prepared: Prepared, manner: Manner, key: bytes, at: int) -> Plan:
    """Return the response to one request, in this second of the Unix epoch."""
    answer, encoded = prepared.answer, prepared.encoded
    drawn = drawing(manner.seed, part(key))
    tenths = between(drawn(_MILLISECONDS), 2_000_000, 20_000_000)
    values = {
        "request_id": uuid4(drawn(_REQUEST_ID)),
        "model": prepared.model,
        "milliseconds": f"{tenths / 10_000:.4f}",
    }
    filled = Filled(prepared.layout, tuple([text.format_map(values) for text in prepared.texts]))
    headers = filled if not manner.headers else _with(filled, manner.headers, prepared.common)
    created = at if answer.created is None else answer.created
    id_ = answer.id
    if id_ is None and encoded.id:
        id_ = answer_id(encoded.id, created, drawn(_ID))
    if encoded.streamed:
        return stream(headers, encoded.filled(id_ or "", created))
    wait = answer.content.wait if isinstance(answer.content, Said) else 0.0
    return whole(200, headers, encoded.joined(id_ or "", created), wait)


def _with(filled: Filled, more: Headers, place: int) -> Headers:
    headers = tuple(filled)
    return headers[:place] + more + headers[place:]


def verbatim(raw: Raw) -> Plan:
    """Return the response of a `raw` reply, as it stands; a body without a content type gets one.

    Chunks are written each by itself, and encoded when they are due: a slow reader's would wait.
    """
    if raw.chunks is UNSET:
        body = b"" if raw.body is UNSET else raw.body.encode()
        yield from whole(raw.status, _typed(raw.headers, body), body)
        return
    joined = b"".join(_bytes_of(chunk)[0] for chunk in raw.chunks)
    head = Head(raw.status, _typed(raw.headers, joined))
    del joined
    yield head
    for data, after in map(_bytes_of, raw.chunks):
        yield Pause(after)
        yield Data(data)
    yield End()


def _bytes_of(chunk: str | Chunk) -> tuple[bytes, float]:
    """Return the bytes of a chunk, and the seconds before them."""
    match chunk:
        case str():
            return chunk.encode(), 0.0
        case Chunk(text=str(text)):
            return text.encode(), seconds(chunk.after)
        case _:
            return b64decode(str(chunk.base64)), seconds(chunk.after)


def _typed(headers: dict[str, str], body: bytes) -> Headers:
    typed = not body or any(name.lower() == "content-type" for name in headers)
    given = tuple(headers.items())
    return given if typed else (*given, ("content-type", media_type(body)))


def disturbed(
    plan: Plan,
    reply: Reply,
    attempt: Attempt,
    *,
    pace: Pace | UnsetType,
    faults: tuple[Fault, ...],
    manner: Manner,
    key: bytes,
    acted: set[int],
) -> Plan:
    """Give a plan its pace and faults, and the reply's headers.

    The indices of the faults that changed anything become `acted` while it is executed.
    """
    if not (faults or reply.headers) and pace is UNSET and manner.speed == 1:
        return plan

    def drawn(purpose: str) -> float:
        return int.from_bytes(draw(manner.seed, key, purpose, size=8)) / 2**64

    def error_body(preset: str) -> bytes:
        error = ApiError(preset, dialect=None if reply.dialect is UNSET else reply.dialect)
        return one_line(render((error,), manner.service, manner.dialect).body)

    if reply.headers:
        plan = _headed(plan, reply.headers)
    if pace is not UNSET:
        plan = paced(plan, pace, drawn)
    if faults:
        occasion = Occasion(
            call=attempt.call, attempt=attempt.attempt, draw=drawn, error=error_body
        )
        plan = faulty(plan, faults, occasion, acted)
    return plan if manner.speed == 1 else hurried(plan, manner.speed)


def _headed(plan: Plan, headers: dict[str, str]) -> Plan:
    for step in plan:
        yield (
            replace(step, headers=merged(step.headers, headers)) if isinstance(step, Head) else step
        )


def common(manner: Manner, key: bytes) -> Headers:
    """Return the headers of every response: the service's, and those of this manner."""
    values = {"request_id": uuid4(drawing(manner.seed, part(key))(_REQUEST_ID))}
    own = [(name, _formatted(text, values)) for name, text in manner.service.headers.items()]
    return (*own, *manner.headers)


def _formatted(text: str, values: dict[str, str]) -> str:
    """Fill in what stands in braces, which few headers have."""
    return text.format_map(values) if "{" in text else text
