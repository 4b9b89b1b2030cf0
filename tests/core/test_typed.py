"""The walk of data beside a type: it accepts what msgspec's converter does, and says more."""

from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Meta
from msgspec import inspect as types

from mockgpt.core.scenario import Scenario
from mockgpt.core.service import Service
from mockgpt.files.documents import ScenarioError, read
from mockgpt.files.scenarios import shipped, spelt
from mockgpt.files.services import load_service
from mockgpt.files.typed import violations

ROOT = Path(__file__).parents[2]


class Cat(msgspec.Struct, tag="cat", tag_field="is", forbid_unknown_fields=True):
    lives: Annotated[int, Meta(gt=0, lt=10)] = 9


class Dog(msgspec.Struct, tag="dog", tag_field="is", forbid_unknown_fields=True):
    name: str


def told(data, kind):
    return [v.message for v in violations(data, types.type_info(kind))]


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (3, str | Cat, "expected a string or a mapping, found 3; in quotes it is a string"),
        ("3", int, "expected an integer, found '3'; leave out the quotes"),
        ("0.5", float, "expected a number, found '0.5'; leave out the quotes"),
        ("true", bool, "expected true or false, found 'true'; leave out the quotes"),
        ("yes", bool, "expected true or false, found 'yes'"),
        (None, int, "expected an integer, found null"),
        ([], int | None, "expected an integer or null, found a list"),
        ({}, list[int] | str | int, "expected a list, a string or an integer, found a mapping"),
        (0, Annotated[int, Meta(gt=0, lt=10)], "expected an integer above 0 and below 10, found 0"),
        (5, Annotated[float, Meta(le=3)], "expected a number of at most 3, found 5"),
        (float("nan"), Annotated[float, Meta(ge=0, le=1)], "expected a number from 0 to 1, found nan"),
        ("", Annotated[str, Meta(min_length=1)], "expected a string of at least 1 characters, found ''"),
        ("b", Annotated[str, Meta(pattern="^a$")], "expected a string that matches ^a$, found 'b'"),
        (
            "b",
            Annotated[str, Meta(pattern="^a$", description="such as a")],
            "expected a string such as a, found 'b'",
        ),
        ([], Annotated[list[int], Meta(min_length=1)], "expected a list of at least 1 items, found 0"),
        ("sotp", Literal["stop", "go"], "expected one of go, stop, found 'sotp'; did you mean 'stop'?"),
        ({"is": "cta"}, Cat | Dog, "expected one of cat, dog, found 'cta'; did you mean 'cat'?"),
        ({}, Cat | Dog, "expected the key 'is' (one of cat, dog), found none"),
        ({"is": "dog"}, Cat | Dog, "expected the key 'name', found none"),
        ({"a": "x" * 99}, dict[str, int], f"expected an integer, found '{'x' * 59}..."),
    ],
)  # fmt: skip
def test_a_violation_says_what_was_expected_and_found(data, kind, message):
    assert told(data, kind) == [message]
    assert refusal_of(data, kind)


@pytest.mark.parametrize(
    ("data", "kind"),
    [(UNSET, int), ({"is": UNSET}, Cat | Dog), ([UNSET, 1], list[int]), ({"a": UNSET}, Any)],
)
def test_what_is_complained_about_already_is_passed_over(data, kind):
    assert told(data, kind) == []


def test_a_key_that_is_misspelt_is_not_missing_as_well():
    found = list(violations({"is": "dog", "nmae": "Rex"}, types.type_info(Cat | Dog)))
    assert [(v.place, v.of_key) for v in found] == [(("nmae",), True)]
    assert found[0].message == "expected a known key, found 'nmae'; did you mean 'name'?"


# Data that fits a type or nearly so: that of files, with values changed, added and left out.
SEEDS = [
    (kind, read(path.read_text("utf-8"), path.name).data)
    for kind, paths in (
        (Scenario, shipped().values()),
        (Service, [ROOT / "mockgpt/services/pgpt.yaml"]),
    )
    for path in paths
]
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.integers(10**400, 10**401),
    st.text(max_size=4), st.sampled_from(["chat", "stop", "1s", "1.5m", "stall", "overloaded"]),
)  # fmt: skip
KEYS = st.sampled_from(["kind", "say", "when", "reply", "after", "each", "first", "text", "zzz"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=4,
)


def places(data):
    """Yield every container of data."""
    if isinstance(data, dict | list):
        yield data
        for item in data.values() if isinstance(data, dict) else data:
            yield from places(item)


def refusal_of(data, kind):
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


VALUES_OF_EACH_TYPE = [
    None, True, False, -1, 0, 1, 2, 199, 200, 399, 400, 599, 600, -1.5, -1.0, 0.5, 1.0, 1.5,
    float("nan"), float("inf"), "", "x", "1", "stop", "chat", "200ms", "200 ms", {}, {"x": "y"},
    {"x": 1}, {"x": {}}, {"kind": "x"}, {"kind": 1}, {"kind": "stall"}, {"kind": "drop", "event": 0}, {"text": "x"},
    {"at_least": 1}, [],
]  # fmt: skip


def structs(info):
    """Yield the types of all mappings below a type."""
    found = {}
    left = [info]
    while left:
        match left.pop():
            case types.StructType() as info if info.cls not in found:
                found[info.cls] = info
                left += [field.type for field in info.fields]
            case types.Metadata(type=inner) | types.VarTupleType(item_type=inner):
                left.append(inner)
            case types.DictType(value_type=inner):
                left.append(inner)
            case types.UnionType(types=members):
                left += members
    return list(found)


@pytest.mark.parametrize("kind", [Scenario, Service])
def test_the_walk_and_the_converter_agree_on_each_key(kind):
    for struct in structs(types.type_info(kind)):
        for name, hint in get_type_hints(struct, include_extras=True).items():
            one = msgspec.defstruct("One", [("it", hint)], forbid_unknown_fields=True)
            for value in (*VALUES_OF_EACH_TYPE, *([value] for value in VALUES_OF_EACH_TYPE)):
                found = list(violations({"it": value}, types.type_info(one)))
                told = (struct, name, value, found)
                assert bool(found) is bool(refusal_of({"it": value}, one)), told


def changed(draw, data):
    """Return a copy of data with one or two changes."""
    data = deepcopy(data)
    for _ in range(draw(st.integers(1, 2))):
        where = draw(st.sampled_from(list(places(data))))
        value = draw(VALUES)
        if isinstance(where, list):
            where[draw(st.integers(0, len(where))) :] = [value]
        elif where and draw(st.booleans()):
            where[draw(st.sampled_from(list(where)))] = value
        else:
            where[draw(KEYS)] = value
    return data


@settings(max_examples=200)
@given(st.data())
def test_the_walk_and_the_converter_agree_on_whole_files(draw):
    kind, seed = draw.draw(st.sampled_from(SEEDS))
    data = changed(draw.draw, seed)
    found = list(violations(data, types.type_info(kind)))
    refusal = refusal_of(data, kind)
    # An integer of 400 digits is no float; that alone is left to the converter.
    assert bool(found) is bool(refusal) or "out of range" in refusal


def errors_of(data):
    try:
        spelt(data, load_service("pgpt"), "line")
    except ScenarioError as error:
        return {(one.path, one.message) for one in error.errors}
    return set()


@settings(max_examples=100)
@given(st.data())
def test_what_does_not_convert_leaves_the_rest_to_be_judged(draw):
    data = changed(draw.draw, draw.draw(st.sampled_from(SEEDS[:-1]))[1])
    if not isinstance(data, dict) or not isinstance(data.get("rules", []), list):
        assert errors_of(data)
        return
    more = {"reply": "a", "whne": {}}
    found = errors_of({**data, "rules": [*data.get("rules", []), more]})
    place = f"rules[{len(data.get('rules', []))}].whne"
    told = "expected a known key, found 'whne'; did you mean 'when'?"
    # What only msgspec knows is told where nothing else is, and by itself.
    assert found - {(place, told)} == {
        one for one in errors_of(data) if "out of range" not in one[1]
    }
    assert (place, told) in found
