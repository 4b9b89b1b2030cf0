"""Searches that end: the same answers as `re`'s, whatever the pattern, and no more than so many steps."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockgpt.core.conditions import TextMatch, When
from mockgpt.core.implication import implies
from mockgpt.core.scenario import Rule, Scenario
from mockgpt.core.searching import PatternFailedError, _reach, _Search, search

PATTERNS = [
    r"(?P<x>a+)+$",
    r"(?P<x>\w+) (?P<y>\w+)",
    r"^(?P<a>.*?)(?P<b>x|y)(?(b)z|w)",
    r"^(?P<b>x)?(?P<a>.)(?(b)z)",
    r"(?<=ab)(?P<x>c)|(?<!a)(?P<y>b)",
    r"(?P<q>['\"]).*?(?P=q)",
    r"(?i:(?P<q>a))(?P=q)(?i:(?P=q))",
    r"(?>a+)b",
    r"(?>a|ab)(?P<x>c)",
    r"a++b",
    r"(?:(?P<x>a)|b)?+c",
    r"(?=(?P<k>ab))a(?P<x>.)",
    r"(?!(?P<k>ab))a(?P<x>.)",
    r"(?i:A)b(?P<d>\d{2,3})",
    r"\bab\b",
    r"(a|ab)(c|bcd)(?P<z>d*)",
    r"(?m)^(?P<l>b.*)$",
    r"a{2,4}?(?P<r>a*)",
    r"(?:a|b)*?(?P<w>c)",
    r"(?!)",
    r"x*",
    r"(?s).(?P<n>\n.)",
    r"(?P<x>[^a-c]|\d)+\Z",
    r"abc(?P<rest>.*)",
    r"(?x) a b # (c)",
    "",
]


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr("mockgpt.core.searching._STEPS", 20_000)


@pytest.mark.parametrize("ignore_case", [False, True])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_answers_are_re_s(pattern, ignore_case):
    compiled = re.compile(pattern, re.IGNORECASE if ignore_case else re.NOFLAG)

    @settings(max_examples=25)
    @given(st.text("aAbBcdxyz'\" \n12é", max_size=12))
    def same(text):
        found = compiled.search(text)
        expected = None if found is None else found.groupdict("")
        assert _Search(compiled, text).groups() == expected
        assert search(pattern, text, ignore_case=ignore_case) == expected

    same()


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 50_000 + "!"),
        ("(a|ab|a)+$", "a" * 5_000 + "!"),
        (r"^(\w+\s?)*$", "word " * 1_000 + "!"),
        (r"(x+x+)+y", "x" * 5_000),
        (r".*a.*b.*c.*d", "a" * 5_000),
        (r"\s+$", " " * 20_000 + "x"),
        (r"(a|aa|a){1,30}b", "a" * 1_000),
        (r"(?P<city>\w+) weather", "lorem ipsum " * 4_000),
    ],
)
def test_what_would_take_re_for_ever_is_answered(pattern, text):
    assert search(pattern, text) is None


def test_a_match_in_a_long_text_is_found():
    text = "lorem ipsum " * 4_000 + "weather in Rome and weather in Paris"
    assert search(r"weather in (?P<city>\w+)", text) == {"city": "Rome"}
    assert search(r"(?P<city>\w+)$", text) == {"city": "Paris"}


@pytest.mark.parametrize(
    ("pattern", "text", "why"),
    [
        (r"(?P<a>a+)+(?P=a)b", "a" * 50_000, "it takes more than 20,000 steps on a text of 50,000 characters"),
        (r"(?=(a+)+b)", "a" * 50_000, "it takes more than 20,000 steps on a text of 50,000 characters"),
        (r"(a+)+$", "a" * 100_000, "it takes more than 20,000 steps on a text of 100,000 characters"),
        (r"((a|b){1000}){1000}c", "a" * 10, "it has more than 5,000 parts, counting its repeats"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("few")
def test_what_takes_too_long_is_told(pattern, text, why):
    with pytest.raises(PatternFailedError) as caught:
        search(pattern, text)
    assert str(caught.value) == f"the regular expression '{pattern}': {why}"


@pytest.mark.parametrize(
    ("pattern", "reach"),
    [
        ("weather", float("inf")),
        ("^(sun|rain|snow)[a-z]?", float("inf")),
        ("[0-9]{4}-[0-9]{2}", float("inf")),
        ("weather in (?P<city>[A-Z]+)", 10_000),
        (r"\w+ \w+", 464),
        (r"\d{1,3}(\.\d{1,3}){3}", float("inf")),
        ("(a+)+", 0),
        ("(ab|c)*", 0),
        ("(?:ab)+", 10_000),
        ("(a|aa|a){1,30}", 0),
        (r"(?=a*)(?>b*)c*+(d)\1", 39),
        ("(a)?(?(1)b|c*)", 5_000),
    ],
)
def test_re_is_trusted_with_short_texts(pattern, reach):
    found = _reach(re.compile(pattern))
    assert found == reach or int(found + 1e-6) == reach


@pytest.mark.usefixtures("few")
def test_the_request_is_answered_with_an_error_that_names_rule_and_pattern(desk):
    slow = Rule(id="slow", when=When(user=TextMatch(matches="(?P<a>a+)+(?P=a)b")), reply="x")
    asking = desk(Scenario(rules=(slow, Rule(reply="y"))))
    asked = asking("a" * 200)
    message = (
        "Whether rule 'slow' answers this request would take too long to tell: the regular "
        "expression '(?P<a>a+)+(?P=a)b': it takes more than 20,000 steps on a text of 200 "
        "characters. Mend the pattern."
    )
    assert (asked.status, asked.error["code"], asked.error["message"]) == (
        400,
        "pattern_failed",
        message,
    )
    assert asking("ab").said == "y"
    (finding,) = asking.engine.default.findings()
    assert (finding.code, finding.severity) == ("pattern_failed", "error")
    assert finding.message == f"POST /v1/chat/completions: {message}"


@pytest.mark.usefixtures("few")
def test_what_another_condition_has_ruled_out_is_not_left_undecided(desk):
    """A miss looks at all conditions, also at those that had not to be looked at before."""
    slow = When(model="gpt-4", user=TextMatch(matches="(?P<a>a+)+(?P=a)b"))
    rules = (Rule(id="slow", when=slow, reply="x"), Rule(id="near", when=When(user="b"), reply="y"))
    asked = desk(Scenario(rules=rules))("a" * 200)
    assert asked.error["code"] == "no_rule_answers"
    assert asked.error["message"] == (
        "No rule of the scenario answers this request: nearest is rule 'slow' "
        "(model: wanted gpt-4, got gpt-3.5-turbo)."
    )


@pytest.mark.usefixtures("few")
def test_only_the_nearest_rule_s_differences_are_put_in_words(desk):
    """Words of `any` look at all its conditions, for which the decision had no need."""
    slow = When(model="gpt-4", user=TextMatch(matches="(?P<a>a+)+(?P=a)b"))
    far = Rule(id="far", when=When(any_=(slow,), stream=True), reply="x")
    near = Rule(id="near", when=When(user="b"), reply="y")
    asked = desk(Scenario(rules=(far, near)))("a" * 200)
    assert "nearest is rule 'near'" in asked.error["message"]


@pytest.mark.usefixtures("few")
def test_a_pattern_of_a_branch_that_only_captures_is_bounded_as_well(desk):
    """What `any` captures is looked for when the rule has been chosen."""
    slow = When(user=TextMatch(matches="(?P<a>a+)+(?P=a)b"))
    rule = Rule(when=When(any_=(When(stream=False), slow)), reply="x")
    asked = desk(Scenario(rules=(rule,)))("a" * 200)
    assert asked.error["code"] == "pattern_failed"


@pytest.mark.usefixtures("few")
def test_what_cannot_be_told_is_no_implication():
    wide = When(user=TextMatch(matches="(?P<a>a+)+(?P=a)b"))
    assert implies(When(user="aaab"), wide)
    assert not implies(When(user="a" * 200), wide)
    assert not implies(When(user=TextMatch(contains="a" * 200)), wide)
