"""Parameters as one of msgspec's types: requests in which nothing is wrong are known in one call.

What fits has no violation and nothing that is ignored. What does not may have neither: it is for
`rules.py` to say, the only place that knows what is wrong.
"""

import re
from functools import lru_cache
from math import ceil, floor
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from mockgpt.core.rules import PARTS
from mockgpt.core.service import Endpoint, Rule

_ENDPOINTS = 64  # of all services of a process
_EXACT = 2**53  # beyond it numbers are not told apart


def fits(body: dict[str, Any], endpoint: Endpoint) -> bool:
    """Tell whether a body certainly is all that the endpoint's parameters ask for, and no more."""
    shape = _shape(endpoint)
    if shape is None:
        return False
    try:
        msgspec.convert(body, shape)
    except msgspec.ValidationError:
        return False
    return True


@lru_cache(maxsize=_ENDPOINTS)
def _shape(endpoint: Endpoint) -> Any:
    return _object(endpoint.parameters)


def _object(properties: dict[str, Rule]) -> Any:
    """Return the type of an object that has these properties and no other.

    Those that no type says all of are left out: an object with one of them is not known to fit. None
    where one of them is required.
    """
    required: list[tuple[str, Any]] = []
    optional: list[tuple[str, Any, None]] = []
    for name, rule in properties.items():
        type_ = _type(rule) if name.isidentifier() and not rule.alias_of else None
        if type_ is None and rule.required:
            return None
        if rule.required:
            required.append((name, type_))
        elif type_ is not None:
            optional.append((name, type_ | None, None))  # null reads as absent
    return msgspec.defstruct("Shape", [*required, *optional], forbid_unknown_fields=True)


def _type(rule: Rule) -> Any:
    """Return the type of what a rule lets pass, or None where there is no such type."""
    match rule.type:
        case "string" if rule.pattern:
            return None if rule.enum else _matching(rule.pattern)
        case "string":
            return Literal[rule.enum] if rule.enum else str
        case "number":
            return Annotated[float, Meta(ge=rule.minimum, le=rule.maximum)]
        case "integer":
            least = -_EXACT if rule.minimum is None else max(ceil(rule.minimum), -_EXACT)
            most = _EXACT if rule.maximum is None else min(floor(rule.maximum), _EXACT)
            return Annotated[int, Meta(ge=least, le=most)]
        case "boolean":
            return bool
        case "array":
            item = Any if rule.items is None else _type(rule.items)
            return None if item is None else _several(item, rule)
        case "object":
            return _object(rule.properties) if rule.properties else dict
        case "text":
            return str | _type(PARTS)
        case "texts":
            text = Annotated[str, Meta(min_length=rule.min_length)]
            return text | _several(text, rule)
    return None


def _matching(pattern: str) -> Any:
    """Return the type of strings that a pattern matches from end to end, which msgspec does not ask.

    None of a pattern that cannot stand inside another: one that begins with flags, such as `(?i)`.
    """
    whole = rf"\A(?:{pattern})\Z"
    try:
        re.compile(whole)
    except re.error:
        return None
    return Annotated[str, Meta(pattern=whole)]


def _several(item: Any, rule: Rule) -> Any:
    return Annotated[list[item], Meta(min_length=rule.min_items, max_length=rule.max_items)]
