"""What is known to fit at a glance has nothing wrong for the validator that tells."""

import msgspec
import pytest
from fuzz import strategies
from hypothesis import assume, event, given, reject
from hypothesis import strategies as st
from msgspec.structs import replace

from mockgpt.core import decode, rules
from mockgpt.core.service import Endpoint, Rule
from mockgpt.core.shapes import fits
from mockgpt.files.services import load_service

SERVICE = load_service("pgpt")
HI = [{"role": "user", "content": "hi"}]


def endpoint(**parameters):
    return Endpoint(title="", paths=("x",), parameters=parameters)


def amiss(body, row):
    found = []
    rules.properties(body, row.parameters, found)
    return found or decode._ignored(body, row)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("chat", {"model": "gpt-3.5-turbo", "messages": HI, "stream": True, "temperature": 0}),
        ("chat", {"messages": [{"role": "system", "content": "x"}, *HI], "max_tokens": None}),
        ("completions", {"prompt": "hi", "max_tokens": 5, "temperature": 1.5}),
        ("embeddings", {"input": "hi"}),
        ("embeddings", {"model": "text-embedding-ada-002", "input": ["hi", "there"]}),
    ],
)
def test_what_most_clients_send_fits(name, body):
    assert fits(body, SERVICE.endpoints[name])


@given(st.data())
def test_what_fits_has_nothing_wrong(data):
    name = data.draw(st.sampled_from(["chat", "completions", "embeddings"]))
    text = data.draw(strategies.bodies(name))
    try:
        body = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        reject()
    assume(isinstance(body, dict))
    row = SERVICE.endpoints[name]
    event(f"fits: {fits(body, row)}")
    assert not (fits(body, row) and amiss(body, row))


NUMBERS = [None, True, "1", -1, 0, 0.5, 1, 1.5, 2, 2.0, 3, 10**30, -(10**30)]


@pytest.mark.parametrize(
    "rule",
    [
        Rule(type="integer"),
        Rule(type="integer", minimum=0.5, maximum=2.5),
        Rule(type="integer", minimum=-1e300, maximum=1e300),
        Rule(type="number", minimum=0.5, maximum=2),
        Rule(type="number", required=True),
        Rule(type="string", pattern="[a-z]", required=True),
        Rule(type="string", enum=("1", "2")),
        Rule(type="boolean", alias_of="y"),
        Rule(type="array", items=Rule(type="string", pattern="1")),
        Rule(type="texts", min_length=2),
    ],
)
def test_no_rule_lets_pass_what_the_validator_does_not(rule):
    row = endpoint(x=rule, y=Rule(type="boolean"))
    for value in [*NUMBERS, "ab", *([item] for item in NUMBERS)]:
        for body in ({"x": value}, {"x": value, "z": 1}, {"x": value, "y": True}):
            assert not (fits(body, row) and amiss(body, row)), body
    if rule.type in ("integer", "number", "texts") and not rule.pattern:
        assert fits({"x": "ab" if rule.type == "texts" else 1}, row)


def test_an_object_with_what_no_type_says_is_not_known_to_fit():
    inner = Rule(type="string", pattern="a", required=True)
    row = endpoint(x=Rule(type="object", required=True, properties={"y": inner}))
    assert not fits({"x": {"y": "a"}}, row)
    assert not amiss({"x": {"y": "a"}}, row)
    optional = replace(row, parameters={"x": Rule(type="object", properties={"y": inner})})
    assert fits({}, optional)
    assert not fits({"x": {"y": "a"}}, optional)
