"""What becomes of a request, and why each rule and step does not answer it."""

import json
from pathlib import Path

import pytest

from mockgpt.core.conditions import TextMatch, When
from mockgpt.core.engine import Engine
from mockgpt.core.explanation import explain, request_of
from mockgpt.core.limits import Limits
from mockgpt.core.replies import Edges, Reply
from mockgpt.core.scenario import Rule, Scenario, Step
from mockgpt.core.settings import Settings
from mockgpt.files.scenarios import load_scenarios, shipped
from mockgpt.files.services import load_service

ROOT = Path(__file__).parents[2]
SERVICE = load_service("pgpt")
HI = {"messages": [{"role": "user", "content": "Hi"}]}


def explained(scenario, body=HI, endpoint=None, **headers):
    loaded = load_scenarios([scenario], SERVICE)
    data = json.dumps(body).encode()
    incoming = request_of(data, SERVICE, endpoint=endpoint, headers=headers)
    return explain(loaded, SERVICE, incoming)


def states(explanation):
    return [(tried.id, tried.state, len(tried.differences)) for tried in explanation.tried]


def test_each_rule_says_what_it_makes_of_the_request():
    rules = (
        Rule(id="bye", when=When(user="Bye", stream=True), reply="a"),
        Rule(id="hi", when=When(user="Hi"), reply="b"),
        Rule(id="other", when=When(user="x"), reply="b"),
        Rule(id="rest", reply="c"),
    )
    found = explained(Scenario(rules=rules))
    assert (found.answered, found.verdict) == (True, "rule hi answers")
    assert states(found) == [
        ("bye", "differs", 2),
        ("hi", "answers", 0),
        ("other", "not tried", 1),
        ("rest", "not tried", 0),
    ]


def script(*texts, **more):
    return tuple(Step(id=f"say-{t}", expect=When(user=t), reply="a", **more) for t in texts)


def test_only_the_steps_that_are_due_answer():
    rules = (Rule(id="rest", reply="c"),)
    found = explained(Scenario(script=script("Hello", "Hi"), rules=rules))
    assert found.verdict == "rule rest answers"
    assert states(found) == [
        ("say-Hello", "differs", 1),
        ("say-Hi", "not due", 0),
        ("rest", "answers", 0),
    ]
    assert [tried.kind for tried in found.tried] == ["step", "step", "rule"]


@pytest.mark.parametrize(
    "steps", [script("Hello", "Hi", optional=True), (Step(any_order=script("Hello", "Hi")),)]
)
def test_steps_that_may_be_met_at_once_are_due(steps):
    found = explained(Scenario(script=steps))
    assert found.verdict == "step say-Hi answers"


def test_a_reply_that_does_not_fit_is_a_difference():
    found = explained(Scenario(rules=(Rule(id="v", reply=Reply(vectors=Edges())),)))
    assert (found.answered, found.verdict) == (False, "nothing answers")
    assert found.tried[0].differences[0].key == "reply"


@pytest.mark.parametrize(
    ("body", "answered", "verdict"),
    [
        ({"messages": []}, False, "the service refuses it with 400: [] is too short - 'messages'"),
        (
            {"path": "/v1/embedding"},
            False,
            "the service refuses it with 404: Invalid URL (POST /v1/embedding); ask for /v1/embeddings",
        ),
        (
            {"path": "/v1/models", "method": "GET"},
            True,
            "the service answers by itself: no rule is tried",
        ),
        (
            {"path": "/v1/chat/completions?a=b", "body": HI},
            True,
            "filler answers: the scenario has no rules",
        ),
        (
            {"path": "/v1/chat/completions", "body": json.dumps(HI)},
            True,
            "filler answers: the scenario has no rules",
        ),
    ],
)
def test_what_no_rule_is_tried_for_is_told(body, answered, verdict):
    found = explained(Scenario(), body)
    assert (found.answered, found.verdict, found.tried) == (answered, verdict, ())


def test_what_the_limits_refuse_at_once_is_told():
    found = explained(Scenario(limits=Limits(tokens_per_minute=1), rules=(Rule(reply="a"),)))
    assert not found.answered
    assert found.verdict.startswith("the service refuses it with 429: ")


def test_headers_count_whatever_their_case():
    when = When(headers={"X-A": "1", "x-b": TextMatch(glob="*")}, api_key="sk-1")
    scenario = Scenario(rules=(Rule(when=when, reply="a"),))
    body = {"path": "/v1/chat/completions", "headers": {"X-B": "2", "x-a": "0"}, "body": HI}
    assert explained(scenario, body, **{"X-a": "1", "api-key": "sk-1"}).answered
    assert states(explained(scenario, body)) == [("rule-1", "differs", 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON, found an error: Input data was truncated"),
        (
            "[]",
            (
                "expected `messages`, `prompt` or `input` in the body, found none of them; "
                "say --endpoint chat|completions|embeddings"
            ),
        ),
        ('{"prompt": "a", "input": "b"}', "found prompt and input; say --endpoint"),
        ('{"path": 1}', "expected method, path, headers and body: Expected `str`, got `int` - at"),
    ],
)
def test_what_is_no_request(text, message):
    with pytest.raises(ValueError, match="expected") as caught:
        request_of(text.encode(), SERVICE, endpoint=None, headers={})
    assert message in str(caught.value)


def test_an_endpoint_that_is_given_is_not_guessed():
    assert request_of(b"{", SERVICE, endpoint="embeddings", headers={}).path == "/v1/embeddings"


BODIES = [
    body
    for path in sorted(ROOT.glob("fixtures/*/*/request.json"))
    if isinstance(body := json.loads(path.read_text("utf-8")).get("body"), dict)
    if len({"messages", "prompt", "input"} & body.keys()) == 1
]


@pytest.mark.parametrize("name", shipped())
def test_it_agrees_with_the_engine(name):
    loaded = load_scenarios([name], SERVICE)
    assert len(BODIES) > 20
    for body in BODIES:
        data = json.dumps(body).encode()
        incoming = request_of(data, SERVICE, endpoint=None, headers={"api-key": "k"})
        answered = Engine(loaded, SERVICE, Settings()).answer(incoming).exchange
        found = explain(loaded, SERVICE, incoming)
        chosen = [tried.id for tried in found.tried if tried.state == "answers"]
        assert chosen == ([] if answered.rule is None else [answered.rule])


SLOW = TextMatch(matches="(?P<a>a+)+(?P=a)b")


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr("mockgpt.core.searching._STEPS", 20_000)


@pytest.mark.usefixtures("few")
def test_a_pattern_that_takes_too_long_is_the_reason_of_a_rule_that_is_not_tried():
    rules = (
        Rule(id="first", when=When(user=TextMatch(contains="aaa")), reply="x"),
        Rule(id="slow", when=When(user=SLOW), reply="y"),
    )
    body = {"messages": [{"role": "user", "content": "a" * 200}]}
    found = explained(Scenario(rules=rules), body)
    assert (found.answered, found.verdict) == (True, "rule first answers")
    assert states(found) == [("first", "answers", 0), ("slow", "not tried", 1)]
    assert str(found.tried[1].differences[0]) == (
        "when: wanted what can be told in time, got the regular expression '(?P<a>a+)+(?P=a)b': "
        "it takes more than 20,000 steps on a text of 200 characters"
    )
