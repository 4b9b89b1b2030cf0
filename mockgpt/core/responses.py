"""Decisions to plans: an error, an answer, a list of models, a browser's pre-flight.

Here a response gets its headers, its pace and its faults. All of it depends on values alone.
"""

from base64 import b64decode

from msgspec import UNSET, Struct
from msgspec.structs import replace

from mockgpt.core.answers import Answer, Said
from mockgpt.core.calls import Attempt
from mockgpt.core.decode import Decoded, model_not_found
from mockgpt.core.draws import between, draw, uuid4
from mockgpt.core.encode import models
from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.endpoints import Route, allowed, encode
from mockgpt.core.errors import ApiError, media_type, render
from mockgpt.core.exchange import Incoming
from mockgpt.core.headers import merged
from mockgpt.core.injection import Occasion, faulty, happens
from mockgpt.core.pace import hurried, paced, seconds
from mockgpt.core.plan import Data, End, Head, Headers, Pause, Plan, stream, whole
from mockgpt.core.replies import Chunk, Defaults, Raw, Reply, pace_of
from mockgpt.core.service import Dialect, Endpoint, Service

_HEADER_SHOWN = 1_000  # characters of a header that repeats what the client sent


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
    headers = merged(_common(manner, key), dict(rendered.headers))
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


def answered(
    decoded: Decoded, endpoint: Endpoint, answer: Answer, manner: Manner, key: bytes
) -> Plan:
    """Return the response of an answer, streamed where the request asked for it."""
    headers = (*_common(manner, key), *_filled(endpoint.headers, answer.model, manner, key))
    if decoded.ignored:
        headers = (*headers, ("x-mockgpt-ignored", _header_text(", ".join(decoded.ignored))))
    encoded = encode(decoded.request, answer)
    if isinstance(encoded, bytes):
        wait = answer.content.wait if isinstance(answer.content, Said) else 0.0
        return whole(200, (*headers, ("content-type", "application/json")), encoded, wait)
    more = _filled(endpoint.stream_headers, answer.model, manner, key)
    return stream((*headers, *more, ("content-type", "text/event-stream")), encoded)


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


def listed(route: Route, manner: Manner, key: bytes) -> Plan | ApiError:
    """Return the response with all models or the one that the path names."""
    body = models.listed(manner.service)
    if route.item is not None:
        model = manner.service.model(route.item)
        if model is None:
            return model_not_found(route.item, route.endpoint, manner.service)
        body = models.one(model)
    return whole(200, (*_common(manner, key), ("content-type", "application/json")), body)


def preflight(incoming: Incoming, endpoint: Endpoint, manner: Manner, key: bytes) -> Plan:
    """Answer what a browser asks before it sends a request of another origin (Fetch, section 3.3).

    The requested headers are repeated: `*` does not cover Authorization.
    """
    asked = incoming.headers.get("access-control-request-headers", "*")
    methods = ", ".join(allowed(endpoint))
    headers = (
        *_common(manner, key),
        ("allow", methods),
        ("access-control-allow-methods", methods),
        ("access-control-allow-headers", _header_text(asked)),
        ("access-control-max-age", "86400"),
    )
    return whole(204, headers, b"")


def disturbed(
    plan: Plan,
    reply: Reply,
    attempt: Attempt,
    *,
    defaults: Defaults,
    manner: Manner,
    key: bytes,
) -> tuple[Plan, tuple[str, ...]]:
    """Give a plan its pace and faults, the reply's or else the defaults', and the reply's headers.

    Returned with it are the kinds of the faults that happen.
    """
    pace = pace_of(reply, defaults)
    faults = reply.faults or defaults.faults
    if not (faults or reply.headers) and pace is UNSET and manner.speed == 1:
        return plan, ()

    def drawn(purpose: str) -> float:
        return int.from_bytes(draw(manner.seed, key, purpose, size=8)) / 2**64

    def error_body(preset: str) -> bytes:
        error = ApiError(preset, dialect=None if reply.dialect is UNSET else reply.dialect)
        body = render((error,), manner.service, manner.dialect).body
        return b"".join(line.strip() for line in body.splitlines())

    kinds: tuple[str, ...] = ()
    if reply.headers:
        plan = _headed(plan, reply.headers)
    if pace is not UNSET:
        plan = paced(plan, pace, drawn)
    if faults:
        occasion = Occasion(
            call=attempt.call, attempt=attempt.attempt, draw=drawn, error=error_body
        )
        plan = faulty(plan, faults, occasion)
        kinds = tuple(
            str(fault.__struct_config__.tag)
            for index, fault in enumerate(faults)
            if happens(fault, index, occasion)
        )
    return plan if manner.speed == 1 else hurried(plan, manner.speed), kinds


def _headed(plan: Plan, headers: dict[str, str]) -> Plan:
    for step in plan:
        yield (
            replace(step, headers=merged(step.headers, headers)) if isinstance(step, Head) else step
        )


def _common(manner: Manner, key: bytes) -> Headers:
    request_id = uuid4(draw(manner.seed, key, "request id"))
    own = _formatted(manner.service.headers, {"request_id": request_id})
    return own + manner.headers


def _filled(headers: dict[str, str], model: str, manner: Manner, key: bytes) -> Headers:
    tenths = between(draw(manner.seed, key, "milliseconds"), 2_000_000, 20_000_000)
    return _formatted(headers, {"model": model, "milliseconds": f"{tenths / 10_000:.4f}"})


def _formatted(headers: dict[str, str], values: dict[str, str]) -> Headers:
    """Fill in what stands in braces, which few headers have."""
    return tuple(
        [(name, text.format_map(values) if "{" in text else text) for name, text in headers.items()]
    )


def _header_text(text: str) -> str:
    """Return what came from the client as a header's value may be: printable ASCII, bounded."""
    text = "".join(c if " " <= c <= "~" else "?" for c in text)
    return text if len(text) <= _HEADER_SHOWN else text[:_HEADER_SHOWN] + "..."
