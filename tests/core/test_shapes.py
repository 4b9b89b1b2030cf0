"""What is known to fit at a glance has nothing wrong for the validator that tells."""

import msgspec
import pytest
from bodies import decoded
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
PARTS = [{"type": "text", "text": "hi"}, {"type": "text", "text": ""}]


def said(**more):
    """Return a chat of which one message has this, too."""
    return {"messages": [*HI, {"role": "user", "content": "hi", **more}]}


def endpoint(**parameters):
    return Endpoint(title="", paths=("x",), parameters=parameters)


def amiss(body, row):
    found = []
    rules.properties(body, row.parameters, found)
    return found or decode._ignored(body, row, fitting=False)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("chat", {"model": "gpt-3.5-turbo", "messages": HI, "stream": True, "temperature": 0}),
        ("chat", {"messages": [{"role": "system", "content": "x"}, *HI], "max_tokens": None}),
        ("chat", {"messages": [{"role": "user", "content": PARTS, "name": "Bob_1"}, *HI]}),
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


# What langchain, haystack and the AI SDK send beside what is acted on (at its defaults, and not),
# parts of contents and names: what fits by its shape but for that, and what all but does.
OFTEN_SENT = [
    {**said(), "n": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0, "stop": None},
    {**said(), "n": 2, "model": "gpt-4", "user": "u", "stream": False},
    {**said(), "user": "u", "x": {"y": 1}, "n": True, "logit_bias": {}},
    {**said(), "max_completion_tokens": 5, "n": 2},
    {**said(), "max_completion_tokens": 5, "max_tokens": 6, "top_p": 0.5},
    {**said(), "temperature": 3, "n": 2, "user": "u"},
    {**said(), "stream_options": {"include_usage": True, "z": 1}, "n": 2},
    {**said(), **{f"x{n}": n for n in range(120)}},
    {"n": 2},
    *(
        said(name=name)
        for name in ("bob", "B_1", "a\n", "\na", "a b", "", "x" * 65, "ü", 1, None, [])
    ),
    *({**said(name=name, y=1), "n": 2} for name in ("bob", "a\n")),
    *(
        said(content=content)
        for content in (
            [],
            None,
            5,
            PARTS,
            [*PARTS, {"type": "text"}],
            [*PARTS, {"type": "image_url", "image_url": {"url": "x"}}],
            [{"type": "text", "text": "a", "cache_control": {}}],
            [{"type": "text", "text": None}],
            [{"text": "a"}, "b"],
        )
    ),
]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("path_model", [None, "gpt-4", "no-such-model"])
@pytest.mark.parametrize("body", OFTEN_SENT, ids=range(len(OFTEN_SENT)))
def test_fitting_changes_no_result(body, path_model, strict, monkeypatch):
    asked = {"path_model": path_model, "strict": strict}
    at_a_glance = decoded(body, **asked)
    monkeypatch.setattr(decode, "fits", lambda *_: False)
    assert decoded(body, **asked) == at_a_glance


@given(st.data())
def test_fitting_changes_no_result_of_any_body(data):
    name = data.draw(st.sampled_from(["chat", "completions", "embeddings"]))
    body = data.draw(strategies.bodies(name) | strategies.BODIES[name])
    asked = {
        "path_model": data.draw(st.none() | st.sampled_from(strategies.MODELS)),
        "strict": data.draw(st.booleans()),
    }
    at_a_glance = decoded(body, name, **asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "fits", lambda *_: False)
        assert decoded(body, name, **asked) == at_a_glance


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
        Rule(type="string", pattern="^1$|^b"),
        Rule(type="string", pattern="1", enum=("1", "2")),
        Rule(type="string", pattern="(?i)AB"),
        Rule(type="array", items=Rule(type="string", pattern="1")),
        Rule(type="text"),
        Rule(type="texts", min_length=2),
    ],
)
def test_no_rule_lets_pass_what_the_validator_does_not(rule):
    row = endpoint(x=rule, y=Rule(type="boolean"))
    for value in [*NUMBERS, "ab", "a", "a\n", "1\n", [], PARTS, *([item] for item in NUMBERS)]:
        for body in ({"x": value}, {"x": value, "z": 1}, {"x": value, "y": True}):
            assert not (fits(body, row) and amiss(body, row)), body
    if rule.type in ("integer", "number", "texts") and not rule.pattern:
        assert fits({"x": "ab" if rule.type == "texts" else 1}, row)


def test_an_object_with_what_no_type_says_is_not_known_to_fit():
    inner = Rule(type="string", pattern="(?i)a", required=True)  # inside another none is allowed
    row = endpoint(x=Rule(type="object", required=True, properties={"y": inner}))
    assert not fits({"x": {"y": "a"}}, row)
    assert not amiss({"x": {"y": "a"}}, row)
    optional = replace(row, parameters={"x": Rule(type="object", properties={"y": inner})})
    assert fits({}, optional)
    assert not fits({"x": {"y": "a"}}, optional)
