"""What conditions have wrong that their types cannot refuse."""

import pytest

from mockgpt.core.conditions import Range, TextMatch, When, condition_problems
from mockgpt.core.entry import path_of

REGEX = (
    "expected a regular expression, found '(' (missing ), unterminated subpattern at position 0)"
)
BAD = TextMatch(matches="(")
PROBLEMS = [
    (When(user=BAD), "user.matches", REGEX),
    (When(headers={"x-a": BAD}), "headers.x-a.matches", REGEX),
    (When(body={"a": [{"$matches": "("}]}), "body.a[0].$matches", REGEX),
    (When(any_=(When(), When(not_=When(text=BAD)))), "any[1].not.text.matches", REGEX),
    (When(all_=(When(user=BAD),)), "all[0].user.matches", REGEX),
    (
        When(user=TextMatch(ignore_case=True)),
        "user",
        "expected `equals`, `contains`, `matches` or `glob`, found none of them",
    ),
    (When(turn=Range()), "turn", "expected `at_least` or `at_most`, found neither"),
    (
        When(turn=Range(at_least=3, at_most=2)),
        "turn",
        "expected at_least up to at_most, found 3 and 2",
    ),
    (When(any_=()), "any", "expected at least one, found an empty list"),
    (When(all_=()), "all", "expected at least one, found an empty list"),
    (When(model=()), "model", "expected at least one, found an empty list"),
    (When(endpoint=()), "endpoint", "expected at least one, found an empty list"),
    (When(ignore=("a",)), "ignore", "expected `ignore` beside `exactly`, found it alone"),
    (
        When(exactly={}, ignore=("a", "a[b]")),
        "ignore[1]",
        "expected a path such as temperature, messages[0].name or messages[*].name, found 'a[b]'",
    ),
    (
        When(exactly={"a": [float("nan")]}),
        "exactly.a[0]",
        "expected a number of JSON's, found nan",
    ),
    (
        When(headers={"x a": "1"}),
        "headers.x a",
        "expected the name of a header, found 'x a'",
    ),
    (
        When(endpoint="embeddings", user="x"),
        "user",
        "expected a condition that embeddings can meet, found one of chat",
    ),
    (
        When(endpoint=("chat", "embeddings"), prompt="x"),
        "prompt",
        "expected a condition that chat or embeddings can meet, found one of completions",
    ),
    (
        When(user="x", input="x"),
        "input",
        "expected a condition that chat can meet, found one of embeddings",
    ),
    (
        When(endpoint="completions", turn=1),
        "turn",
        "expected a condition that completions can meet, found one of chat",
    ),
    (
        When(endpoint="embeddings", stream=True),
        "stream",
        "expected a condition that embeddings can meet, found one of chat or completions",
    ),
    (
        When(input="x", any_=(When(text="x"), When(prompt="x"))),
        "any[1].prompt",
        "expected a condition that embeddings can meet, found one of completions",
    ),
    (
        When(endpoint="chat", all_=(When(input="x"),)),
        "all[0].input",
        "expected a condition that chat can meet, found one of embeddings",
    ),
    (
        When(user=TextMatch(matches="(?P<a>.)"), system=TextMatch(matches="(?P<a>.)")),
        "system.matches",
        "expected each group once, found 'a' again (first in user.matches)",
    ),
    (
        When(
            all_=(When(text=TextMatch(matches="(?P<a>.)")),),
            body={"x": {"$matches": "(?P<a>.)"}},
        ),
        "all[0]",
        "expected each group once, found 'a' again (first in body.x.$matches)",
    ),
    (When(model="\ud800"), "model", "expected text, found half of a surrogate pair"),
    (
        When(not_=When(body={"a": ["\ud800"]})),
        "not.body.a[0]",
        "expected text, found half of a surrogate pair",
    ),
]


@pytest.mark.parametrize(("when", "place", "message"), PROBLEMS)
def test_what_cannot_be_is_refused_with_its_place(when, place, message):
    ((where, told),) = condition_problems(when, ("when",))
    assert path_of(where) == f"when.{place}"
    assert told == message


@pytest.mark.parametrize(
    "when",
    [
        When(),
        When(endpoint="embeddings", stream=False),
        When(endpoint=("chat", "completions"), prompt="x", stream=True),
        When(endpoint="embeddings", not_=When(user="x")),
        When(any_=(When(user="x"), When(prompt="x"), When(input="x"))),
        When(user=TextMatch(equals="")),
        When(turn=Range(at_least=2, at_most=2)),
        When(exactly={"$ref": {"$contains": 1}}, ignore=("messages[*].name", "a[0][1].b")),
        When(any_=tuple(When(user=TextMatch(matches=f"(?P<a>{end})$")) for end in "xy")),
        When(user=TextMatch(matches="(?P<a>.)"), not_=When(user=TextMatch(matches="^(?P<a>.)$"))),
    ],
)
def test_what_can_be_is_not_refused(when):
    assert list(condition_problems(when, ())) == []


def test_names_of_captures_are_those_of_all_branches_but_not():
    when = When(
        user=TextMatch(matches="(?P<a>.)"),
        system=TextMatch(matches="("),
        headers={"x-a": TextMatch(matches="(?P<b>.)")},
        any_=(When(text=TextMatch(matches="(?P<c>.)")), When()),
        all_=(When(body={"x": {"$any": [{"$matches": "(?P<d>.)"}, 1]}}),),
        not_=When(text=TextMatch(matches="(?P<e>.)")),
    )
    assert when.capture_names == {"a", "b", "c", "d"}
