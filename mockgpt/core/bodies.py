"""JSON bodies beside what a condition asks of them: patterns that hold for a part, and equality.

Each walk yields the places that differ, so the one walk both decides and explains. UNSET stands for
what is not there: null is a value.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, zip_longest
from typing import Any

from msgspec import UNSET, Struct

from mockgpt.core.entry import Place, Problem, did_you_mean
from mockgpt.core.patterns import glob, group_names, regex, regex_problems
from mockgpt.core.rules import TYPES

Found = tuple[Place, str, str]  # where, what was wanted, what is there
Path = tuple[str | int | None, ...]  # None stands for every item

_SHOWN = 200  # characters of a value that a difference shows
_JSON = json.JSONEncoder(ensure_ascii=False)
_PATH = re.compile(r"[^.\[\]]+(\.[^.\[\]]+|\[(\d{1,9}|\*)\])*")


def shown(value: object) -> str:
    """Return a value as a difference shows it: a text as Python writes it, else JSON; bounded."""
    if value is UNSET:
        return "nothing"
    if isinstance(value, str):
        return repr(value) if len(value) <= _SHOWN else repr(value[:_SHOWN]) + "..."
    try:
        text = "".join(islice(_JSON.iterencode(value), _SHOWN + 1))
    except (RecursionError, ValueError):  # nested nearly too deep; a number of 5,000 digits
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


# --- equality


def unequal(
    wanted: object, got: object, ignored: Sequence[Path] = (), place: Place = ()
) -> Iterator[Found]:
    """Yield where two JSON values differ, in JSON's sense: 1.0 is 1, true is not."""
    if any(_covers(path, place) for path in ignored):
        return
    match wanted, got:
        case dict(), dict():
            for key in (*wanted, *(key for key in got if key not in wanted)):
                pair = wanted.get(key, UNSET), got.get(key, UNSET)
                yield from unequal(*pair, ignored, (*place, key))
        case list(), list():
            for index, pair in enumerate(zip_longest(wanted, got, fillvalue=UNSET)):
                yield from unequal(*pair, ignored, (*place, index))
        case _:
            if wanted != got or isinstance(wanted, bool) is not isinstance(got, bool):
                yield place, shown(wanted), shown(got)


def _covers(path: Path, place: Place) -> bool:
    return len(path) == len(place) and all(
        isinstance(there, int) if part is None else part == there
        for part, there in zip(path, place, strict=True)
    )


@lru_cache(maxsize=256)
def parsed(path: str) -> Path | None:
    """Return the parts of a path such as `messages[*].name`; None for what is no path."""
    if not _PATH.fullmatch(path):
        return None
    parts = re.findall(r"\[(\d+|\*)\]|([^.\[\]]+)", path)
    return tuple(name or (None if index == "*" else int(index)) for index, name in parts)


# --- patterns


def unmet(pattern: Any, got: Any, place: Place = ()) -> Iterator[Found]:
    """Yield where a value does not meet a pattern: a part of JSON, with operators."""
    match pattern, got:
        case dict(), _ if _is_operators(pattern):
            failed = [
                (n, operand)
                for n, operand in pattern.items()
                if not _OPERATORS[n].holds(operand, got)
            ]
            if failed:
                told = " and ".join(f"{name} {shown(operand)}" for name, operand in failed)
                yield place, told, shown(got)
        case dict(), dict():
            for key, inner in pattern.items():
                yield from unmet(inner, got.get(key, UNSET), (*place, key))
        case list(), list() if len(pattern) != len(got):
            yield place, f"a list of {len(pattern)}", f"a list of {len(got)}"
        case list(), list():
            for index, (inner, item) in enumerate(zip(pattern, got, strict=True)):
                yield from unmet(inner, item, (*place, index))
        case _:
            yield from unequal(pattern, got, (), place)


def meets(pattern: Any, got: Any) -> bool:
    """Tell whether a value meets a pattern."""
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
    return TYPES["number"](value) and math.isfinite(value)


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
        lambda operand, got: isinstance(got, str) and regex(operand).search(got) is not None,
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
            found = regex(operand).search(got)
            return {} if found is None else found.groupdict("")
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


def json_problems(value: object, place: Place) -> Iterator[Problem]:
    """Yield what no JSON is: YAML has numbers that JSON lacks, Python has anything."""
    match value:
        case dict():
            for key, item in value.items():
                yield from json_problems(item, (*place, key))
        case list():
            for index, item in enumerate(value):
                yield from json_problems(item, (*place, index))
        case float() if not math.isfinite(value):
            yield place, f"expected a number of JSON's, found {value}"
        case None | bool() | int() | float() | str():
            pass
        case _:
            yield place, f"expected a value of JSON's, found a {type(value).__name__}"
