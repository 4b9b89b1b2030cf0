"""Several scenarios become one: their entries in order, and what they must agree on."""

from itertools import count
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from mockgpt.core.entry import Place
from mockgpt.core.limits import Limits
from mockgpt.core.pace import seconds
from mockgpt.core.replies import Defaults
from mockgpt.core.scenario import Loaded, Scenario, entries_of, numbered
from mockgpt.files.documents import Complaint, ScenarioError

_UNSAID = (UNSET, Defaults(), Limits())


class Placed(Struct, frozen=True):
    """A scenario, and where it comes from: as its user names it, and each file that was read.

    `places` are files and lines of its parts.
    """

    source: str
    scenario: Scenario
    places: dict[Place, str] = {}
    files: list[str] = []


def merged(loaded: list[Placed], seed: int | None) -> Loaded:
    """Make one of several scenarios."""
    steps, rules = count(1), count(1)
    scenarios = [numbered(one.scenario, steps, rules) for one in loaded]
    known: dict[str, _Named] = {}
    for scenario, one in zip(scenarios, loaded, strict=True):
        pairs = zip(entries_of(one.scenario), entries_of(scenario), strict=True)
        for (place, before), (_, entry) in pairs:
            here = one.places.get(place, ""), bool(before.id)
            if entry.id in known:
                raise _same_id(entry.id, here, known[entry.id])
            known[entry.id] = here
    whole = Scenario(
        name=" + ".join(scenario.name for scenario in scenarios),
        about=" ".join(filter(None, (scenario.about for scenario in scenarios))),
        service=_agreed(loaded, "service", UNSET),
        seed=_agreed(loaded, "seed", 0) if seed is None else seed,
        retry_window=_agreed(loaded, "retry_window", UNSET),
        defaults=_agreed(loaded, "defaults", Defaults()),
        limits=_agreed(loaded, "limits", Limits()),
        allow=tuple(code for scenario in scenarios for code in scenario.allow),
        deny=tuple(code for scenario in scenarios for code in scenario.deny),
        script=tuple(step for scenario in scenarios for step in scenario.script),
        rules=tuple(rule for scenario in scenarios for rule in scenario.rules),
    )
    read_from = dict.fromkeys(file for one in loaded for file in one.files)
    places = {name: place for name, (place, _) in known.items() if place}
    return Loaded(whole, places, tuple(read_from))


_Named = tuple[str, bool]  # where an entry stands, and whether it says its id


def _same_id(name: str, *entries: _Named) -> ScenarioError:
    """Return what to raise for an id of two entries, of which one may have it by its position."""
    (place, _), (other, is_said) = sorted(entries, key=lambda entry: not entry[1])
    if is_said:
        message = f"expected an id that no other scenario has, found '{name}'"
    else:  # rules and steps are counted through all scenarios
        whose = other or "an entry of another scenario"
        message = f"expected an id of its own, found '{name}', which is the default id of {whose}"
    return ScenarioError(Complaint(message, place or "a scenario"))


def _agreed(loaded: list[Placed], key: str, default: Any) -> Any:
    """Return what scenarios that are served together say of a key, if they agree."""
    # Pairs: scenarios in several folders may have one name.
    said = [
        (one.source, getattr(one.scenario, key))
        for one in loaded
        if getattr(one.scenario, key) not in _UNSAID
    ]
    meant = seconds if key == "retry_window" else _as_it_is
    if any(meant(value) != meant(said[0][1]) for _, value in said):
        told = " and ".join(
            f"{source} says {msgspec.json.encode(value).decode()}" for source, value in said
        )
        hint = "; give --seed" if key == "seed" else ""
        message = f"expected one {key} for all scenarios, found several ({told}){hint}"
        raise ScenarioError(Complaint(message))
    return said[0][1] if said else default


def _as_it_is(value: Any) -> Any:
    return value
