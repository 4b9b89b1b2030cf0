"""Simulated errors: `ApiError` is data, the service's catalogue gives it words, shapes give it bytes.

The shapes are those seen on the wire (protocol.md, section 2.6): the model server and the gateway
indent differently, Azure's API management writes one line, FastAPI has a `detail`.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal, get_args

import msgspec
from msgspec import Struct

from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.headers import merged
from mockgpt.core.plan import Headers
from mockgpt.core.redaction import beginning
from mockgpt.core.service import Dialect, ErrorForm, Service

_SHOWN = 200  # characters of a refused value that a message repeats
# The words of pydantic 1 for a wrong type, and its names of the types.
_PYDANTIC = {
    "string": ("str type expected", "str"),
    "number": ("value is not a valid float", "float"),
    "integer": ("value is not a valid integer", "integer"),
    "boolean": ("value could not be parsed to a boolean", "bool"),
    "array": ("value is not a valid list", "list"),
    "object": ("value is not a valid dict", "dict"),
}
_NONE = ("none is not an allowed value", "none.not_allowed")
# Where a row has a fixed body, a message of the scenario's own takes one of these shapes instead.
_WORDED: dict[Dialect, Literal["engine", "azure", "detail"]] = {
    "openai": "engine",
    "azure": "azure",
    "fastapi": "detail",
}


# What the code answers with, whatever the service; and what it may fill into their texts.
ANSWERED = frozenset({
    "above_maximum", "below_minimum", "body_too_large", "body_undecodable", "body_unreadable",
    "context_length_exceeded_prompt", "insufficient_quota", "invalid_api_key", "invalid_token",
    "malformed_http", "malformed_json", "method_not_allowed", "missing_api_key", "missing_body",
    "missing_model", "missing_property", "model_not_found", "no_rule_answers", "not_in_enum",
    "pattern_failed", "pattern_mismatch", "planned_endpoint", "rate_limit_requests",
    "rate_limit_tokens", "replies_used_up", "request_timeout", "script_over", "session_closed",
    "template_failed", "tokens_beyond_limit", "too_long", "too_many_concurrent",
    "too_many_inputs", "too_short", "trailing_slash", "unexpected_property", "unknown_url",
    "unrecognized_argument", "unsupported_content_type", "unsupported_endpoint", "wrong_form",
    "wrong_model_kind", "wrong_type",
})  # fmt: skip
PLACEHOLDERS = frozenset({
    "allow", "allowed", "calls", "colno", "content_type", "current", "doc", "expected", "key",
    "kind", "limit", "lineno", "location", "max_tokens", "method", "methods", "model", "msg",
    "name", "names", "operation", "other_path", "parent", "path", "pattern", "permitted", "place",
    "plural", "pos", "prompt_tokens", "pydantic_type", "pydantic_words", "reason", "requested",
    "retry_after", "rule", "served", "service", "session", "summary", "title", "value", "wait",
    "why", "window",
})  # fmt: skip


class ApiError(Struct, frozen=True):
    """A row of the service's error catalogue and what fills its placeholders.

    `path` is the place in the request's body: keys and indices. `changes` and `headers` are a
    scenario's own: what it says otherwise than the catalogue; so are a whole `body` and a `dialect`.
    `instead` has what other dialects tell in its place, and `order` the place of its parameter
    among the endpoint's.
    """

    name: str
    values: dict[str, Any] = {}
    path: tuple[str | int, ...] = ()
    changes: dict[str, Any] = {}
    headers: dict[str, str] = {}
    body: bytes | None = None
    dialect: Dialect | None = None
    instead: "dict[Dialect, ApiError]" = {}
    order: int = 0


class Rendered(Struct, frozen=True):
    """An error as it goes on the wire; `message` is what a client shows of it."""

    status: int
    headers: Headers
    body: bytes
    message: str


def shown(value: object) -> str:
    """Return a value as the service's validator shows it: as Python writes it, here bounded."""
    if isinstance(value, str | list):
        value = value[: 2 * _SHOWN]
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested nearly too deep; a number of 5,000 digits
        text = f"a {type(value).__name__} too large to show"
    return beginning(text, _SHOWN) + ("..." if len(text) > _SHOWN else "")


def render(errors: Sequence[ApiError], service: Service, dialect: Dialect) -> Rendered:
    """Turn errors into the response that the dialect gives them.

    The service's own answers name the first error only; FastAPI lists all violations of a body, in
    the order of its parameters.
    """
    dialect = errors[0].dialect or dialect
    first = errors[0].instead.get(dialect, errors[0])
    form = msgspec.structs.replace(_form(service, dialect, first.name), **first.changes)
    if form.shape == "literal" and "message" in first.changes:
        form = msgspec.structs.replace(
            form, shape=_WORDED[dialect], content_type="application/json"
        )
    values = _values(first, service)
    if form.shape == "item":
        ordered = sorted(errors, key=lambda error: error.order)
        told = [error.instead.get(dialect, error) for error in ordered]
        listed = [e for e in told if _form(service, dialect, e.name).shape == "item"]
        items = [_item(_form(service, dialect, e.name), e, service) for e in listed]
        body = json_bytes({"detail": items})
        message = "; ".join(item["msg"] for item in items)
    else:
        own = first.changes.get("message")
        message = form.message.format_map(values) if own is None else own
        body = _SHAPES[form.shape](form, message, values)
    content_type = form.content_type
    if first.body is not None:
        body, content_type = first.body, media_type(first.body)
    headers = tuple((name, text.format_map(values)) for name, text in form.headers.items())
    typed = (("content-type", content_type),) if content_type else ()
    headers = merged((*typed, *headers), first.headers)
    return Rendered(form.status, headers, body, message)


def media_type(body: bytes) -> str:
    """Return the content type of a body that a scenario gives as it stands."""
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return "text/plain; charset=utf-8"
    return "application/json"


def one_line(body: bytes) -> bytes:
    """Return a body for an event of a stream: JSON is compact there (protocol.md, section 3.5)."""
    try:
        return msgspec.json.format(body, indent=-1)
    except msgspec.DecodeError:
        return b"".join(line.strip() for line in body.splitlines())


def presets(service: Service) -> frozenset[str]:
    """Return the errors that need nothing of a request: those that a scenario may answer with."""
    found = set()
    for name in service.errors:
        with suppress(KeyError):
            for dialect in get_args(Dialect):
                render((ApiError(name),), service, dialect)
            found.add(name)
    return frozenset(found)


def _form(service: Service, dialect: Dialect, name: str) -> ErrorForm:
    row = service.errors[name]
    match dialect:
        case "openai":
            return row.openai
        case "azure":
            return row.azure or row.openai
        case "fastapi":
            if row.fastapi is not None:
                return row.fastapi
            if row.openai.shape == "literal":
                return row.openai
            return msgspec.structs.replace(row.openai, shape="detail")


def _values(error: ApiError, service: Service) -> dict[str, Any]:
    path = ".".join(map(str, error.path))
    parent = ".".join(map(str, error.path[:-1]))
    sample: dict[str, Any] = service.errors[error.name].values
    values: dict[str, Any] = {
        **sample,
        "place": f" - '{path}'" if path else "",
        "parent": f" - '{parent}'" if parent else "",
        "name": error.path[-1] if error.path else "",
        **error.values,
    }
    if "window" in sample and "prompt_tokens" not in error.values:  # a scenario's, of some model
        for name in sample.keys() & {"prompt_tokens", "requested"}:
            values[name] += values["window"] - sample["window"]
    if "expected" in values:
        pydantic = _NONE if values["value"] == "None" else _PYDANTIC[values["expected"]]
        values["pydantic_words"], values["pydantic_type"] = pydantic
    if "retry_after" in values:
        unit = "second" if str(values["retry_after"]) == "1" else "seconds"
        values["wait"] = f"{values['retry_after']} {unit}"
    if isinstance(values.get("allowed"), list):
        values["permitted"] = ", ".join(map(repr, values["allowed"]))
    return values


def _item(form: ErrorForm, error: ApiError, service: Service) -> dict[str, Any]:
    """Return one entry of FastAPI's `detail` (protocol.md, section 3.4)."""
    values = _values(error, service)
    item: dict[str, Any] = {
        "loc": ["body", *(error.path or service.errors[error.name].path)],
        "msg": form.message.format_map(values),
        "type": (form.type or "").format_map(values),
    }
    # Words of the scenario's own, which have no placeholders; an entry has no `param` and no `code`.
    for key, name in (("msg", "message"), ("type", "type")):
        item[key] = error.changes.get(name, item[key])
    if form.ctx:
        item["ctx"] = {key: values[name] for key, name in form.ctx.items()}
    return item


def _standard(form: ErrorForm, message: str) -> dict[str, Any]:
    error = {"message": message, "type": form.type, "param": form.param, "code": form.code}
    return {"error": error}


def _indented(value: object, indent: int) -> bytes:
    return msgspec.json.format(json_bytes(value), indent=indent) + b"\n"


_SHAPES: dict[str, Callable[[ErrorForm, str, dict[str, Any]], bytes]] = {
    "engine": lambda form, message, _: _indented(_standard(form, message), 2),
    "gateway": lambda form, message, _: _indented(_standard(form, message), 4),
    "azure": lambda form, message, _: json_bytes(
        {"error": {"code": form.code, "message": message}}
    ),
    "azure_limit": lambda form, message, _: (
        b'{"error":{"code":%b,"message": %b}}' % (json_bytes(form.code), json_bytes(message))
    ),
    "azure_token": lambda form, message, _: (
        b'{ "statusCode": %d, "message": %b }' % (form.status, json_bytes(message))
    ),
    "filter": lambda form, message, _: json_bytes(
        {"error": {**_standard(form, message)["error"], "status": form.status}}
    ),
    "detail": lambda _, message, __: json_bytes({"detail": message}),
    "literal": lambda form, _, values: form.body.format_map(values).encode(),
}
