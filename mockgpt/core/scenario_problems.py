"""What the types of the scenario language cannot refuse: ids, orders, files, what replies go with what."""

import re
from collections.abc import Iterator
from itertools import count

from msgspec import UNSET, UnsetType, to_builtins

from mockgpt.core.conditions import When, condition_problems
from mockgpt.core.entry import Missing, Place, Problem, did_you_mean, path_of
from mockgpt.core.faults import fault_problems
from mockgpt.core.pace import pace_problems
from mockgpt.core.replies import Reply, reply_of
from mockgpt.core.reply_problems import reply_problems
from mockgpt.core.scenario import Scenario, Step, due, entries_of, numbered, steps_of
from mockgpt.core.service import Service

_GROUP = re.compile(r"\(\?P<(\w+)>")


def problems(scenario: Scenario, service: Service) -> Iterator[Problem]:
    """Yield what the types alone cannot refuse, with its place in the scenario."""
    if scenario.service not in (UNSET, service.name):
        wanted = f"the service that is served, '{service.name}'"
        yield ("service",), f"expected {wanted}, found '{scenario.service}'"
    for where, message in (
        *pace_problems(scenario.defaults.pace),
        *fault_problems(scenario.defaults.faults, service.presets),
    ):
        yield ("defaults", *where), message
    seen = _default_ids(scenario)
    for index, step in enumerate(scenario.script):
        yield from _step_problems(step, ("script", index), service, seen, inner=False)
    yield from _order_problems(scenario)
    for index, rule in enumerate(scenario.rules):
        place: Place = ("rules", index)
        yield from _id_problems(rule.id, place, seen)
        wrong = [*condition_problems(rule.when, (*place, "when"))]
        yield from wrong
        captures = _captures(rule.when, wrong)
        if rule.reply == ():
            yield (*place, "reply"), "expected a reply for each call, found an empty list"
        for number, reply in enumerate(rule.replies):
            at = (*place, "reply", number) if isinstance(rule.reply, tuple) else (*place, "reply")
            yield from reply_problems(reply, at, service, captures)


def names_meant(value: object) -> frozenset[str]:
    """Return the names of groups in texts, also of those that are no regular expressions."""
    match value:
        case str():
            return frozenset(filter(str.isidentifier, _GROUP.findall(value)))
        case dict():
            return frozenset[str]().union(*map(names_meant, value.values()))
        case list() | tuple():
            return frozenset[str]().union(*map(names_meant, value))
        case _:
            return frozenset()


def _captures(when: When, wrong: list[Problem]) -> frozenset[str]:
    """Return what conditions capture; of those that are wrong, what they were meant to."""
    return when.capture_names | (names_meant(to_builtins(when)) if wrong else frozenset())


def file_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield the entries that name a file: whoever sends a scenario may not have the disk read."""
    for place, entry in entries_of(scenario):
        if _names_file(entry.reply):
            message = "expected no `file` in a scenario that is sent, found one; `say` its text"
            yield (*place, "reply"), message


def _names_file(reply: str | Reply | tuple[str | Reply, ...] | UnsetType) -> bool:
    if isinstance(reply, tuple):
        return any(map(_names_file, reply))
    return isinstance(reply, Reply) and (reply.file is not UNSET or _names_file(reply.attempts))


def _order_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield what is `after` steps that are not there, or that can only come later."""
    if not any(step.after for step in steps_of(scenario.script)):
        return  # playing a long script to its end takes long
    names = {step.id for step in steps_of(scenario.script) if step.id}
    whole = numbered(scenario, count(1), count(1))
    met: frozenset[str] = frozenset()
    while more := due(whole.script, met):
        met |= {more[0].id}  # not what leaves others out
    for place, step in entries_of(whole):
        if not isinstance(step, Step):
            continue
        unknown = [name for name in step.after if name not in names]
        for name in unknown:
            hint = did_you_mean(name, names)
            message = f"expected ids of steps, found '{name}'{hint}"
            yield (*place, "after"), Missing(message)
        if step.after and not unknown and step.id not in met:
            found = ", ".join(step.after)
            yield (*place, "after"), f"expected steps that may come before it, found {found}"


def _default_ids(scenario: Scenario) -> dict[str, str]:
    """Return the ids of entries that say none, each with whose it is."""
    pairs = zip(
        entries_of(scenario), entries_of(numbered(scenario, count(1), count(1))), strict=True
    )
    return {
        named.id: f"the default id of {path_of(place)}"
        for (place, entry), (_, named) in pairs
        if named.id and not entry.id  # groups have none
    }


def _id_problems(name: str, place: Place, seen: dict[str, str]) -> Iterator[Problem]:
    if name in seen:
        message = f"expected an id of its own, found '{name}', which is {seen[name]}"
        yield (*place, "id"), message
    if name:
        seen.setdefault(name, f"the id of {path_of(place)}")


def _step_problems(
    step: Step, place: Place, service: Service, seen: dict[str, str], *, inner: bool
) -> Iterator[Problem]:
    yield from _id_problems(step.id, place, seen)
    if step.any_order is not UNSET:
        if inner:
            yield (*place, "any_order"), "expected a step, found a group within a group"
        if step != Step(any_order=step.any_order):
            yield place, "expected nothing beside `any_order`, found a step's keys"
        if not step.any_order:
            yield (*place, "any_order"), "expected steps, found an empty list"
        for number, one in enumerate(step.any_order):
            yield from _step_problems(one, (*place, "any_order", number), service, seen, inner=True)
        return
    captures: frozenset[str] = frozenset()
    if step.expect is UNSET:
        yield place, Missing("expected `expect` or `any_order`, found neither")
    else:
        wrong = [*condition_problems(step.expect, (*place, "expect"))]
        yield from wrong
        captures = _captures(step.expect, wrong)
    if step.reply is UNSET:
        yield place, Missing("expected the key 'reply', found none")
    else:
        yield from reply_problems(reply_of(step.reply), (*place, "reply"), service, captures)
