"""What a rule or a step asks of a request: the language's `when` and `expect`, as types.

What they mean is `matching.py`'s; all conditions that are given must hold.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from mockgpt.core.entry import Entry, Place, Problem

EndpointName = Literal["chat", "completions", "embeddings"]


class TextMatch(Entry, frozen=True, kw_only=True):
    """Conditions on a text; all that are given must hold."""

    equals: Annotated[str | UnsetType, Meta(description="The whole text.")] = UNSET
    contains: Annotated[str | UnsetType, Meta(description="A part of the text.")] = UNSET
    matches: Annotated[
        str | UnsetType,
        Meta(
            description="A regular expression, searched; its named groups are captures for templates."
        ),
    ] = UNSET
    glob: Annotated[
        str | UnsetType, Meta(description="The whole text, with *, ? and [sets] as in a shell.")
    ] = UNSET
    ignore_case: Annotated[bool, Meta(description="Compare without regard to case.")] = False


Text = str | TextMatch


class Range(Entry, frozen=True, kw_only=True):
    """A number from `at_least` to `at_most`, both included."""

    at_least: Annotated[int | UnsetType, Meta(description="The smallest that will do.")] = UNSET
    at_most: Annotated[int | UnsetType, Meta(description="The largest that will do.")] = UNSET


class When(
    Entry,
    frozen=True,
    kw_only=True,
    rename={"any_": "any", "all_": "all", "not_": "not"},
):
    """Conditions on a request; all that are given must hold."""

    endpoint: Annotated[
        EndpointName | tuple[EndpointName, ...] | UnsetType,
        Meta(description="The endpoint, or several of which one is asked."),
    ] = UNSET
    model: Annotated[
        str | tuple[str, ...] | UnsetType,
        Meta(description="The requested model: a glob, or several of which one holds."),
    ] = UNSET
    user: Annotated[Text | UnsetType, Meta(description="The text of the last user message.")] = (
        UNSET
    )
    system: Annotated[
        Text | UnsetType, Meta(description="The text of the last system message.")
    ] = UNSET
    assistant: Annotated[
        Text | UnsetType, Meta(description="The text of the last assistant message.")
    ] = UNSET
    text: Annotated[
        Text | UnsetType,
        Meta(description="Any text of the request: a message, a prompt, an input."),
    ] = UNSET
    prompt: Annotated[
        Text | UnsetType, Meta(description="The prompt of a completion, or one of several.")
    ] = UNSET
    input: Annotated[
        Text | UnsetType, Meta(description="The input of an embedding, or one of several.")
    ] = UNSET
    turn: Annotated[
        Annotated[int, Meta(ge=0)] | Range | UnsetType,
        Meta(description="How many user messages there are so far."),
    ] = UNSET
    stream: Annotated[bool | UnsetType, Meta(description="Whether a stream is asked for.")] = UNSET
    headers: Annotated[
        dict[str, Text], Meta(description="Request headers by name, whatever its case.")
    ] = field(default_factory=dict)
    api_key: Annotated[str | UnsetType, Meta(description="The API key: a glob.")] = UNSET
    body: Annotated[
        dict[str, Any] | UnsetType,
        Meta(
            description="A subset of the JSON body: mappings by subset, lists by length and element, "
            "leaves by equality. A mapping whose keys begin with $ is an operator: $equals, "
            "$contains, $matches, $glob, $at_least, $at_most, $any, $not, $length, $absent, $type."
        ),
    ] = UNSET
    exactly: Annotated[
        dict[str, Any] | UnsetType,
        Meta(description="The whole JSON body; the order of keys does not matter."),
    ] = UNSET
    ignore: Annotated[
        tuple[str, ...],
        Meta(
            description="Paths that `exactly` leaves out, such as temperature or messages[0].name; "
            "[*] is every item."
        ),
    ] = ()
    any_: Annotated[
        "tuple[When, ...] | UnsetType", Meta(description="Of these at least one holds.")
    ] = UNSET
    all_: Annotated["tuple[When, ...] | UnsetType", Meta(description="All of these hold.")] = UNSET
    not_: Annotated["When | UnsetType", Meta(description="This does not hold.")] = UNSET


def condition_problems(when: When, place: Place) -> Iterator[Problem]:
    """Yield what the types alone cannot refuse, with its place in the scenario."""
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
