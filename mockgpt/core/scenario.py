"""The scenario language, version 1, as types: what is not here is not in the language.

A file (`files/scenarios.py`) and Python build the same values. Absent keys are UNSET, so that an
explicit null is refused instead of read as "no condition".
"""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from mockgpt.core.prose import knows_locale

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


class Reply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to answer: exactly one of `say`, `filler`, `vectors` and `error`; the rest adjusts it."""

    say: str | UnsetType = UNSET
    filler: Filler | UnsetType = UNSET
    vectors: Edges | UnsetType = UNSET
    error: str | UnsetType = UNSET
    finish: Literal["stop", "length", "content_filter"] | UnsetType = UNSET
    usage: Usage = Usage()
    model: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    created: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reply and when to give it. Rules without an id are `rule-1`, `rule-2`, … by position."""

    id: str = ""
    when: When = When()
    reply: str | Reply


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole scenario: rules are tried top to bottom, the first that holds answers."""

    mockgpt: Literal[1] = 1
    name: str = ""
    about: str = ""
    seed: int | UnsetType = UNSET
    service: str = "pgpt"
    rules: tuple[Rule, ...] = ()


_SOURCES = ("say", "filler", "vectors", "error")


def reply_of(rule: Rule) -> Reply:
    """Return a rule's reply; a string is short for `say`."""
    return Reply(say=rule.reply) if isinstance(rule.reply, str) else rule.reply


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return the end of a message about an unknown name: the known one that is close, if any."""
    near = get_close_matches(name, sorted(known), 1)
    return f"; did you mean '{near[0]}'?" if near else ""


def problems(scenario: Scenario, errors: frozenset[str]) -> Iterator[tuple[Place, str]]:
    """Yield what the types alone cannot refuse, with its place in the scenario.

    `errors` are the presets of the service's catalogue.
    """
    seen: dict[str, int] = {}
    for index, rule in enumerate(scenario.rules):
        place: Place = ("rules", index)
        if rule.id and rule.id in seen:
            first = f"rules[{seen[rule.id]}]"
            message = f"expected an id of its own, found '{rule.id}', which is the id of {first}"
            yield (*place, "id"), message
        seen.setdefault(rule.id, index)
        yield from _match_problems(rule.when, (*place, "when"))
        yield from _reply_problems(reply_of(rule), (*place, "reply"), errors)


def _match_problems(when: When, place: Place) -> Iterator[tuple[Place, str]]:
    for key in when.__struct_fields__:
        match = getattr(when, key)
        if isinstance(match, TextMatch) and match.matches is not UNSET:
            try:
                re.compile(match.matches)
            except re.error as error:
                yield (
                    (*place, key, "matches"),
                    f"expected a regular expression, found '{match.matches}' ({error})",
                )


def _reply_problems(
    reply: Reply, place: Place, errors: frozenset[str]
) -> Iterator[tuple[Place, str]]:
    given = [key for key in _SOURCES if getattr(reply, key) is not UNSET]
    if len(given) != 1:
        found = " and ".join(f"`{key}`" for key in given) or "none of them"
        yield place, f"expected exactly one of `say`, `filler`, `vectors`, `error`, found {found}"
    if reply.error is not UNSET and reply.error not in errors:
        hint = did_you_mean(reply.error, errors)
        yield (*place, "error"), f"expected an error preset, found '{reply.error}'{hint}"
    locale = UNSET if reply.filler is UNSET else reply.filler.locale
    if locale is not UNSET and not knows_locale(locale):
        yield (*place, "filler", "locale"), f"expected a locale of Faker's, found '{locale}'"
    for key in ("say", "model", "id"):
        text = getattr(reply, key)
        if text is not UNSET and any("\ud800" <= c <= "\udfff" for c in text):
            yield (*place, key), "expected text, found half of a surrogate pair"
