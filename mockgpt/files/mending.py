"""What can be judged of a scenario that does not convert: its data without what does not fit.

So that all errors of a file are told in one go. What is left out leaves a doubt: where it stood,
nothing is said that may follow from its absence.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from mockgpt.core.entry import Missing, Place, path_of
from mockgpt.core.scenario import Scenario
from mockgpt.core.scenario_problems import names_meant
from mockgpt.files.documents import Document, fit
from mockgpt.files.typed import Violation, violations

_ROUNDS = 12  # what is left out may leave a key missing, whose mapping is left out then
_MOST = 2_000  # violations; with more, a hundred are told long before other kinds


class Fitting(Struct, frozen=True):
    """What of a document is a scenario: all of it, or what was left in; and what is in doubt.

    `parts` are mappings that something was left out of, or places that are complained about;
    `steps` tells whether ids of steps may be among what was left out.
    """

    scenario: Scenario
    data: Any
    parts: frozenset[Place] = frozenset()
    told: frozenset[str] = frozenset()  # paths
    steps: bool = False

    def is_doubtful(self, place: Place, message: str) -> bool:
        """Tell whether a problem may only follow from what is told already."""
        if path_of(place) in self.told:
            return True
        missing = isinstance(message, Missing)
        if missing and place[-1:] == ("after",) and place[:-1] == _entry_of(place):
            return self.steps  # what is missing is another step
        missing = missing or not _is_there(self.data, place)
        return missing and not self.parts.isdisjoint((place, place[:-1]))


def fitting(document: Document) -> Fitting:
    """Complain of what does not fit a scenario, and return what does.

    Raises ScenarioError where nothing can be judged, with all that is complained about.
    """
    scenario, found = fit(document, Scenario)
    told = frozenset(one.path for one in document.complaints)
    unread = [Violation(place, str) for place in _unread(document.data, ())] if told else []
    if scenario is not None and not unread:
        return Fitting(scenario, document.data, told=told)
    if len(found) + len(unread) <= _MOST:
        data = _copied(document.data)
        parts = _mend(data, [*found, *unread])
        try:
            scenario = msgspec.convert(data, Scenario)
        except msgspec.ValidationError:  # what only msgspec knows, or a list of rules
            pass
        else:
            steps = any(_may_name(data, place) for place in parts)
            return Fitting(scenario, data, frozenset(parts), told, steps)
    document.check()
    raise AssertionError("what does not convert is complained about")


def _unread(data: Any, place: Place) -> Iterator[Place]:
    """Yield the places of what YAML itself had wrong."""
    match data:
        case dict():
            for key, value in data.items():
                yield from _unread(value, (*place, key))
        case list():
            for index, value in enumerate(data):
                yield from _unread(value, (*place, index))
        case _ if data is UNSET:
            yield place


def _copied(data: Any) -> Any:
    """Return a copy in which no part stands twice, as one does in what `deepcopy` makes of shared parts."""
    match data:
        case dict():
            return {key: _copied(value) for key, value in data.items()}
        case list():
            return [_copied(value) for value in data]
        case _:
            return data


def _mend(data: Any, found: Iterable[Violation]) -> set[Place]:
    """Leave out what does not fit, until the rest does; return the mappings that had it."""
    parts: set[Place] = set()
    info = msgspec.inspect.type_info(Scenario)
    for _ in range(_ROUNDS):
        entries = {_entry_of(one.place) for one in found} - {()}
        meant = {entry: names_meant(_at(data, entry)) for entry in entries}
        for one in found:
            _leave_out(data, one.place, parts)
        for entry, names in meant.items():
            _keep_names(data, entry, names)
        found = list(violations(data, info))
        if not found:
            break
    return parts


def _leave_out(data: Any, place: Place, parts: set[Place]) -> None:
    """Leave out what stands at a place, and note the mapping that had it."""
    if not place or not _is_there(data, place):
        return
    *_, last = place
    around = _at(data, place[:-1])
    if isinstance(around, dict):
        del around[last]
        parts.add(place[:-1])
    elif _entry_of(place) == place:
        kept = around[last] if isinstance(around[last], dict) else {}
        # Its place stays, so that others have theirs.
        around[last] = {"reply": ""} if "reply" in kept else {**kept, "reply": ""}
        parts.add(place)
    elif place[-2] in ("reply", "attempts"):
        around[last] = ""
    else:
        _leave_out(data, place[:-1], parts)


def _keep_names(data: Any, entry: Place, names: frozenset[str]) -> None:
    """Let an entry capture what it was meant to: its templates may use it."""
    lost = sorted(names - names_meant(_at(data, entry)))
    if lost:
        key = "when" if entry[0] == "rules" else "expect"
        when = _at(data, entry).setdefault(key, {})
        groups = "".join(f"(?P<{name}>)" for name in lost)
        when["all"] = [*when.get("all", []), {"text": {"matches": groups}}]


def _entry_of(place: Place) -> Place:
    """Return the rule or step that a place is in, or no place."""
    match place:
        case ("script", int(), "any_order", int(), *_):
            return place[:4]
        case ("script" | "rules", int(), *_):
            return place[:2]
        case _:
            return ()


def _may_name(data: Any, place: Place) -> bool:
    """Tell whether a step's id may be among what is left out there."""
    if place[:1] != ("script",) or _entry_of(place) != place:
        return False
    return "id" not in _at(data, place)


def _is_there(data: Any, place: Place) -> bool:
    try:
        _at(data, place)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _at(data: Any, place: Place) -> Any:
    for part in place:
        data = data[part]
    return data
