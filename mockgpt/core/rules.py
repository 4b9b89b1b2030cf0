"""A small JSON Schema validator that speaks as the service's does.

It walks a value beside its `Rule` and yields every violation in the order of the rules, so the one
walk both decides and explains.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from mockgpt.core.errors import ApiError, shown
from mockgpt.core.service import Exemption, Rule

Path = tuple[str | int, ...]

_PART = Rule(
    type="object",
    properties={
        "type": Rule(type="string", required=True, enum=("text",)),
        "text": Rule(type="string", required=True),
    },
)
_PARTS = Rule(type="array", items=_PART, min_items=1)


def violations(value: object, rule: Rule, path: Path = ()) -> Iterator[ApiError]:
    """Yield what is wrong with a value that is there; a rule's own `error` stands for them all."""
    found = _violations(value, rule, path)
    if not rule.error:
        yield from found
    elif next(found, None) is not None:
        yield ApiError(rule.error, {}, path)


def _violations(value: Any, rule: Rule, path: Path) -> Iterator[ApiError]:
    match rule.type:
        case "text" if not isinstance(value, str):
            if isinstance(value, list):
                yield from _array(value, _PARTS, path)
            else:
                yield _wrong_type(value, "string", path)
        case "texts":
            yield from _texts(value, rule, path)
        case "text":
            return
        case expected if not TYPES[expected](value):
            yield _wrong_type(value, expected, path)
        case "array":
            yield from _array(value, rule, path)
        case "object":
            yield from properties(value, rule.properties, path)
        case "string":
            yield from _string(value, rule, path)
        case "number" | "integer":
            yield from _bounds(value, rule, path)


TYPES: dict[str, Callable[[Any], bool]] = {  # JSON's, by name
    "null": lambda value: value is None,
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    # JSON Schema's integers are numbers without a fraction: 5.0 is one.
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool))
        or (isinstance(value, float) and value.is_integer())
    ),
}


def _wrong_type(value: object, expected: str, path: Path) -> ApiError:
    return ApiError("wrong_type", {"value": shown(value), "expected": expected}, path)


def properties(
    value: dict[str, Any], rules: dict[str, Rule], path: Path = ()
) -> Iterator[ApiError]:
    """Yield the violations of an object's known properties; null reads as absent if optional."""
    for name, rule in rules.items():
        item = value.get(name)
        required = rule.required and not _exempt(value, rule.optional_where)
        if item is not None or (required and name in value):
            yield from violations(item, rule, (*path, name))
        elif required:
            yield ApiError("missing_property", {}, (*path, name))


def _exempt(value: dict[str, Any], exemption: Exemption | None) -> bool:
    return (
        exemption is not None
        and all(value.get(key) == wanted for key, wanted in exemption.where.items())
        and any(value.get(key) for key in exemption.beside)
    )


def unknown(value: object, rule: Rule, path: Path) -> Iterator[Path]:
    """Yield the place of every property that the rules do not know, below a valid value."""
    if isinstance(value, list) and rule.type == "text":
        rule = _PARTS
    if isinstance(value, list) and rule.items is not None:
        for index, item in enumerate(value):
            yield from unknown(item, rule.items, (*path, index))
    elif isinstance(value, dict) and rule.properties:
        for name, item in value.items():
            known = rule.properties.get(name)
            if known is not None:
                yield from unknown(item, known, (*path, name))
            elif item is not None:
                yield (*path, name)


def _array(value: list[Any], rule: Rule, path: Path) -> Iterator[ApiError]:
    yield from _length(value, rule, path)
    if rule.items is not None and len(value) <= (rule.max_items or len(value)):
        for index, item in enumerate(value):
            yield from violations(item, rule.items, (*path, index))


def _length(value: list[Any], rule: Rule, path: Path) -> Iterator[ApiError]:
    if len(value) < rule.min_items:
        yield ApiError("too_short", {"value": shown(value), "limit": rule.min_items}, path)
    if rule.max_items is not None and len(value) > rule.max_items:
        yield ApiError("too_long", {"value": shown(value), "limit": rule.max_items}, path)


def _string(value: str, rule: Rule, path: Path) -> Iterator[ApiError]:
    if rule.enum and value not in rule.enum:
        yield ApiError("not_in_enum", {"value": shown(value), "allowed": list(rule.enum)}, path)
    # `fullmatch`: in Python `$` also matches before a last newline, in JSON Schema it does not.
    if rule.pattern and not _compiled(rule.pattern).fullmatch(value):
        yield ApiError("pattern_mismatch", {"value": shown(value), "pattern": rule.pattern}, path)


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _bounds(value: float, rule: Rule, path: Path) -> Iterator[ApiError]:
    if rule.maximum is not None and value > rule.maximum:
        limit = _plain(rule.maximum)
        yield ApiError("above_maximum", {"value": shown(value), "limit": limit}, path)
    if rule.minimum is not None and value < rule.minimum:
        limit = _plain(rule.minimum)
        yield ApiError("below_minimum", {"value": shown(value), "limit": limit}, path)


def _plain(number: float) -> int | float:
    """Return 2 for 2.0: limits are shown as the service's schema writes them."""
    return int(number) if number == int(number) else number


def _texts(value: object, rule: Rule, path: Path) -> Iterator[ApiError]:
    """Yield what is wrong with a prompt or an input: text, texts, token ids, lists of token ids."""
    match value:
        case str():
            right = len(value) >= rule.min_length
        case [str(), *_]:
            right = all(isinstance(item, str) and len(item) >= rule.min_length for item in value)
        case [list(), *_]:
            right = all(isinstance(item, list) and item and _are_tokens(item) for item in value)
        case [_, *_]:
            right = _are_tokens(value)
        case []:
            right = True  # its length is refused below, in the words for that
        case _:
            right = False
    if not right:
        yield ApiError("wrong_form", {"value": shown(value)}, path)
    elif isinstance(value, list) and not _is_one_text(value):
        yield from _length(value, rule, path)


def _is_one_text(value: list[Any]) -> bool:
    """Tell a list of token ids, which is one text, from a list of texts."""
    return bool(value) and isinstance(value[0], int)


def _are_tokens(value: Sequence[object]) -> bool:
    # `type() is int`, not isinstance: true and false are no tokens.
    return all(type(token) is int and token >= 0 for token in value)
