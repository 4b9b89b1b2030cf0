"""The imitated service, from its file; what its types cannot refuse is refused here.

A file that `extends` a shipped service says only what is other or further in it.
"""

import re
import string
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import get_args

from msgspec.structs import replace

from mockgpt.core.decode import DECODED
from mockgpt.core.entry import Place, did_you_mean
from mockgpt.core.errors import ANSWERED, PLACEHOLDERS, presets
from mockgpt.core.merging import extended
from mockgpt.core.patterns import regex_problems
from mockgpt.core.service import Dialect, Endpoint, Rule, Service
from mockgpt.files.documents import Document, convert, read
from mockgpt.files.named import read_file, unknown_name
from mockgpt.files.typed import shown

_SHIPPED = Path(__file__).parents[1] / "services"


def load_service(name: str) -> Service:
    """Load a shipped service by its name, or one from a file (a name with a dot or a slash).

    Raises ScenarioError.
    """
    if re.search(r"[./\\]", name):
        return _loaded(_extended(read(read_file(name, "a service file"), name)))
    return _shipped(name)


@lru_cache(maxsize=8)
def _shipped(name: str) -> Service:
    """Load a shipped service once: what is in the package does not change while a process runs."""
    known = _known()
    if name not in known:
        raise unknown_name(name, "a service's name", known)
    return _loaded(_document(known[name]))


def _known() -> dict[str, Path]:
    """Return where the shipped services are, by their names."""
    return {path.stem: path for path in sorted(_SHIPPED.iterdir())}


def _document(path: Path) -> Document:
    return read(path.read_text("utf-8"), f"mockgpt/services/{path.name}")


def _extended(document: Document) -> Document:
    """Return a file with what it leaves to the shipped service that it extends."""
    match document.data:
        case {"extends": name, **own}:
            known = _known()
            if not isinstance(name, str) or name not in known:
                wanted = f"expected a shipped service ({', '.join(known)}), found {shown(name)}"
                document.complain(("extends",), wanted)
                document.check()
            return replace(document, data=extended(_document(known[name]).data, own))
        case _:
            return document


def _loaded(document: Document) -> Service:
    """Convert a service, and fill in what it need not say twice."""
    service = convert(document, Service)
    for place, message in _problems(service):
        document.complain(place, message)
    document.check()
    return replace(
        service,
        models={name: replace(model, name=name) for name, model in service.models.items()},
        endpoints={name: replace(row, name=name) for name, row in service.endpoints.items()},
        presets=presets(service),
    )


def _problems(service: Service) -> Iterator[tuple[Place, str]]:
    for name, model in service.models.items():
        if model.kind == "chat" and model.counting is None:
            yield ("models", name), "expected `counting` for a chat model, found none"
        if model.kind == "embeddings" and model.dimensions < 1:
            yield ("models", name), "expected `dimensions`, found none"
        if model.kind not in (endpoint.kind for endpoint in service.endpoints.values()):
            wanted = f"expected an endpoint of its kind, '{model.kind}', which errors may name"
            yield ("models", name), f"{wanted}, found none"
    for error in sorted(ANSWERED - service.errors.keys()):
        yield ("errors",), f"expected a row '{error}', found none"
    yield from _placeholders(service.headers, {"request_id"}, ("headers",))
    for name, endpoint in service.endpoints.items():
        yield from _endpoint_problems(name, endpoint, service)
    for name, row in service.errors.items():
        known = PLACEHOLDERS | row.values.keys()
        for dialect in get_args(Dialect):
            form = getattr(row, dialect)
            if form is not None:
                texts = {"message": form.message, "type": form.type or "", "body": form.body}
                yield from _placeholders(texts, known, ("errors", name, dialect))
                yield from _placeholders(form.headers, known, ("errors", name, dialect, "headers"))


def _endpoint_problems(
    name: str, endpoint: Endpoint, service: Service
) -> Iterator[tuple[Place, str]]:
    place = ("endpoints", name)
    if endpoint.state == "served" and name not in (*DECODED, "models"):
        yield (
            place,
            f"expected one of {', '.join(DECODED)}, models for a served endpoint, found '{name}'",
        )
    if endpoint.default_model and service.model(endpoint.default_model) is None:
        yield (*place, "default_model"), f"expected a model, found '{endpoint.default_model}'"
    if endpoint.state == "served" and name in DECODED:
        yield from _decoded_problems(name, endpoint, service)
    values = {"model", "milliseconds"}
    yield from _placeholders(endpoint.headers, values, (*place, "headers"))
    yield from _placeholders(endpoint.stream_headers, values, (*place, "stream_headers"))
    for parameter, rule in endpoint.parameters.items():
        if rule.alias_of and rule.alias_of not in endpoint.parameters:
            yield (
                (*place, "parameters", parameter, "alias_of"),
                f"expected a parameter, found '{rule.alias_of}'",
            )
        yield from _rule_problems(rule, service, (*place, "parameters", parameter))


def _decoded_problems(
    name: str, endpoint: Endpoint, service: Service
) -> Iterator[tuple[Place, str]]:
    """Yield what would leave a request neither understood nor refused."""
    place = ("endpoints", name)
    kind = "embeddings" if name == "embeddings" else "chat"
    if endpoint.kind != kind:
        yield (*place, "kind"), f"expected {kind}, found {shown(endpoint.kind)}"
    contexts = [endpoint.context_error]
    if name == "chat":  # of a chat without max_tokens the error has words of its own
        contexts.append(f"{endpoint.context_error}_messages")
    for error in contexts:
        if error not in service.errors:
            yield (*place, "context_error"), f"expected an error, found '{error}'"
            break
    yield from _needed(_NEEDED[name], endpoint.parameters, (*place, "parameters"))
    for parameter, rule in endpoint.parameters.items():
        other = endpoint.parameters.get(rule.alias_of)
        if other is not None and other.type != rule.type:
            message = f"expected {other.type}, as `{rule.alias_of}` is, found {rule.type}"
            yield (*place, "parameters", parameter, "type"), message


def _needed(
    needed: dict[str, Rule], rules: dict[str, Rule], place: Place
) -> Iterator[tuple[Place, str]]:
    """Yield where rules let pass what cannot be understood."""
    for name, wanted in needed.items():
        rule, at = rules.get(name), (*place, name)
        if rule is None:
            if wanted.required:
                yield place, f"expected the key '{name}', found none"
            continue
        if rule.type != wanted.type:
            yield (*at, "type"), f"expected {wanted.type}, found {rule.type}"
        if wanted.required and not rule.required:
            yield (*at, "required"), "expected true, found false"
        if wanted.required and rule.optional_where is not None:
            yield (*at, "optional_where"), "expected none, found one"
        if rule.min_items < wanted.min_items:
            yield (
                (*at, "min_items"),
                f"expected at least {wanted.min_items}, found {rule.min_items}",
            )
        if wanted.items is not None and rule.items is None:
            yield at, "expected the key 'items', found none"
        elif wanted.items is not None and rule.items is not None:
            yield from _needed({"items": wanted.items}, {"items": rule.items}, at)
        yield from _needed(wanted.properties, rule.properties, (*at, "properties"))


_GENERATION = {
    "temperature": Rule(type="number"),
    "max_tokens": Rule(type="integer"),
    "stream": Rule(type="boolean"),
    "stream_options": Rule(type="object"),
}
_MESSAGE = {
    "role": Rule(type="string", required=True),
    "content": Rule(type="text"),
    "name": Rule(type="string"),
}
_MESSAGES = Rule(
    type="array",
    required=True,
    min_items=1,
    items=Rule(type="object", properties=_MESSAGE),
)
_TEXTS = Rule(type="texts", required=True, min_items=1)
_NEEDED: dict[str, dict[str, Rule]] = {  # parameters as `core/decode.py` relies on them
    "chat": {"messages": _MESSAGES, **_GENERATION},
    "completions": {"prompt": _TEXTS, **_GENERATION},
    "embeddings": {"input": _TEXTS},
}


def _rule_problems(rule: Rule, service: Service, place: Place) -> Iterator[tuple[Place, str]]:
    if rule.error and rule.error not in service.errors:
        yield (*place, "error"), f"expected an error, found '{rule.error}'"
    yield from regex_problems(rule.pattern, (*place, "pattern"))
    if rule.items is not None:
        yield from _rule_problems(rule.items, service, (*place, "items"))
    for name, inner in rule.properties.items():
        yield from _rule_problems(inner, service, (*place, "properties", name))


def _placeholders(
    texts: dict[str, str], known: set[str] | frozenset[str], place: Place
) -> Iterator[tuple[Place, str]]:
    """Yield the placeholders of texts that nothing fills."""
    for key, text in texts.items():
        try:
            names = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
        except ValueError as error:
            yield (*place, key), f"expected a text with {{placeholders}}, found an error: {error}"
            continue
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known) or f"; known are {', '.join(sorted(known))}"
                yield (*place, key), f"expected a known placeholder, found '{{{name}}}'{hint}"
