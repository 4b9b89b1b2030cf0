"""Regular expressions that can take exponential time are told from those that cannot."""

import re

import pytest

from mockgpt.core.regexes import exponential

DANGEROUS = {
    r"(a+)+$": "a",
    r"(a*)*b": "a",
    r"(?:(?:a?)*b)*c": "b",
    r"(a|a)*b": "a",
    r"(a|aa)+$": "aa",
    r"(?:a|ab|b)*c": "abb",
    r"(?:(a)|a)*b": "aa",
    r"(.*)*x": "a",
    r"(.+)+,": "a",
    r"(?:.*,)*x": ",,",
    r"(x+x+)+y": "xx",
    r"(?:a*b?)*c": "a",
    r"([a-z]+)*\d": "a",
    r"([a-zA-Z]+)*\s": "a",
    r"^(\w+\s?)*$": "a",
    r"^(\d+)*$": "0",
    r"(\d+\.?)+%": "0",
    r"(\S+\s*)*\.": "a",
    r"(?:[^,]*,?)*;": "a",
    r"^(?:[A-Za-z]+[0-9]*)*#": "a",
    r"^([a-z0-9]+-?)*$": "a",
    r"^(([a-z])+.)+[A-Z]([a-z])+$": "aa",
    r"(?s)(?:.|\n)*x": "\n\n",
    r'(?:"[^"]*"|[^;])*;x': '""a',
    r"(?:é+)+x": "é",
    r"(?i:(?:(a)|A)+)!": "aa",
    r"(?:a+){2,}b": "a",
    r"(?:a+){3,100}b": "a",
    r"(?:a{0,20}){0,20}$": "aa",
    r"((?:a+)+b)?": "a",  # optional, but tried first
    r"(?=(a+)+b)a": "a",
    r"(?!(?:a+)+b)a": "a",
    r"(?>(a+)+b)": "a",
    r"((?:a+)+b)++": "a",
    r"(?:(\w)\1?)*-": "a",
    r"(x)?(?(1)(?:a+)+b|c)": "a",
}
SAFE = [
    "",
    r"a+",
    r"hello|world",
    r"(?i)quota|limit",
    r"weather in (?P<city>\w+)",
    r"(ab)*c",
    r"(a|b)*c",
    r"(a|ab)*c",
    r"(\w|\d)*!",  # one class, to `re`
    r"(?:\d|\D)*x",
    r"\d+\.\d+",
    r"\s+$",
    r"\b\w+\b",
    r"(?:\b\w+\b\s*)*$",
    r"(?:(?:^|, )\w+)+$",
    r"(\w+\s)*$",
    r"(?:\d+,)*\d+$",
    r"(?:,\s*\w+)*;",
    r"^[^@]+@[^@]+$",
    r"^(?:[a-z]+\.)+[a-z]{2,}$",
    r"(?:\d{1,3}\.){3}\d{1,3}",
    r"(?:[0-9a-f]{2}:?)*$",
    r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?$",
    r'"(?:[^"\\]|\\.)*"',
    r".*foo.*bar",
    r"(?:(?!END).)*END",
    r"<([a-z]+)>.*</\1>",
    r"(a)(?(1)b|c)",
    r"(?:a?)*b",  # `re` does not repeat what matched nothing
    r"(a+)+",  # the first way is a match
    r"(?:a|b|ab)*",
    r"(?:x|(?:a+)+)*",
    r"(?:(?:a|b)+c)*d",
    r"(a++)+b",
    r"(?>a+)+b",
    r"(a+)*+b",
    r"(?!)x",
    r"a{0}b",
    r"(?a:(?:(\w)|é))*x",
    r"(?i)(?-i:(?:(a)|A))*b",
    r"(é|É)*x",
    r"(?:a{1,3}b){2,5}$",
    r"a{1000}b{2,3000}",
]


@pytest.mark.parametrize(("pattern", "word"), DANGEROUS.items())
def test_a_pattern_that_can_take_exponential_time_is_told_by_a_text(pattern, word):
    told = f"repetitions of {word!r} can match in exponentially many ways"
    assert exponential(pattern) == told


@pytest.mark.parametrize("pattern", SAFE)
def test_a_pattern_that_cannot_is_not(pattern):
    assert exponential(pattern) is None


@pytest.mark.parametrize("pattern", ["x" * 600 + "(a+)+$", "(" * 340 + "(a+)+$" + ")" * 340])
def test_what_is_too_large_to_tell_is_let_pass(pattern):
    re.compile(pattern)
    assert exponential(pattern) is None


def test_a_search_has_an_end(monkeypatch):
    monkeypatch.setattr("mockgpt.core.regexes._STEPS", 3)
    assert exponential("(?:a|ab|b)*c") is None


def test_what_is_no_pattern_is_refused():
    with pytest.raises(re.error):
        exponential("(")
