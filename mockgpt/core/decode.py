"""A body becomes a typed request, or the errors that the real service would answer.

Nothing here knows a parameter by its bounds: those are the service's data, walked by `rules.py`.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from msgspec import Struct
from msgspec.structs import replace

from mockgpt.core import rules
from mockgpt.core.errors import ApiError, shown
from mockgpt.core.parsing import parsed
from mockgpt.core.requests import (
    Body,
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    Message,
    Request,
    Text,
)
from mockgpt.core.service import Endpoint, Model, Rule, Service
from mockgpt.core.shapes import fits

Split = Callable[[str], tuple[str, ...]]  # a text into its tokens


_VERSION = 40  # characters of the version that a query asks for


class Decoded(Struct, frozen=True, kw_only=True):
    """An accepted request: typed, as it was sent, its model, and what was not acted on.

    `prompt_tokens` has the tokens of the chat, or of each prompt or input; `summary` says what the
    endpoint does.
    """

    request: Request
    body: Body
    model: Model
    prompt_tokens: tuple[int, ...]
    ignored: tuple[str, ...]
    summary: str


def told(decoded: Decoded, query: str) -> dict[str, Any]:
    """Return what errors tell of a request: the model, its window, the operation, Azure's version.

    That of its API is in the query.
    """
    values: dict[str, Any] = {"model": decoded.model.name, "window": decoded.model.window}
    if decoded.summary:
        values["summary"] = decoded.summary
    if version := parse_qs(query).get("api-version"):
        values["version"] = version[-1][:_VERSION]
    return values


def decode(
    body: bytes,
    content_type: str | None,
    *,
    endpoint: Endpoint,
    path_model: str | None,
    service: Service,
    split: Split,
    strict: bool,
) -> Decoded | tuple[ApiError, ...]:
    """Decode a request's body as strictly as the service would.

    `path_model` is the model named in the path, which wins over the body's. `strict` refuses what
    is otherwise ignored: parameters that the service documents as unsupported, and unknown ones.
    """
    fields = parsed(body, content_type)
    if isinstance(fields, ApiError):
        return (fields,)
    checked = fields if path_model is None else {**fields, "model": path_model}
    found: list[ApiError] = []
    ignored: list[rules.Path] = []
    # By shape only what the endpoint knows: most clients send some `n: 1` or `top_p: 1` beside it.
    known = {name: value for name, value in checked.items() if name in endpoint.parameters}
    fitting = fits(known, endpoint)
    if not fitting:
        rules.properties(checked, endpoint.parameters, found)
        del found[rules.MOST :]
    if not fitting or len(known) < len(checked):
        ignored = _ignored(fields, endpoint, fitting=fitting)
    model_name: Any = checked.get("model")
    if model_name is None:
        model_name = endpoint.default_model or None
        if model_name is None:
            found.insert(0, ApiError("missing_model", {}, ("model",)))
    if strict and ignored:
        found[:0] = _refusals_of(ignored)
    model = _model(model_name, endpoint, service)
    if isinstance(model, ApiError):
        found.append(model)
    if found or not isinstance(model, Model):
        return _ordered(found, endpoint)
    request = _REQUESTS[endpoint.name](model_name, _effective(known, endpoint.parameters))
    prompt_tokens = _prompt_tokens(request, model, split)
    too_long = _window_error(request, model, prompt_tokens, endpoint)
    if too_long is not None:
        return (too_long,)
    return Decoded(
        request=request,
        body=fields,
        model=model,
        prompt_tokens=prompt_tokens,
        ignored=tuple(".".join(map(str, place)) for place in ignored),
        summary=endpoint.summary,
    )


def _model(name: object, endpoint: Endpoint, service: Service) -> Model | ApiError | None:
    """Return the model of that name, or why it cannot serve; None where it is no name."""
    if not isinstance(name, str):
        return None
    model = service.model(name)
    if model is None:
        return model_not_found(name, endpoint, service)
    return model if model.kind == endpoint.kind else _wrong_kind(model, endpoint, service)


def _ordered(found: list[ApiError], endpoint: Endpoint) -> tuple[ApiError, ...]:
    """Return errors that know the places of their parameters; others come after those known."""
    places = {name: place for place, name in enumerate(endpoint.parameters)}
    last = len(places)
    return tuple([replace(e, order=places.get(str(e.path[0]), last)) for e in found])


def _ignored(fields: Body, endpoint: Endpoint, *, fitting: bool) -> list[rules.Path]:
    """Return the places of what was sent and is not acted on; there are none in what is fitting."""
    found: list[rules.Path] = []
    for name, value in fields.items():
        rule = endpoint.parameters.get(name)
        if value is None:
            continue
        if rule is None:
            if not (name in endpoint.unsupported and _same(value, endpoint.unsupported[name])):
                found.append((name,))
        elif rule.alias_of and fields.get(rule.alias_of) is not None:
            found.append((name,))
        elif not fitting:
            rules.unknown(value, rule, found, (name,))
    return found[: rules.MOST]


def _same(value: object, harmless: object) -> bool:
    """Tell whether a value says as little as the harmless one: 1.0 is 1, but true is not."""
    if harmless is None:
        return value in ("", [], {})
    return value == harmless and isinstance(value, bool) is isinstance(harmless, bool)


def _refusals_of(ignored: list[rules.Path]) -> list[ApiError]:
    """Refuse what is otherwise ignored; the first error names all arguments, as the service does."""
    names = [str(place[0]) for place in ignored if len(place) == 1]
    values = {"names": ", ".join(names), "plural": "s" if len(names) > 1 else ""}
    return [
        *(ApiError("unrecognized_argument", values, (name,)) for name in names),
        *(
            ApiError("unexpected_property", {"value": shown(place[-1])}, place)
            for place in ignored
            if len(place) > 1
        ),
    ]


def model_not_found(name: str, endpoint: Endpoint, service: Service) -> ApiError:
    """Return the error of a model that an endpoint does not know; one without a kind has all."""
    values = {"model": name[:200], "allowed": _allowed(endpoint, service)}
    return ApiError("model_not_found", values, ("model",))


def _allowed(endpoint: Endpoint, service: Service) -> list[str]:
    return [m.name for m in service.models.values() if endpoint.kind in (None, m.kind)]


def _wrong_kind(model: Model, endpoint: Endpoint, service: Service) -> ApiError:
    route = service.routes[0].strip("/")
    other = next(e for e in service.endpoints.values() if e.kind == model.kind)
    values = {
        "kind": {"chat": "a chat", "embeddings": "an embeddings"}[model.kind],
        "path": f"{route}/{endpoint.paths[0]}",
        "other_path": f"{route}/{other.paths[0]}",
        "operation": endpoint.operation or endpoint.name,
        "model": model.answers_as,
        "allowed": _allowed(endpoint, service),
    }
    return ApiError("wrong_model_kind", values, ("model",))


def _effective(known: Body, parameters: dict[str, Rule]) -> Body:
    """Return the parameters that count: of those known, what is not null, under their own names."""
    effective = {name: value for name, value in known.items() if value is not None}
    for name, rule in parameters.items():
        if rule.alias_of and name in effective:
            effective.setdefault(rule.alias_of, effective[name])
    return effective


def _chat(model: str, fields: Body) -> ChatRequest:
    messages = tuple(
        Message(m["role"], _joined(m.get("content")), m.get("name")) for m in fields["messages"]
    )
    return ChatRequest(model=model, messages=messages, **_generation(fields))


def _completion(model: str, fields: Body) -> CompletionRequest:
    return CompletionRequest(model=model, prompts=_texts(fields["prompt"]), **_generation(fields))


def _embedding(model: str, fields: Body) -> EmbeddingRequest:
    base64 = fields.get("encoding_format") == "base64"
    return EmbeddingRequest(model=model, inputs=_texts(fields["input"]), base64=base64)


_REQUESTS: dict[str, Callable[[str, Body], Request]] = {
    "chat": _chat,
    "completions": _completion,
    "embeddings": _embedding,
}


DECODED = tuple(_REQUESTS)  # the endpoints whose bodies are understood


def _generation(fields: Body) -> dict[str, Any]:
    limit = fields.get("max_tokens")
    return {
        "temperature": float(fields.get("temperature", 1)),
        "max_tokens": None if limit is None else int(limit),
        "stream": fields.get("stream", False),
        "include_usage": bool(fields.get("stream_options", {}).get("include_usage")),
    }


def _joined(content: str | list[dict[str, str]] | None) -> str:
    if isinstance(content, list):
        return "".join(part["text"] for part in content)
    return content or ""


def _texts(value: str | list[Any]) -> tuple[Text, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value[0], int):
        return (tuple(value),)
    return tuple(item if isinstance(item, str) else tuple(item) for item in value)


def _prompt_tokens(request: Request, model: Model, split: Split) -> tuple[int, ...]:
    """Return the tokens of each prompt or input, or of the whole chat (protocol.md, section 5)."""
    if not isinstance(request, ChatRequest):
        return tuple(len(split(text) if isinstance(text, str) else text) for text in request.texts)
    rule = model.counting
    assert rule is not None, "the loader refuses a chat model without a counting rule"
    tokens = rule.priming + rule.per_message * len(request.messages)
    for message in request.messages:
        tokens += len(split(message.role)) + len(split(message.content))
        if message.name is not None:
            tokens += rule.per_name + len(split(message.name))
    return (tokens,)


def _window_error(
    request: Request, model: Model, prompt_tokens: tuple[int, ...], endpoint: Endpoint
) -> ApiError | None:
    """Return the error of a request that the model's window does not hold."""
    max_tokens = getattr(request, "max_tokens", None)
    longest = max(prompt_tokens)
    requested = longest + (max_tokens or 0)
    if requested <= model.window:
        return None
    name = endpoint.context_error
    if isinstance(request, ChatRequest) and max_tokens is None:
        name += "_messages"
    values = {
        "window": model.window,
        "requested": shown(requested),
        "prompt_tokens": longest,
        "max_tokens": shown(max_tokens or 0),
    }
    return ApiError(name, values, ())
