"""The table of endpoints: a path finds its row, a row knows how to encode.

Which paths there are is the service's data; a further endpoint is a row there and an encoder here.
"""

import string
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, unquote

from msgspec import Struct

from mockgpt.core.answers import Answer, Embedded
from mockgpt.core.encode import chat, completions, embeddings
from mockgpt.core.encode.text import Encoded, stream, whole
from mockgpt.core.errors import ApiError
from mockgpt.core.plan import Data
from mockgpt.core.requests import EmbeddingRequest, Request
from mockgpt.core.service import Dialect, Endpoint, Service

_FORMS = {"chat": chat.FORM, "completions": completions.FORM}
_KEPT = string.punctuation  # of a path and a query as they were sent


class Route(Struct, frozen=True):
    """Where a path leads: an endpoint, and the names that stood in the path."""

    endpoint: Endpoint
    model: str | None = None  # from a route such as /v1/engines/{}
    item: str | None = None  # from an endpoint's path such as models/{}


@lru_cache(maxsize=64)
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


def encode(request: Request, answer: Answer) -> Encoded:
    """Encode an answer for its request: a body, or the events of a stream."""
    if isinstance(answer.content, Embedded):
        return Encoded((Data(embeddings.whole(answer, answer.content)),))
    assert not isinstance(request, EmbeddingRequest), "it is answered by vectors"
    form = _FORMS[str(request.__struct_config__.tag)]
    if request.stream:
        return stream(form, answer, answer.content, include_usage=request.include_usage)
    return whole(form, answer, answer.content)


def preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Tell whether a browser asks first (Fetch, section 4.8): whatever the path, so that it sees a 404."""
    return method == "OPTIONS" and "access-control-request-method" in headers


def refusal(
    method: str, path: str, route: Route | None, service: Service, query: str = ""
) -> ApiError | None:
    """Return what refuses a request by its path and its method."""
    if route is None:
        values = {"method": method, "path": path}
        return ApiError("unknown_url", values, instead=_moved(path, query, service))
    if method == "OPTIONS":
        return None
    if route.endpoint.state != "served":
        return unserved(route.endpoint, service)
    methods = allowed(route.endpoint)
    if method not in methods:
        own = ", ".join(route.endpoint.methods)
        values = {"method": method, "path": path, "allow": ", ".join(methods), "methods": own}
        return ApiError("method_not_allowed", values)
    return None


def _moved(path: str, query: str, service: Service) -> dict[Dialect, ApiError]:
    """Return FastAPI's redirect of a path that ends in a slash too many (protocol.md, section 3.4).

    It is relative: what stands before the path, such as a session's prefix, stays.
    """
    bare = path.removesuffix("/")
    route = find(bare, service) if bare != path else None
    if route is None or route.endpoint.state != "served":
        return {}
    target = f"../{bare.rpartition('/')[2]}" + (f"?{query}" if query else "")
    location = quote(target, safe=_KEPT, errors="replace")
    return {"fastapi": ApiError("trailing_slash", {"location": location})}


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
