"""What a rule or a step asks of a request: the language's `when` and `expect`, as types.

What they mean is `matching.py`'s; all conditions that are given must hold.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from mockgpt.core.bodies import bounds_problems, named, pattern_problems
from mockgpt.core.entry import Entry, Missing, Place, Problem, path_of, surrogate_problems
from mockgpt.core.equality import json_problems, parsed
from mockgpt.core.headers import HEADER_NAME
from mockgpt.core.patterns import group_names, regex_problems

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
    dict=True,  # for what is worked out once
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

    @cached_property
    def given(self) -> tuple[tuple[str, Any], ...]:
        """The conditions that are given, by their fields, but for `headers` and `exactly`."""
        beside = ("headers", "exactly", "ignore")
        pairs = ((key, getattr(self, key)) for key in self.__struct_fields__ if key not in beside)
        return tuple((key, value) for key, value in pairs if value is not UNSET)

    @cached_property
    def of_caller(self) -> bool:
        """Whether anything is asked of the headers or the API key."""
        inner = [one for some in (self.any_, self.all_) if some is not UNSET for one in some]
        inner += [] if self.not_ is UNSET else [self.not_]
        asked = self.headers or self.api_key is not UNSET
        return bool(asked) or any(one.of_caller for one in inner)

    @cached_property
    def capture_names(self) -> frozenset[str]:
        """The names that the conditions may capture, whichever of their alternatives hold."""
        return frozenset[str]().union(*(names for _, names in _named(self)))


TEXTS = ("user", "system", "assistant", "text", "prompt", "input")
_ASKABLE: dict[str, tuple[EndpointName, ...]] = {  # the endpoints that can meet a condition
    **dict.fromkeys(("user", "system", "assistant", "turn"), ("chat",)),
    "prompt": ("completions",),
    "input": ("embeddings",),
}


def _named(when: When) -> Iterator[tuple[Place, frozenset[str]]]:
    """Yield captured names by their place; alternatives share theirs, `not` captures nothing."""
    for place, text in _texts(when):
        if isinstance(text, TextMatch):
            yield (*place, "matches"), group_names(text.matches)
    if when.body is not UNSET:
        yield from named(when.body, ("body",))
    for index, one in enumerate(when.all_ or ()):
        yield ("all", index), one.capture_names
    yield ("any",), frozenset[str]().union(*(one.capture_names for one in when.any_ or ()))


def _texts(when: When) -> Iterator[tuple[Place, Text | UnsetType]]:
    """Yield the conditions on texts, those on headers included, with their place."""
    for key in TEXTS:
        yield (key,), getattr(when, key)
    for name, text in when.headers.items():
        yield ("headers", name), text


def condition_problems(when: When, place: Place) -> Iterator[Problem]:
    """Yield what the types alone cannot refuse, with its place in the scenario."""
    found = [*_problems(when, place, get_args(EndpointName))]
    yield from found or surrogate_problems(msgspec.to_builtins(when), place)


def _problems(when: When, place: Place, possible: tuple[str, ...]) -> Iterator[Problem]:
    """Yield problems; `possible` are the endpoints that conditions around these leave."""
    for at, text in _texts(when):
        yield from _text_problems(text, (*place, *at))
    for name in when.headers:
        if not HEADER_NAME.fullmatch(name):
            yield (*place, "headers", name), f"expected the name of a header, found '{name}'"
    given = msgspec.structs.asdict(when)
    for key in ("endpoint", "model", "any_", "all_"):
        if given[key] == ():
            yield (*place, key.strip("_")), "expected at least one, found an empty list"
    if isinstance(when.turn, Range):
        yield from _range_problems(when.turn, (*place, "turn"))
    if when.body is not UNSET:
        yield from pattern_problems(when.body, (*place, "body"))
    yield from _exactly_problems(when, place)
    yield from _repeated_groups(when, place)
    yield from _combined_problems(when, place, possible)


def _repeated_groups(when: When, place: Place) -> Iterator[Problem]:
    """Yield names that two conditions capture, of which one would be lost."""
    seen: dict[str, Place] = {}
    for at, names in _named(when):
        for name in sorted(names):
            if name in seen:
                first = path_of(seen[name])
                message = f"expected each group once, found '{name}' again (first in {first})"
                yield (*place, *at), message
            seen.setdefault(name, at)


def _combined_problems(when: When, place: Place, possible: tuple[str, ...]) -> Iterator[Problem]:
    """Yield conditions that cannot hold together, and the problems of `any`, `all` and `not`."""
    for key, endpoints in _asked_endpoints(when):
        left = tuple(endpoint for endpoint in possible if endpoint in endpoints)
        if not left:
            wanted, found = " or ".join(possible), " or ".join(endpoints)
            message = f"expected a condition that {wanted} can meet, found one of {found}"
            yield (*place, key), message
            break
        possible = left
    for key, branches in (("any", when.any_), ("all", when.all_)):
        for index, branch in enumerate(branches or ()):
            yield from _problems(branch, (*place, key, index), possible)
    if when.not_ is not UNSET:
        yield from _problems(when.not_, (*place, "not"), get_args(EndpointName))


def _asked_endpoints(when: When) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield for each condition the endpoints that can meet it, where not all can."""
    if when.endpoint:
        yield "endpoint", (when.endpoint,) if isinstance(when.endpoint, str) else when.endpoint
    for key, endpoints in _ASKABLE.items():
        if getattr(when, key) is not UNSET:
            yield key, endpoints
    if when.stream is True:
        yield "stream", ("chat", "completions")


def endpoints(when: When) -> frozenset[str]:
    """Return the endpoints whose requests can meet conditions."""
    found = frozenset[str](get_args(EndpointName))
    for _, possible in _asked_endpoints(when):
        found = found.intersection(possible)
    return found.intersection(*map(endpoints, when.all_ or ()))


def _text_problems(text: Text | UnsetType, place: Place) -> Iterator[Problem]:
    if not isinstance(text, TextMatch):
        return
    if text == TextMatch(ignore_case=text.ignore_case):
        wanted = "`equals`, `contains`, `matches` or `glob`"
        yield place, Missing(f"expected {wanted}, found none of them")
    if text.matches is not UNSET:
        yield from regex_problems(text.matches, (*place, "matches"))


def _range_problems(numbers: Range, place: Place) -> Iterator[Problem]:
    if numbers == Range():
        yield place, Missing("expected `at_least` or `at_most`, found neither")
    yield from bounds_problems(numbers.at_least, numbers.at_most, place)


def _exactly_problems(when: When, place: Place) -> Iterator[Problem]:
    if when.exactly is not UNSET:
        yield from json_problems(when.exactly, (*place, "exactly"))
    elif when.ignore:
        message = Missing("expected `ignore` beside `exactly`, found it alone")
        yield (*place, "ignore"), message
    for index, path in enumerate(when.ignore):
        if parsed(path) is None:
            wanted = "a path such as temperature, messages[0].name or messages[*].name"
            yield (*place, "ignore", index), f"expected {wanted}, found '{path}'"
