"""Equality of JSON values, place by place, and how values are shown.

UNSET stands for what is not there: null is a value.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice, zip_longest
from typing import Any

from msgspec import UNSET

from mockgpt.core.entry import Place, Problem
from mockgpt.core.redaction import beginning

Found = tuple[Place, Any, Any]  # where, what was wanted, what is there
Path = tuple[str | int | None, ...]  # None stands for every item

_SHOWN = 200  # characters of a value that a difference shows
_JSON = json.JSONEncoder(ensure_ascii=False)
_PATH = re.compile(r"[^.\[\]]+(\.[^.\[\]]+|\[(\d{1,9}|\*)\])*")


def shown(value: object) -> str:
    """Return a value as a difference shows it: a text as Python writes it, else JSON; bounded."""
    if value is UNSET:
        return "nothing"
    if isinstance(value, str):
        return repr(beginning(value, _SHOWN)) + ("..." if len(value) > _SHOWN else "")
    try:
        text = "".join(islice(_JSON.iterencode(value), 2 * _SHOWN))
    except (RecursionError, ValueError):  # nested nearly too deep; a number of 5,000 digits
        return f"a {type(value).__name__} too large to show"
    return beginning(text, _SHOWN) + ("..." if len(text) > _SHOWN else "")


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
            if not same(wanted, got):
                yield place, wanted, got


def same(wanted: object, got: object) -> bool:
    """Tell whether two values are one; lists and mappings are for `unequal`."""
    return wanted == got and isinstance(wanted, bool) is isinstance(got, bool)


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
