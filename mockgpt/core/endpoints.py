"""The table of endpoints: a path finds its row, a row knows how to encode.

Which paths there are is the service's data; a further endpoint is a row there and an encoder here.
"""

from collections.abc import Callable, Iterator
from urllib.parse import unquote

from msgspec import Struct

from mockgpt.core import keys
from mockgpt.core.answers import Answer, Embedded, Said
from mockgpt.core.encode import chat, completions, embeddings
from mockgpt.core.encode.text import Form, events
from mockgpt.core.errors import ApiError
from mockgpt.core.exchange import Incoming
from mockgpt.core.plan import Data, Events, Pause
from mockgpt.core.requests import EmbeddingRequest, Request
from mockgpt.core.service import Endpoint, Service

_WHOLE_TEXT: dict[str, Callable[[Answer, Said], bytes]] = {
    "chat": chat.whole,
    "completions": completions.whole,
}
_STREAMS: dict[str, Form] = {"chat": chat.STREAM, "completions": completions.STREAM}


class Route(Struct, frozen=True):
    """Where a path leads: an endpoint, and the names that stood in the path."""

    endpoint: Endpoint
    model: str | None = None  # from a route such as /v1/engines/{}
    item: str | None = None  # from an endpoint's path such as models/{}


def find(path: str, service: Service) -> Route | None:
    """Return where a path (percent-encoded, without its query) leads.

    A doubled leading slash is tolerated: clients whose base URL ends in one send it.
    """
    segments = path.lstrip("/").split("/")
    for prefix in service.routes:
        model_segments, rest = _matched(prefix, segments)
        if rest is None:
            continue
        for endpoint in service.endpoints.values():
            for pattern in endpoint.paths:
                item_segments, left = _matched(pattern, rest)
                if left == []:
                    return Route(endpoint, _name(model_segments), _name(item_segments))
    return None


def _matched(pattern: str, segments: list[str]) -> tuple[list[str], list[str] | None]:
    """Match the first segments; return those at `{}`, and those after, or None for no match."""
    names: list[str] = []
    wanted = pattern.strip("/").split("/")
    for index, part in enumerate(wanted):
        if part == "*":
            return names, []
        if index >= len(segments) or (part != "{}" and part != segments[index]):
            return names, None
        if part == "{}":
            if not segments[index]:
                return names, None
            names.append(unquote(segments[index]))
    return names, segments[len(wanted) :]


def _name(segments: list[str]) -> str | None:
    return segments[0] if segments else None


def encode(request: Request, answer: Answer) -> bytes | Iterator[Data | Events | Pause]:
    """Encode an answer for its request: a body, or the events of a stream."""
    endpoint = str(request.__struct_config__.tag)
    match answer.content:
        case Embedded() as embedded:
            return embeddings.whole(answer, embedded)
        case Said() as said if isinstance(request, EmbeddingRequest) or not request.stream:
            return _WHOLE_TEXT[endpoint](answer, said)
        case said:
            form = _STREAMS[endpoint]
            return events(form, answer, said, include_usage=request.include_usage)


def refusal(
    incoming: Incoming,
    route: Route | None,
    presented: tuple[str, ...],
    accepted: frozenset[str],
    service: Service,
) -> ApiError | None:
    """Return what refuses a request before its body is looked at."""
    if route is None:
        return ApiError("unknown_url", {"method": incoming.method, "path": incoming.path})
    if incoming.method == "OPTIONS":
        return None  # browsers send their pre-flight without a key
    if route.endpoint.state != "served":
        return unserved(route.endpoint, service)
    methods = allowed(route.endpoint)
    if incoming.method not in methods:
        values = {"method": incoming.method, "path": incoming.path, "allow": ", ".join(methods)}
        return ApiError("method_not_allowed", values)
    error = keys.refusal(presented, accepted)
    if error is None and incoming.trouble:
        return ApiError(incoming.trouble, incoming.trouble_values)
    return error


def allowed(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the methods of an endpoint."""
    head = ("HEAD",) if "GET" in endpoint.methods else ()
    return (*endpoint.methods, *head, "OPTIONS")


def unserved(endpoint: Endpoint, service: Service) -> ApiError:
    """Return the error of a documented endpoint that the service does not serve."""
    route = service.routes[0]
    served = [e for e in service.endpoints.values() if e.state == "served"]
    values = {
        "title": endpoint.title,
        "service": service.title,
        "served": ", ".join(f"{route}/{e.paths[0]}" for e in served),
    }
    name = "planned_endpoint" if endpoint.state == "planned" else "unsupported_endpoint"
    return ApiError(name, values)
