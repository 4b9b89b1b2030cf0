"""The scenario language, version 1, as types: what is not here is not in the language.

A file (`files/scenarios.py`) and Python build the same values. What a rule asks is in
`conditions.py`, what it answers in `replies.py`.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from mockgpt.core.codes import Code, WarningCode
from mockgpt.core.conditions import When
from mockgpt.core.entry import Entry, Place
from mockgpt.core.limits import Limits
from mockgpt.core.literals import Literals
from mockgpt.core.pace import Duration, seconds
from mockgpt.core.replies import SOURCES, Defaults, Reply, attempts_of, reply_of, vectors_of

AfterLast = Literal["fail", "repeat", "cycle"]

_WINDOW = 60.0  # seconds


class Rule(Entry, frozen=True, kw_only=True, dict=True):  # for what is worked out once
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

    @cached_property
    def replies(self) -> tuple[Reply, ...]:
        """Its replies, one for each call."""
        listed = self.reply if isinstance(self.reply, tuple) else (self.reply,)
        return tuple(map(reply_of, listed))

    @cached_property
    def sources(self) -> frozenset[str]:
        """What its replies and their attempts take what they answer from: `say`, `vectors`."""
        return frozenset(
            key for one in self._attempts for key in SOURCES if getattr(one, key) is not UNSET
        )

    @cached_property
    def vectors(self) -> tuple[int, ...]:
        """For how many inputs replies have a vector each, where they have."""
        return tuple(filter(None, map(vectors_of, self._attempts)))

    @property
    def _attempts(self) -> Iterator[Reply]:
        return chain.from_iterable(map(attempts_of, self.replies))


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


class Scenario(Entry, frozen=True, kw_only=True, dict=True):  # for what is worked out once
    """A whole scenario: its script's next step answers, or else the first rule that holds."""

    mockgpt: Annotated[Literal[1], Meta(description="The version of the language: 1.")] = 1
    name: Annotated[str, Meta(description="Its name; default: the file's.")] = ""
    about: Annotated[str, Meta(description="What it is for.")] = ""
    seed: Annotated[
        int | UnsetType, Meta(description="Of ids, filler, jitter and chances; default 0.")
    ] = UNSET
    service: Annotated[
        str | UnsetType,
        Meta(description="The service that it is for; default: whichever is served."),
    ] = UNSET
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
        Duration | UnsetType,
        Meta(
            description="How long after a failed attempt an equal request continues its call; "
            "default 60s."
        ),
    ] = UNSET
    script: Annotated[
        tuple[Step, ...],
        Meta(description="A conversation in order: steps are met once each, before any rule."),
    ] = ()
    rules: Annotated[
        tuple[Rule, ...],
        Meta(description="Tried from the top; the first whose `when` holds answers."),
    ] = ()

    @property
    def window(self) -> float:
        """How many seconds after a failed attempt an equal request continues its call."""
        return _WINDOW if self.retry_window is UNSET else seconds(self.retry_window)

    @cached_property
    def literals(self) -> Literals:
        """Which of its rules a request may meet at all."""
        return Literals([rule.when for rule in self.rules])


class Loaded(Struct, frozen=True):
    """A scenario that is ready to serve, and its rules' and steps' files and lines by their ids.

    `files` are the absolute paths of all that it was read from: scenarios, and texts beside them.
    """

    scenario: Scenario
    places: dict[str, str] = {}
    files: tuple[str, ...] = ()


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
    replies = rule.replies
    if call > len(replies):
        after = rule.after_last
        if after is UNSET:
            after = "fail" if isinstance(rule.reply, tuple) else "repeat"
        if after == "fail":
            return None
        call = len(replies) if after == "repeat" else (call - 1) % len(replies) + 1
    reply = replies[call - 1]
    if reply.attempts is UNSET:
        return reply
    attempts = attempts_of(reply)
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
