"""The imitated service's own endpoints as OpenAPI 3.1, derived from its data.

Bodies are as far described as the service's rules go; what a model's window or a scenario refuses no
schema can say. Answers and errors are described by one of each.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from mockgpt.core.answers import Answer, Embedded, Said, Spoken, Usage
from mockgpt.core.encode import chat, completions, embeddings, models
from mockgpt.core.encode.text import whole
from mockgpt.core.errors import ApiError, render
from mockgpt.core.service import Dialect, Endpoint, Rule, Service
from mockgpt.server.parameters import REFERENCE

_JSON = "application/json"
_DIALECTS: tuple[Dialect, ...] = ("openai", "azure", "fastapi")
_ERROR = "service_error"
_PART = {
    "type": "object",
    "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
    "required": ["type", "text"],
}
_TYPES = {str: "string", int: "integer"}  # of answers; whether a null may be another is not seen
_TOKENS = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}


def service_paths(service: Service) -> dict[str, dict[str, Any]]:
    """Return the service's paths: every endpoint below every route, those that it refuses, too."""
    found: dict[str, dict[str, Any]] = {}
    for endpoint in service.endpoints.values():
        for route in service.routes:
            for pattern in endpoint.paths:
                path = f"{route.replace('{}', '{model}')}/{pattern.replace('{}', '{id}')}"
                path = path.replace("*", "{rest}")
                found[path] = {
                    method.lower(): _operation(endpoint, path) for method in endpoint.methods
                }
    return found


def service_components(service: Service) -> dict[str, Any]:
    """Return the schemas that the paths refer to."""
    found = {_ERROR: _any_like(_errors(service), {})}
    for name, answers in _answers(service).items():
        found[f"{name}_answer"] = _any_like(map(msgspec.json.decode, answers), _TYPES)
    for endpoint in service.endpoints.values():
        if endpoint.parameters:
            found[f"{endpoint.name}_body"] = _body(endpoint, named=False)
            found[f"{endpoint.name}_body_beside_model"] = _body(endpoint, named=True)
    return found


def _operation(endpoint: Endpoint, path: str) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", path)
    operation: dict[str, Any] = {
        "summary": f"{endpoint.title}.",
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ],
        "responses": {"4XX": _content("Refused, as the service does.", _ERROR)},
        "security": [{"bearer": []}, {"api_key": []}],
    }
    if endpoint.state == "served":
        answer = "model_answer" if "id" in names else f"{endpoint.name}_answer"
        operation["responses"]["200"] = _content("Answered.", answer)
        if "stream" in endpoint.parameters:
            events = {"schema": {"type": "string"}}
            operation["responses"]["200"]["content"]["text/event-stream"] = events
    if endpoint.parameters:
        beside = "_beside_model" if "model" in names else ""
        schema = _reference(f"{endpoint.name}_body{beside}")
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": schema}}}
    return operation


def _content(description: str, name: str) -> dict[str, Any]:
    return {"description": description, "content": {_JSON: {"schema": _reference(name)}}}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": REFERENCE.format(name=name)}


def _body(endpoint: Endpoint, *, named: bool) -> dict[str, Any]:
    """Describe a body; `named` is one that stands beside a model in the path, which wins."""
    schema = _object(endpoint.parameters)
    ignored = {name: {"default": value} for name, value in endpoint.unsupported.items()}
    schema["properties"] = {**schema["properties"], **ignored}
    if named:
        schema["properties"].pop("model", None)
    elif not endpoint.default_model:
        schema["properties"]["model"] = _schema(endpoint.parameters["model"])
        schema["required"] = ["model", *schema["required"]]
    return schema


def _object(rules: dict[str, Rule]) -> dict[str, Any]:
    required = [n for n, rule in rules.items() if rule.required and rule.optional_where is None]
    properties = {
        name: _schema(rule) if name in required else {"anyOf": [_schema(rule), {"type": "null"}]}
        for name, rule in rules.items()
    }
    return {"type": "object", "properties": properties, "required": required}


def _schema(rule: Rule) -> dict[str, Any]:
    """Return a rule as JSON Schema, whose vocabulary it has but for its two types of texts."""
    said: dict[str, Any]
    bounds: dict[str, Any] = {"minItems": rule.min_items}
    if rule.max_items is not None:
        bounds["maxItems"] = rule.max_items
    text = {"type": "string", "minLength": rule.min_length}
    match rule.type:
        case "text":
            return {"anyOf": [text, {"type": "array", "items": _PART, "minItems": 1}]}
        case "texts":
            several = ({"type": "array", "items": items, **bounds} for items in (text, _TOKENS))
            return {"anyOf": [text, _TOKENS, *several]}
        case "array":
            items = {} if rule.items is None else _schema(rule.items)
            return {"type": "array", "items": items, **bounds}
        case "object":
            return _object(rule.properties)
        case _:
            said = {"type": rule.type, "minimum": rule.minimum, "maximum": rule.maximum}
            said |= {"enum": list(rule.enum) or None, "pattern": rule.pattern or None}
            return {key: value for key, value in said.items() if value is not None}


def _answers(service: Service) -> dict[str, tuple[bytes, ...]]:
    """Return an answer of each endpoint, or one of each form."""
    said = Said((Spoken((), "stop"),))
    embedded = [Embedded(((0.5,),), base64) for base64 in (False, True)]
    answer = Answer(model="", content=said, usage=Usage(0, 0))
    return {
        "chat": (whole(chat.FORM, answer, said).joined("", 0),),
        "completions": (whole(completions.FORM, answer, said).joined("", 0),),
        "embeddings": tuple(embeddings.whole(answer, form) for form in embedded),
        "models": (models.listed(service),),
        "model": (models.one(next(iter(service.models.values()))),),
    }


def _errors(service: Service) -> Iterator[Any]:
    """Yield the bodies of the service's errors in all dialects, but for those that are no JSON."""
    for name in sorted(service.presets):
        for dialect in _DIALECTS:
            rendered = render((ApiError(name),), service, dialect)
            if dict(rendered.headers)["content-type"] == _JSON:
                yield msgspec.json.decode(rendered.body)


def _any_like(examples: Iterable[object], types: dict[type, str]) -> dict[str, Any]:
    """Return the schema of values that look like one of the examples."""
    schemas: list[dict[str, Any]] = []
    for example in examples:
        if (schema := _like(example, types)) not in schemas:
            schemas.append(schema)
    return {"anyOf": schemas} if len(schemas) > 1 else schemas[0]


def _like(value: object, types: dict[type, str]) -> dict[str, Any]:
    """Return the schema of values that look like one; what is of none of the types may be any."""
    match value:
        case dict():
            properties = {name: _like(item, types) for name, item in value.items()}
            return {"type": "object", "properties": properties, "required": sorted(value)}
        case [first, *_]:
            return {"type": "array", "items": _like(first, types)}
        case _:
            return {"type": types[type(value)]} if type(value) in types else {}
