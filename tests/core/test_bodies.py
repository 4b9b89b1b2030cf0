"""What a condition asks of a JSON body: patterns, operators, equality, and where it is not met."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from mockgpt.core.bodies import (
    captures,
    meets,
    named,
    pattern_problems,
    told,
    unmet,
)
from mockgpt.core.entry import path_of
from mockgpt.core.equality import parsed, shown, unequal

MEETING = [
    ({}, {}),
    ({}, {"a": 1}),
    ({"a": 1}, {"a": 1.0, "b": 2}),
    ({"a": {"b": None}}, {"a": {"b": None, "c": 1}}),
    ([{"a": 1}, "x"], [{"a": 1, "b": 2}, "x"]),
    ({"$equals": {"$ref": 1}}, {"$ref": 1}),
    ({"$contains": "ell"}, "hello"),
    ({"$contains": "hello"}, ["hello", "x"]),
    ({"$contains": {"role": "user"}}, [{"role": "system"}, {"role": "user", "content": "x"}]),
    ({"$matches": "^h.l"}, "hello"),
    ({"$glob": "h*o"}, "hello"),
    ({"$at_least": 1, "$at_most": 2}, 1.5),
    ({"$at_least": -(10**400)}, 1.5),
    ({"$any": [1, {"$glob": "x*"}]}, "xy"),
    ({"$any": [{"$absent": True}, 5]}, UNSET),
    ({"$not": 1}, True),
    ({"$not": {"$equals": 1}}, UNSET),
    ({"$length": 3}, "abc"),
    ({"$length": 3}, [1, 2, 3]),
    ({"$length": {"$at_least": 1}}, {"a": 1}),
    ({"a": {"$absent": True}}, {"b": 1}),
    ({"a": {"$absent": False}}, {"a": None}),
    ({"$type": "integer"}, 5.0),
    ({"$type": ["string", "null"]}, None),
]
NOT_MEETING = [
    (1, True),
    (True, 1),
    (0, False),
    (None, UNSET),
    ("1", 1),
    ({"a": None}, {}),
    ({"a": {}}, {"a": []}),
    ({"a": {"b": {"$absent": True}}}, {}),
    ([], [1]),
    ([1], [True]),
    ({"$equals": {"a": 1}}, {"a": 1, "b": 2}),
    ({"$equals": [1]}, [True]),
    ({"$contains": "x"}, "hello"),
    ({"$contains": 1}, "1"),
    ({"$contains": 1}, [True]),
    ({"$contains": 1}, 1),
    ({"$matches": "h"}, 1),
    ({"$glob": "ell"}, "hello"),
    ({"$at_least": 1, "$at_most": 2}, 3),
    ({"$at_least": 0}, True),
    ({"$at_most": 0}, "0"),
    ({"$any": [1, 2]}, 3),
    ({"$not": {"$type": "string"}}, "x"),
    ({"$length": 3}, "ab"),
    ({"$length": 1}, 1),
    ({"$length": {"$at_most": 1}}, [1, 2]),
    ({"a": {"$absent": True}}, {"a": None}),
    ({"a": {"$absent": False}}, {}),
    ({"$type": "integer"}, True),
    ({"$type": "null"}, UNSET),
]


@pytest.mark.parametrize(("pattern", "value"), MEETING)
def test_a_pattern_that_is_met(pattern, value):
    assert list(unmet(pattern, value)) == []
    assert list(pattern_problems(pattern, ())) == []


@pytest.mark.parametrize(("pattern", "value"), NOT_MEETING)
def test_a_pattern_that_is_not_met(pattern, value):
    assert list(unmet(pattern, value))
    assert list(pattern_problems(pattern, ())) == []


BODY = {"n": 2, "messages": [{"role": "system"}, {"role": "user", "content": "y"}]}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ({"messages": [{}, {"content": "x"}]}, (("messages", 1, "content"), "'x'", "'y'")),
        ({"messages": [{}]}, (("messages",), "a list of 1", "a list of 2")),
        ({"messages": {"$length": 3}}, (("messages",), "$length 3", shown(BODY["messages"]))),
        ({"n": {"$at_least": 1, "$at_most": 1}}, (("n",), "$at_most 1", "2")),
        ({"n": {"$at_least": 3, "$type": "null"}}, (("n",), "$at_least 3 and $type 'null'", "2")),
        ({"x": {"y": True}}, (("x",), '{"y": true}', "nothing")),
        ({"n": {"$absent": True}}, (("n",), "$absent true", "2")),
        ({"$not": {"n": 2}}, ((), '$not {"n": 2}', None)),
    ],
)
def test_a_difference_has_its_exact_place(pattern, found):
    where, *values = next(unmet(pattern, BODY))
    assert (where, *told(*values)) == (*found[:2], found[2] or shown(BODY))


def test_equality_tells_every_place():
    wanted = {"a": 1, "b": [1, 2], "c": None}
    got = {"a": True, "b": [1, 2, 3], "d": "x"}
    assert [(place, *told(*values)) for place, *values in unequal(wanted, got)] == [
        (("a",), "1", "true"),
        (("b", 2), "nothing", "3"),
        (("c",), "null", "nothing"),
        (("d",), "nothing", "'x'"),
    ]


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("n", [("m", 0, "name"), ("m", 1, "name")]),
        ("m[0].name", [("n",), ("m", 1, "name")]),
        ("m[*].name", [("n",)]),
        ("m", [("n",)]),
        ("m[*]", [("n",)]),
        ("name", [("n",), ("m", 0, "name"), ("m", 1, "name")]),
    ],
)
def test_what_is_ignored_may_differ(path, left):
    wanted = {"n": 1, "m": [{"name": "a"}, {"name": "b"}]}
    got = {"n": 2, "m": [{"name": "c"}, {}]}
    assert [place for place, *_ in unequal(wanted, got, (parsed(path),))] == left


@pytest.mark.parametrize("path", ["", ".a", "a.", "a..b", "a[", "a[x]", "[0]", "a[0]b", "a[-1]"])
def test_what_is_no_path(path):
    assert parsed(path) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a" * 300, "'" + "a" * 200 + "'..."),
        ([1] * 300, "[" + "1, " * 66 + "1..."),
        ({"a": "ü", "b": [None, True]}, '{"a": "ü", "b": [null, true]}'),
        (int("1" * 400), "1" * 200 + "..."),
        ([10**5000], "a list too large to show"),
    ],
)
def test_what_is_shown_is_bounded(value, text):
    assert shown(value) == text


@pytest.mark.parametrize(
    ("pattern", "value", "found"),
    [
        ({"a": {"$matches": "(?P<x>b)(?P<y>c)?"}}, {"a": "b"}, {"x": "b", "y": ""}),
        ([{"$matches": "(?P<x>.)"}, 1], ["a", 1], {"x": "a"}),
        ({"$contains": {"$matches": "(?P<x>b.)"}}, ["a", "bc", "bd"], {"x": "bc"}),
        ({"$contains": "b"}, "abc", {}),
        ({"$any": [{"$matches": "(?P<x>a)"}, {"$matches": "(?P<x>b)"}]}, "b", {"x": "b"}),
        ({"$any": [{"$matches": "(?P<x>a)"}, {"$matches": "(?P<x>b)"}]}, "ab", {"x": "b"}),
        ({"$not": {"$matches": "(?P<x>a)"}}, "b", {}),
    ],
)
def test_named_groups_of_a_met_pattern(pattern, value, found):
    assert meets(pattern, value)
    assert captures(pattern, value) == found
    assert found.keys() <= {name for _, names in named(pattern) for name in names}


PROBLEMS = [
    ({"a": {"$contian": 1}}, "a.$contian", "expected one of $equals, "),
    ({"$contian": 1}, "$contian", "found '$contian'; did you mean '$contains'?"),
    ({"$ref": 1}, "$ref", "found '$ref'; `$equals` takes keys that begin with $ as they stand"),
    ({"$glob": "x", "a": 1}, "", "expected operators or keys, found '$glob' beside 'a'"),
    ({"$matches": "("}, "$matches", "expected a regular expression, found '(' (missing ), "),
    ({"$matches": 1}, "$matches", "expected a regular expression, found 1"),
    ({"$glob": ["x"]}, "$glob", 'expected a text, found ["x"]'),
    ({"$at_least": "1"}, "$at_least", "expected a number, found '1'"),
    ({"$at_most": True}, "$at_most", "expected a number, found true"),
    ({"$at_most": float("nan")}, "$at_most", "expected a number, found NaN"),
    ({"$at_least": 3, "$at_most": 2}, "", "expected at_least up to at_most, found 3 and 2"),
    ({"$any": []}, "$any", "expected a list of alternatives, found []"),
    ({"$any": [{"$not": {"$any": 1}}]}, "$any[0].$not.$any", "expected a list of alternatives"),
    ({"$length": -1}, "$length", "expected a whole number, or a mapping of $at_least and"),
    ({"$length": {}}, "$length", "expected a whole number, or a mapping of $at_least and"),
    ({"$length": {"$at_least": 2, "$at_most": 1}}, "$length", "expected at_least up to at_most"),
    ({"$absent": 1}, "$absent", "expected true or false, found 1"),
    ({"$type": "text"}, "$type", "expected one of null, string, boolean, array, object, number, "),
    ({"$type": []}, "$type", "or a list of them, found []"),
    ({"$type": [["string"]]}, "$type", "or a list of them, found [["),
    ({"$equals": {"a": float("inf")}}, "$equals.a", "expected a number of JSON's, found inf"),
    ([{"a": (1,)}], "[0].a", "expected a value of JSON's, found a tuple"),
]


@pytest.mark.parametrize(("pattern", "place", "message"), PROBLEMS)
def test_what_is_no_pattern_is_refused(pattern, place, message):
    ((where, told),) = pattern_problems(pattern, ())
    assert path_of(where) == place
    assert message in told


# --- laws

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab", max_size=3)
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abc"), values, max_size=3)
numbers = st.integers(-3, 3)
operators = st.one_of(
    st.builds(lambda v: {"$equals": v}, values),
    st.builds(lambda v: {"$at_least": v}, numbers),
    st.builds(lambda v: {"$at_most": v}, numbers),
    st.builds(lambda v: {"$contains": v}, leaves),
    st.builds(lambda v: {"$length": v}, st.integers(0, 3)),
    st.builds(lambda v: {"$absent": v}, st.booleans()),
    st.builds(lambda v: {"$type": v}, st.sampled_from(["string", "object", "array", "null"])),
)
patterns = st.recursive(
    leaves | operators,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        st.builds(lambda v: {"$not": v}, inner),
        st.builds(lambda v: {"$any": v}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=6,
)


@given(values)
def test_a_value_equals_itself_and_is_its_own_subset(value):
    again = json.loads(json.dumps(value))
    assert list(unequal(value, again)) == []
    assert meets(value, again)


@given(values, values)
def test_equality_has_no_direction(one, other):
    there = {place for place, *_ in unequal(one, other)}
    assert there == {place for place, *_ in unequal(other, one)}
    assert meets({"$equals": one}, other) is not bool(there)


@given(objects, st.data())
def test_fewer_keys_ask_for_less(value, data):
    kept = data.draw(st.sets(st.sampled_from(sorted(value)))) if value else set()
    assert meets({key: value[key] for key in kept}, value)


@given(patterns, patterns, values)
def test_operators_are_boolean_logic(one, other, value):
    first, second = meets(one, value), meets(other, value)
    assert meets({"$not": one}, value) is not first
    assert meets({"$any": [one, other]}, value) is (first or second)
    assert meets({"$not": {"$any": [one, other]}}, value) is not (first or second)
    assert meets({"$any": [one], "$not": other}, value) is (first and not second)


@given(patterns, values)
def test_patterns_that_are_drawn_here_are_patterns(pattern, value):
    assert list(pattern_problems(pattern, ())) == []
    assert captures(pattern, value) == {} if meets(pattern, value) else True
