"""A small JSON Schema validator that speaks as the service's does.

It walks a value beside its `Rule` and lists every violation in the order of the rules, so the one
walk both decides and explains. It ends where more is wrong than anybody is told.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from mockgpt.core.errors import ApiError, shown
from mockgpt.core.service import Dialect, Exemption, Rule

Path = tuple[str | int, ...]
Check = Callable[[Any, Rule, list[ApiError], Path], None]  # adds what it finds

MOST = 100  # violations, and places of what is ignored, that one body is told

_PART = Rule(
    type="object",
    properties={
        "type": Rule(type="string", required=True, enum=("text",)),
        "text": Rule(type="string", required=True),
    },
)
PARTS = Rule(type="array", items=_PART, min_items=1)


def properties(
    value: dict[str, Any], rules: dict[str, Rule], found: list[ApiError], path: Path = ()
) -> None:
    """Add the violations of an object's known properties; null reads as absent if optional."""
    for name, rule in rules.items():
        item = value.get(name)
        if item is not None:
            _check(item, rule, found, (*path, name))
        elif rule.required and not _exempt(value, rule.optional_where):
            if name in value:
                _check(item, rule, found, (*path, name))
            else:
                found.append(ApiError("missing_property", {}, (*path, name)))


def unknown(value: object, rule: Rule, found: list[Path], path: Path) -> None:
    """Add the place of every property that the rules do not know, below a valid value."""
    if isinstance(value, list):
        items = PARTS.items if rule.type == "text" else rule.items
        if items is not None:
            for index, item in enumerate(value):
                if len(found) >= MOST:
                    return
                unknown(item, items, found, (*path, index))
    elif isinstance(value, dict) and rule.properties:
        for name, item in value.items():
            known = rule.properties.get(name)
            if known is None:
                if item is not None:
                    found.append((*path, name))
            elif isinstance(item, list | dict):
                unknown(item, known, found, (*path, name))


def _check(value: Any, rule: Rule, found: list[ApiError], path: Path) -> None:
    """Add what is wrong with a value that is there; a rule's own `error` stands for it all.

    Not in FastAPI's dialect, which knows violations alone, nor where Azure has words of its own.
    """
    before = len(found)
    _CHECKS[rule.type](value, rule, found, path)
    if rule.error and len(found) > before:
        violation = found[before]
        instead: dict[Dialect, ApiError] = {"fastapi": violation.instead.get("fastapi", violation)}
        if violation.name == "too_long" and rule.type == "texts":
            instead["azure"] = ApiError("too_many_inputs", violation.values)
        found[before:] = [ApiError(rule.error, {}, path, instead=instead)]


def _exempt(value: dict[str, Any], exemption: Exemption | None) -> bool:
    return (
        exemption is not None
        and all(value.get(key) == wanted for key, wanted in exemption.where.items())
        and any(value.get(key) for key in exemption.beside)
    )


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


def _typed(check: Check) -> Check:
    """Return a check of values of a rule's type; any other has only its type wrong."""

    def checked(value: Any, rule: Rule, found: list[ApiError], path: Path) -> None:
        if TYPES[rule.type](value):
            check(value, rule, found, path)
        else:
            found.append(_wrong_type(value, rule.type, path))

    return checked


def _array(value: list[Any], rule: Rule, found: list[ApiError], path: Path) -> None:
    _length(value, rule, found, path)
    if rule.items is not None and len(value) <= (rule.max_items or len(value)):
        for index, item in enumerate(value):
            if len(found) >= MOST:
                return
            _check(item, rule.items, found, (*path, index))


def _length(value: list[Any], rule: Rule, found: list[ApiError], path: Path) -> None:
    if len(value) < rule.min_items:
        values = {"value": shown(value), "limit": rule.min_items}
        found.append(ApiError("too_short", values, path))
    if rule.max_items is not None and len(value) > rule.max_items:
        values = {"value": shown(value), "limit": rule.max_items}
        found.append(ApiError("too_long", values, path))


def _object(value: dict[str, Any], rule: Rule, found: list[ApiError], path: Path) -> None:
    properties(value, rule.properties, found, path)


def _string(value: str, rule: Rule, found: list[ApiError], path: Path) -> None:
    if rule.enum and value not in rule.enum:
        values = {"value": shown(value), "allowed": list(rule.enum)}
        found.append(ApiError("not_in_enum", values, path))
    # `fullmatch`: in Python `$` also matches before a last newline, in JSON Schema it does not.
    if rule.pattern and not _compiled(rule.pattern).fullmatch(value):
        values = {"value": shown(value), "pattern": rule.pattern}
        found.append(ApiError("pattern_mismatch", values, path))


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _bounds(value: float, rule: Rule, found: list[ApiError], path: Path) -> None:
    if rule.maximum is not None and value > rule.maximum:
        values = {"value": shown(value), "limit": _plain(rule.maximum)}
        found.append(ApiError("above_maximum", values, path))
    if rule.minimum is not None and value < rule.minimum:
        values = {"value": shown(value), "limit": _plain(rule.minimum)}
        found.append(ApiError("below_minimum", values, path))


def _plain(number: float) -> int | float:
    """Return 2 for 2.0: limits are shown as the service's schema writes them."""
    return int(number) if number == int(number) else number


def _boolean(*_: object) -> None:
    """Find nothing: there is no more to a boolean than its type."""


def _text(value: Any, rule: Rule, found: list[ApiError], path: Path) -> None:
    """Check a text or a list of its parts."""
    del rule
    if isinstance(value, list):
        _array(value, PARTS, found, path)
    elif not isinstance(value, str):
        found.append(_wrong_type(value, "string", path))


def _texts(value: Any, rule: Rule, found: list[ApiError], path: Path) -> None:
    """Check a prompt or an input: text, texts, token ids, lists of token ids."""
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
    if value is None:  # of which FastAPI says what it says of every null
        instead: dict[Dialect, ApiError] = {"fastapi": _wrong_type(value, "array", path)}
        found.append(ApiError("wrong_form", {"value": shown(value)}, path, instead=instead))
    elif not right:
        found.append(ApiError("wrong_form", {"value": shown(value)}, path))
    elif isinstance(value, list) and not _is_one_text(value):
        _length(value, rule, found, path)


def _is_one_text(value: list[Any]) -> bool:
    """Tell a list of token ids, which is one text, from a list of texts."""
    return bool(value) and isinstance(value[0], int)


def _are_tokens(value: Sequence[object]) -> bool:
    # `type() is int`, not isinstance: true and false are no tokens.
    return all(type(token) is int and token >= 0 for token in value)


_CHECKS: dict[str, Check] = {
    "string": _typed(_string),
    "number": _typed(_bounds),
    "integer": _typed(_bounds),
    "boolean": _typed(_boolean),
    "array": _typed(_array),
    "object": _typed(_object),
    "text": _text,
    "texts": _texts,
}
