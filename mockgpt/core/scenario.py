"""The scenario language, version 1, as types: what is not here is not in the language.

A file (`files/scenarios.py`) and Python build the same values. What a rule asks is in
`conditions.py`, what it answers in `replies.py`.
"""

from collections.abc import Iterator
from itertools import count
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from mockgpt.core.codes import Code, WarningCode
from mockgpt.core.conditions import When, capture_names, condition_problems
from mockgpt.core.entry import Entry, Place, Problem, did_you_mean, path_of
from mockgpt.core.faults import fault_problems
from mockgpt.core.limits import Limits
from mockgpt.core.pace import Duration, pace_problems
from mockgpt.core.replies import Defaults, Reply, attempts_of, reply_of
from mockgpt.core.reply_problems import reply_problems
from mockgpt.core.service import Service

AfterLast = Literal["fail", "repeat", "cycle"]


class Rule(Entry, frozen=True, kw_only=True):
    """A reply and when to give it."""

    id: Annotated[
        str, Meta(description="Its name in messages; default: rule-1, rule-2, … by position.")
    ] = ""
    when: Annotated[
        When, Meta(description="What it asks of a request; without it every request will do.")
    ] = When()
    reply: Annotated[
        str | Reply | tuple[str | Reply, ...],
        Meta(
            description="What to answer: a text, a mapping, or a list with a reply for each call."
        ),
    ]
    after_last: Annotated[
        AfterLast | UnsetType,
        Meta(
            description="What follows a list's last reply; default: fail, for a single reply repeat."
        ),
    ] = UNSET


class Step(Entry, frozen=True, kw_only=True):
    """A step of a script, met once; or a group of steps that may be met in any order."""

    id: Annotated[
        str, Meta(description="Its name in messages; default: step-1, step-2, … by position.")
    ] = ""
    expect: Annotated[When | UnsetType, Meta(description="What it asks of the request.")] = UNSET
    reply: Annotated[
        str | Reply | UnsetType, Meta(description="What to answer: a text or a mapping.")
    ] = UNSET
    optional: Annotated[bool, Meta(description="Whether it may be left out.")] = False
    after: Annotated[
        tuple[str, ...], Meta(description="Ids of steps that must have been met before it.")
    ] = ()
    any_order: Annotated[
        "tuple[Step, ...] | UnsetType",
        Meta(description="Steps that may come in any order; with nothing else beside it."),
    ] = UNSET


class Scenario(Entry, frozen=True, kw_only=True):
    """A whole scenario: its script's next step answers, or else the first rule that holds."""

    mockgpt: Annotated[Literal[1], Meta(description="The version of the language: 1.")] = 1
    name: Annotated[str, Meta(description="Its name; default: the file's.")] = ""
    about: Annotated[str, Meta(description="What it is for.")] = ""
    seed: Annotated[
        int | UnsetType, Meta(description="Of ids, filler, jitter and chances; default 0.")
    ] = UNSET
    service: Annotated[str, Meta(description="The imitated service.")] = "pgpt"
    defaults: Annotated[
        Defaults, Meta(description="Pace and faults of every reply that does not say otherwise.")
    ] = Defaults()
    limits: Annotated[
        Limits, Meta(description="What each API key is granted: requests and tokens.")
    ] = Limits()
    allow: Annotated[
        tuple[Code, ...], Meta(description="Findings that are expected, such as gave_up.")
    ] = ()
    deny: Annotated[
        tuple[WarningCode, ...],
        Meta(description="Warnings that fail the test, too, such as no_backoff."),
    ] = ()
    retry_window: Annotated[
        Duration,
        Meta(
            description="How long after a failed attempt an equal request continues its call; "
            "default 60s."
        ),
    ] = 60.0
    script: Annotated[
        tuple[Step, ...],
        Meta(description="A conversation in order: steps are met once each, before any rule."),
    ] = ()
    rules: Annotated[
        tuple[Rule, ...],
        Meta(description="Tried from the top; the first whose `when` holds answers."),
    ] = ()


class Loaded(Struct, frozen=True):
    """A scenario that is ready to serve, and its rules' and steps' files and lines by their ids.

    `files` are the absolute paths of all that it was read from: scenarios, and texts beside them.
    """

    scenario: Scenario
    places: dict[str, str] = {}
    files: tuple[str, ...] = ()


def replies_of(rule: Rule) -> tuple[Reply, ...]:
    """Return a rule's replies, one for each call."""
    listed = rule.reply if isinstance(rule.reply, tuple) else (rule.reply,)
    return tuple(map(reply_of, listed))


def steps_of(script: tuple[Step, ...]) -> Iterator[Step]:
    """Yield the single steps of a script, those of groups in their order."""
    for step in script:
        if step.any_order is UNSET:
            yield step
        else:
            yield from step.any_order


def entries_of(scenario: Scenario) -> Iterator[tuple[Place, Rule | Step]]:
    """Yield the rules and single steps of a scenario with their places."""
    for index, step in enumerate(scenario.script):
        if step.any_order is UNSET:
            yield ("script", index), step
        else:
            for number, one in enumerate(step.any_order):
                yield ("script", index, "any_order", number), one
    for index, rule in enumerate(scenario.rules):
        yield ("rules", index), rule


def numbered(scenario: Scenario, steps: Iterator[int], rules: Iterator[int]) -> Scenario:
    """Give ids to the steps and rules that have none: `step-1`, `rule-1`, by their positions."""

    def named(step: Step) -> Step:
        if step.any_order is not UNSET:
            return replace(step, any_order=tuple(map(named, step.any_order)))
        number = next(steps)
        return replace(step, id=step.id or f"step-{number}")

    return replace(
        scenario,
        script=tuple(map(named, scenario.script)),
        rules=tuple(
            replace(rule, id=rule.id or f"rule-{number}")
            for rule, number in zip(scenario.rules, rules, strict=False)
        ),
    )


def rule_of(step: Step) -> Rule:
    """Return a step as a rule of one call."""
    assert step.expect is not UNSET, "the loader refuses a step without `expect`"
    assert step.reply is not UNSET, "the loader refuses a step without a reply"
    return Rule(id=step.id, when=step.expect, reply=step.reply)


def reply_for(rule: Rule, call: int, attempt: int) -> Reply | None:
    """Return the reply to an attempt of a rule's call, both from 1; None past the list's end."""
    replies = replies_of(rule)
    after = rule.after_last
    if after is UNSET:
        after = "fail" if isinstance(rule.reply, tuple) else "repeat"
    if call > len(replies):
        if after == "fail":
            return None
        call = len(replies) if after == "repeat" else (call - 1) % len(replies) + 1
    attempts = attempts_of(replies[call - 1])
    return attempts[min(attempt, len(attempts)) - 1]


def due(script: tuple[Step, ...], met: frozenset[str]) -> tuple[Step, ...]:
    """Return the steps that the next request may meet, after those with these ids.

    They are those of the first step or group with something left to meet; an `optional` step
    leaves also what comes after it. What a later step has passed is not due any more, and what
    comes `after` others not yet.
    """
    items = [(step,) if step.any_order is UNSET else step.any_order for step in script]
    begun = [index for index, item in enumerate(items) if any(step.id in met for step in item)]
    found: list[Step] = []
    for item in items[begun[-1] if begun else 0 :]:
        left = [step for step in item if step.id not in met]
        found += [step for step in left if met.issuperset(step.after)]
        if not all(step.optional for step in left):
            break
    return tuple(found)


def problems(scenario: Scenario, service: Service) -> Iterator[Problem]:
    """Yield what the types alone cannot refuse, with its place in the scenario."""
    if scenario.service != service.name:
        wanted = f"the service that is served, '{service.name}'"
        yield ("service",), f"expected {wanted}, found '{scenario.service}'"
    for where, message in (
        *pace_problems(scenario.defaults.pace),
        *fault_problems(scenario.defaults.faults, service.presets),
    ):
        yield ("defaults", *where), message
    seen: dict[str, str] = {}
    for index, step in enumerate(scenario.script):
        yield from _step_problems(step, ("script", index), service, seen, inner=False)
    yield from _order_problems(scenario)
    for index, rule in enumerate(scenario.rules):
        place: Place = ("rules", index)
        yield from _id_problems(rule.id, place, seen)
        yield from condition_problems(rule.when, (*place, "when"))
        if rule.reply == ():
            yield (*place, "reply"), "expected a reply for each call, found an empty list"
        for number, reply in enumerate(replies_of(rule)):
            at = (*place, "reply", number) if isinstance(rule.reply, tuple) else (*place, "reply")
            yield from reply_problems(reply, at, service, capture_names(rule.when))


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
    names = {step.id for step in steps_of(scenario.script) if step.id}
    whole = numbered(scenario, count(1), count(1))
    met: frozenset[str] = frozenset()
    while more := {step.id for step in due(whole.script, met)}:
        met |= more
    for place, step in entries_of(whole):
        if not isinstance(step, Step):
            continue
        unknown = [name for name in step.after if name not in names]
        for name in unknown:
            hint = did_you_mean(name, names)
            yield (*place, "after"), f"expected ids of steps, found '{name}'{hint}"
        if step.after and not unknown and step.id not in met:
            found = ", ".join(step.after)
            yield (*place, "after"), f"expected steps that may come before it, found {found}"


def _id_problems(name: str, place: Place, seen: dict[str, str]) -> Iterator[Problem]:
    if name in seen:
        message = f"expected an id of its own, found '{name}', which is the id of {seen[name]}"
        yield (*place, "id"), message
    if name:
        seen.setdefault(name, path_of(place))


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
    if step.expect is UNSET:
        yield place, "expected `expect` or `any_order`, found neither"
    else:
        yield from condition_problems(step.expect, (*place, "expect"))
    if step.reply is UNSET:
        yield place, "expected the key 'reply', found none"
    else:
        captures = () if step.expect is UNSET else capture_names(step.expect)
        yield from reply_problems(reply_of(step.reply), (*place, "reply"), service, captures)
