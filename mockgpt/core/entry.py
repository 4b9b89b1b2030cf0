"""What every mapping of the scenario language is: immutable, given by keys, without unknown ones.

Absent keys are UNSET, so that an explicit null is refused instead of read as "not given". Each key
carries a description, which the JSON Schema shows to editors.
"""

from collections.abc import Collection
from difflib import get_close_matches

from msgspec import Struct

Place = tuple[str | int, ...]  # keys and indices, from the root of a document
Problem = tuple[Place, str]  # where, and "expected …, found …"


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
