"""Patterns of JSON bodies: what holds for a part of a body, with operators, and what they capture.

The walk yields the places that do not fit, so that it both decides and explains. UNSET stands for
what is not there: null is a value.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import UNSET, Struct

from mockgpt.core.entry import Place, Problem, did_you_mean
from mockgpt.core.equality import Found, json_problems, same, shown, unequal
from mockgpt.core.patterns import glob, group_names, regex_problems
from mockgpt.core.rules import TYPES
from mockgpt.core.searching import search


def told(wanted: Any, got: Any) -> tuple[str, str]:
    """Return what was wanted and what is there in words; of lists their different lengths."""
    match wanted, got:
        case list(), list():
            return f"a list of {len(wanted)}", f"a list of {len(got)}"
        case dict(), _ if _is_operators(wanted):
            words = " and ".join(f"{name} {shown(operand)}" for name, operand in wanted.items())
            return words, shown(got)
        case _:
            return shown(wanted), shown(got)


def unmet(pattern: Any, got: Any, place: Place = ()) -> Iterator[Found]:
    """Yield where a value does not meet a pattern: a part of JSON, with operators."""
    match pattern, got:
        case dict(), _ if _is_operators(pattern):
            failed = {n: arg for n, arg in pattern.items() if not _OPERATORS[n].holds(arg, got)}
            if failed:
                yield place, failed, got
        case dict(), dict():
            for key, inner in pattern.items():
                yield from unmet(inner, got.get(key, UNSET), (*place, key))
        case list(), list() if len(pattern) != len(got):
            yield place, pattern, got
        case list(), list():
            for index, (inner, item) in enumerate(zip(pattern, got, strict=True)):
                yield from unmet(inner, item, (*place, index))
        case _:
            yield from unequal(pattern, got, (), place)


def meets(pattern: Any, got: Any) -> bool:
    """Tell whether a value meets a pattern."""
    if not isinstance(pattern, dict | list):  # quickly: a list may have a million items
        return same(pattern, got)
    return next(unmet(pattern, got), None) is None


def _is_operators(pattern: dict[str, Any]) -> bool:
    return bool(pattern) and all(key.startswith("$") for key in pattern)


def _contains(operand: Any, got: Any) -> bool:
    if isinstance(got, list):
        return any(meets(operand, item) for item in got)
    return isinstance(got, str) and isinstance(operand, str) and operand in got


def _listed(names: Any) -> list[Any]:
    return names if isinstance(names, list) else [names]


def _is_number(value: Any) -> bool:
    return TYPES["number"](value) and (isinstance(value, int) or math.isfinite(value))


class _Operator(Struct, frozen=True):
    """What an operator takes, in words and as a check, and when it holds."""

    takes: str
    fits: Callable[[Any], bool]
    holds: Callable[[Any, Any], bool]  # of operand and value


_OPERATORS: dict[str, _Operator] = {
    "$equals": _Operator(
        "a value", lambda _: True, lambda operand, got: next(unequal(operand, got), None) is None
    ),
    "$contains": _Operator("a text or a pattern", lambda _: True, _contains),
    "$matches": _Operator(
        "a regular expression",
        TYPES["string"],
        lambda operand, got: isinstance(got, str) and search(operand, got) is not None,
    ),
    "$glob": _Operator(
        "a text",
        TYPES["string"],
        lambda operand, got: isinstance(got, str) and glob(operand).match(got) is not None,
    ),
    "$at_least": _Operator(
        "a number", _is_number, lambda operand, got: TYPES["number"](got) and got >= operand
    ),
    "$at_most": _Operator(
        "a number", _is_number, lambda operand, got: TYPES["number"](got) and got <= operand
    ),
    "$any": _Operator(
        "a list of alternatives",
        lambda operand: isinstance(operand, list) and bool(operand),
        lambda operand, got: any(meets(pattern, got) for pattern in operand),
    ),
    "$not": _Operator("a pattern", lambda _: True, lambda operand, got: not meets(operand, got)),
    "$length": _Operator(
        "a whole number, or a mapping of $at_least and $at_most",
        lambda operand: (
            bool(operand) and operand.keys() <= {"$at_least", "$at_most"}
            if isinstance(operand, dict)
            else type(operand) is int and operand >= 0
        ),
        lambda operand, got: isinstance(got, str | list | dict) and meets(operand, len(got)),
    ),
    "$absent": _Operator(
        "true or false", TYPES["boolean"], lambda operand, got: (got is UNSET) is operand
    ),
    "$type": _Operator(
        f"one of {', '.join(TYPES)}, or a list of them",
        lambda operand: (
            bool(operand)
            and all(isinstance(name, str) and name in TYPES for name in _listed(operand))
        ),
        lambda operand, got: any(TYPES[name](got) for name in _listed(operand)),
    ),
}


def captures(pattern: Any, got: Any) -> dict[str, str]:
    """Return what the groups of `$matches` hold in a value that meets the pattern."""
    found: dict[str, str] = {}
    match pattern, got:
        case dict(), _ if _is_operators(pattern):
            for name, operand in pattern.items():
                found |= _captured(name, operand, got)
        case dict(), dict():
            for key, inner in pattern.items():
                found |= captures(inner, got.get(key, UNSET))
        case list(), list():
            for inner, item in zip(pattern, got, strict=True):
                found |= captures(inner, item)
    return found


def _captured(name: str, operand: Any, got: Any) -> dict[str, str]:
    match name, got:
        case "$matches", _:
            return dict(search(operand, got) or {})
        case "$any", _:
            met = (captures(pattern, got) for pattern in operand if meets(pattern, got))
            return {key: text for groups in met for key, text in groups.items()}
        case "$contains", list():
            return captures(operand, next(item for item in got if meets(operand, item)))
        case _:
            return {}


def named(pattern: object, place: Place = ()) -> Iterator[tuple[Place, frozenset[str]]]:
    """Yield the names that a pattern may capture, with their place; alternatives share theirs."""
    if isinstance(pattern, list):
        for index, item in enumerate(pattern):
            yield from named(item, (*place, index))
    elif isinstance(pattern, dict):
        for key, inner in pattern.items():
            at = (*place, key)
            if key == "$matches":
                yield at, group_names(inner)
            elif key == "$any":
                yield at, frozenset[str]().union(*(names for _, names in named(inner)))
            elif key not in ("$not", "$equals"):
                yield from named(inner, at)


# --- what a pattern has wrong


def pattern_problems(pattern: object, place: Place) -> Iterator[Problem]:
    """Yield what is no pattern, and what no value could meet."""
    if isinstance(pattern, list):
        for index, item in enumerate(pattern):
            yield from pattern_problems(item, (*place, index))
    elif isinstance(pattern, dict):
        operators = [key for key in pattern if key.startswith("$")]
        if operators and len(operators) < len(pattern):
            other = next(key for key in pattern if not key.startswith("$"))
            yield place, f"expected operators or keys, found '{operators[0]}' beside '{other}'"
        yield from bounds_problems(pattern.get("$at_least"), pattern.get("$at_most"), place)
        for key, inner in pattern.items():
            if key.startswith("$"):
                yield from _operator_problems(key, inner, (*place, key))
            else:
                yield from pattern_problems(inner, (*place, key))
    else:
        yield from json_problems(pattern, place)


def _operator_problems(name: str, operand: Any, place: Place) -> Iterator[Problem]:
    operator = _OPERATORS.get(name)
    if operator is None:
        hint = did_you_mean(name, _OPERATORS)
        hint = hint or "; `$equals` takes keys that begin with $ as they stand"
        yield place, f"expected one of {', '.join(_OPERATORS)}, found '{name}'{hint}"
    elif not operator.fits(operand):
        yield place, f"expected {operator.takes}, found {shown(operand)}"
    elif name == "$matches":
        yield from regex_problems(operand, place)
    elif name == "$equals":
        yield from json_problems(operand, place)
    else:
        yield from pattern_problems(operand, place)


def bounds_problems(least: Any, most: Any, place: Place) -> Iterator[Problem]:
    """Yield a problem for bounds that no number is between; what is no number is told elsewhere."""
    numbers = [bound for bound in (least, most) if TYPES["number"](bound)]
    if len(numbers) > 1 and least > most:
        yield place, f"expected at_least up to at_most, found {least} and {most}"
