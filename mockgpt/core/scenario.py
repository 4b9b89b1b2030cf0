"""The scenario language, version 1, as types: what is not here is not in the language.

A file (`files/scenarios.py`) and Python build the same values. Absent keys are UNSET, so that an
explicit null is refused instead of read as "no condition".
"""

import math
import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from mockgpt.core.faults import Fault, fault_problems
from mockgpt.core.pace import Duration, Pace, pace_problems
from mockgpt.core.prose import knows_locale
from mockgpt.core.service import Service

Place = tuple[str | int, ...]
EndpointName = Literal["chat", "completions", "embeddings"]


class TextMatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Conditions on a text; all that are given must hold."""

    equals: str | UnsetType = UNSET
    contains: str | UnsetType = UNSET
    matches: str | UnsetType = UNSET
    glob: str | UnsetType = UNSET
    ignore_case: bool = False


Text = str | TextMatch


class When(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Conditions on a request; all that are given must hold."""

    endpoint: EndpointName | tuple[EndpointName, ...] | UnsetType = UNSET
    model: str | tuple[str, ...] | UnsetType = UNSET
    user: Text | UnsetType = UNSET
    system: Text | UnsetType = UNSET
    assistant: Text | UnsetType = UNSET
    text: Text | UnsetType = UNSET
    prompt: Text | UnsetType = UNSET
    input: Text | UnsetType = UNSET
    stream: bool | UnsetType = UNSET


class Filler(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seeded prose: at most so many tokens, in a Faker locale or else in the prompt's language."""

    tokens: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    locale: str | UnsetType = UNSET


class Usage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Usage figures that replace those counted."""

    prompt_tokens: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    completion_tokens: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class Edges(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first and last numbers of a vector; between them stand those of the input's own."""

    first: tuple[float, ...] = ()
    last: tuple[float, ...] = ()


class ErrorReply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An error preset of the service's catalogue, and what to say otherwise.

    `retry_after` sets Retry-After, in whole seconds, and retry-after-ms.
    """

    preset: str
    status: Annotated[int, Meta(ge=400, le=599)] | UnsetType = UNSET
    type: str | UnsetType | None = UNSET
    param: str | UnsetType | None = UNSET
    code: str | int | UnsetType | None = UNSET
    message: str | UnsetType = UNSET
    headers: dict[str, str] = {}
    retry_after: Duration | UnsetType = UNSET


class Reply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to answer: exactly one of `say`, `filler`, `vectors`, `error`, `attempts`.

    The rest adjusts it. `attempts` has a reply for each attempt of one call; the last one stays.
    """

    say: str | UnsetType = UNSET
    filler: Filler | UnsetType = UNSET
    vectors: Edges | UnsetType = UNSET
    error: str | ErrorReply | UnsetType = UNSET
    finish: Literal["stop", "length", "content_filter"] | UnsetType = UNSET
    usage: Usage = Usage()
    model: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    created: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    pace: Pace | UnsetType = UNSET
    faults: tuple[Fault, ...] = ()
    attempts: "tuple[str | Reply, ...] | UnsetType" = UNSET


class Defaults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every reply has that does not say otherwise."""

    pace: Pace | UnsetType = UNSET
    faults: tuple[Fault, ...] = ()


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reply and when to give it. Rules without an id are `rule-1`, `rule-2`, … by position.

    A list has a reply for each call; what follows the last is `after_last`: by default a single
    reply repeats, and a list fails.
    """

    id: str = ""
    when: When = When()
    reply: str | Reply | tuple[str | Reply, ...]
    after_last: Literal["fail", "repeat", "cycle"] | UnsetType = UNSET


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole scenario: rules are tried top to bottom, the first that holds answers."""

    mockgpt: Literal[1] = 1
    name: str = ""
    about: str = ""
    seed: int | UnsetType = UNSET
    service: str = "pgpt"
    retry_window: Duration = 60.0
    defaults: Defaults = Defaults()
    rules: tuple[Rule, ...] = ()


class Loaded(Struct, frozen=True):
    """A scenario that is ready to serve, and its rules' files and lines by their ids."""

    scenario: Scenario
    places: dict[str, str] = {}


_SOURCES = ("say", "filler", "vectors", "error", "attempts")


def replies_of(rule: Rule) -> tuple[Reply, ...]:
    """Return a rule's replies, one for each call; a string is short for `say`."""
    listed = rule.reply if isinstance(rule.reply, tuple) else (rule.reply,)
    return tuple(map(_reply, listed))


def attempts_of(reply: Reply) -> tuple[Reply, ...]:
    """Return a reply's attempts; without a list it is its own only one."""
    return (reply,) if reply.attempts is UNSET else tuple(map(_reply, reply.attempts))


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


def _reply(reply: str | Reply) -> Reply:
    return Reply(say=reply) if isinstance(reply, str) else reply


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return the end of a message about an unknown name: the known one that is close, if any."""
    near = get_close_matches(name, sorted(known), 1)
    return f"; did you mean '{near[0]}'?" if near else ""


def problems(scenario: Scenario, service: Service) -> Iterator[tuple[Place, str]]:
    """Yield what the types alone cannot refuse, with its place in the scenario."""
    if scenario.service != service.name:
        wanted = f"the service that is served, '{service.name}'"
        yield ("service",), f"expected {wanted}, found '{scenario.service}'"
    seen: dict[str, int] = {}
    for index, rule in enumerate(scenario.rules):
        place: Place = ("rules", index)
        if rule.id and rule.id in seen:
            first = f"rules[{seen[rule.id]}]"
            message = f"expected an id of its own, found '{rule.id}', which is the id of {first}"
            yield (*place, "id"), message
        seen.setdefault(rule.id, index)
        yield from _match_problems(rule.when, (*place, "when"))
        if rule.reply == ():
            yield (*place, "reply"), "expected a reply for each call, found an empty list"
        for number, reply in enumerate(replies_of(rule)):
            at = (*place, "reply", number) if isinstance(rule.reply, tuple) else (*place, "reply")
            yield from _reply_problems(reply, at, service)


def _match_problems(when: When, place: Place) -> Iterator[tuple[Place, str]]:
    for key in when.__struct_fields__:
        match = getattr(when, key)
        if isinstance(match, TextMatch) and match.matches is not UNSET:
            try:
                re.compile(match.matches)
            except (re.error, OverflowError, RecursionError) as error:
                yield (
                    (*place, key, "matches"),
                    f"expected a regular expression, found '{match.matches}' ({error})",
                )


def _reply_problems(reply: Reply, place: Place, service: Service) -> Iterator[tuple[Place, str]]:
    given = [key for key in _SOURCES if getattr(reply, key) is not UNSET]
    if len(given) != 1:
        found = " and ".join(f"`{key}`" for key in given) or "none of them"
        wanted = ", ".join(f"`{key}`" for key in _SOURCES)
        yield place, f"expected exactly one of {wanted}, found {found}"
    if reply.attempts is not UNSET:
        yield from _attempts_problems(reply, reply.attempts, place, service)
    for where, message in (
        *pace_problems(reply.pace),
        *fault_problems(reply.faults, service.presets),
    ):
        yield (*place, *where), message
    preset = reply.error.preset if isinstance(reply.error, ErrorReply) else reply.error
    if preset is not UNSET and preset not in service.presets:
        at = (
            (*place, "error", "preset")
            if isinstance(reply.error, ErrorReply)
            else (*place, "error")
        )
        yield (
            at,
            f"expected an error preset, found '{preset}'{did_you_mean(preset, service.presets)}",
        )
    if reply.vectors is not UNSET:
        yield from _edges_problems(reply.vectors, (*place, "vectors"), service)
    locale = UNSET if reply.filler is UNSET else reply.filler.locale
    if locale is not UNSET and not knows_locale(locale):
        yield (*place, "filler", "locale"), f"expected a locale of Faker's, found '{locale}'"
    for key in ("say", "model", "id"):
        text = getattr(reply, key)
        if text is not UNSET and any("\ud800" <= c <= "\udfff" for c in text):
            yield (*place, key), "expected text, found half of a surrogate pair"


def _attempts_problems(
    reply: Reply, attempts: tuple[str | Reply, ...], place: Place, service: Service
) -> Iterator[tuple[Place, str]]:
    others = [
        key
        for key in reply.__struct_fields__
        if key != "attempts" and getattr(reply, key) != getattr(_NOTHING, key)
    ]
    if others:
        message = f"expected `{others[0]}` in each attempt, found it beside `attempts`"
        yield (*place, others[0]), message
    if not attempts:
        yield (*place, "attempts"), "expected a reply for each attempt, found an empty list"
    for number, attempt in enumerate(attempts):
        at = (*place, "attempts", number)
        if isinstance(attempt, Reply) and attempt.attempts is not UNSET:
            yield at, "expected a reply, found attempts within attempts"
        else:
            yield from _reply_problems(_reply(attempt), at, service)


_NOTHING = Reply()


def _edges_problems(edges: Edges, place: Place, service: Service) -> Iterator[tuple[Place, str]]:
    numbers = (*edges.first, *edges.last)
    room = min((m.dimensions for m in service.models.values() if m.kind == "embeddings"), default=0)
    if len(numbers) > room:
        yield place, f"expected at most {room} numbers, found {len(numbers)}"
    length = math.hypot(*numbers)
    if not length <= 1:  # also where it is not a number
        yield (
            place,
            f"expected numbers of a vector of unit length, found ones of length {length:.6g}",
        )
