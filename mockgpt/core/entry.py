"""What every mapping of the scenario language is: immutable, given by keys, without unknown ones.

Absent keys are UNSET, so that an explicit null is refused instead of read as "not given". Each key
carries a description, which the JSON Schema shows to editors.
"""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches

from msgspec import Struct

Place = tuple[str | int, ...]  # keys and indices, from the root of a document
Problem = tuple[Place, str]  # where, and "expected …, found …"


class Missing(str):
    """What a problem says of something that is not there: another error may have taken it away."""

    __slots__ = ()


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A mapping of the language."""


def path_of(place: Place) -> str:
    """Return a place as it is written: rules[0].when.user."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return path.removeprefix(".")


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return the end of a message about an unknown name: the known one that is close, if any."""
    near = get_close_matches(name, sorted(known), 1)
    return f"; did you mean '{near[0]}'?" if near else ""


def surrogate_problems(value: object, place: Place) -> Iterator[Problem]:
    """Yield texts that have no UTF-8: no request has them, and no answer could be encoded with them."""
    match value:
        case str() if not value.isascii() and re.search("[\ud800-\udfff]", value):
            yield place, "expected text, found half of a surrogate pair"
        case dict():
            for key, item in value.items():
                yield from surrogate_problems(key, place)
                yield from surrogate_problems(item, (*place, key))
        case list() | tuple():
            for index, item in enumerate(value):
                yield from surrogate_problems(item, (*place, index))
