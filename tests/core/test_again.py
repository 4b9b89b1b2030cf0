"""Requests that come again are known, and answered by all that is otherwise about them."""

import pytest
from msgspec import convert

from mockgpt.core.case import content_of
from mockgpt.core.exchange import Incoming
from mockgpt.core.keys import caller
from mockgpt.core.scenario import Scenario
from mockgpt.files.scenarios import load_scenarios
from mockgpt.files.services import load_service

OPAQUE = "k7Q2vX9mT4bL8wZ1rN6c"


def scenario(*rules, script=()):
    return convert({"rules": rules, "script": script}, Scenario)


def loaded(*rules):
    return load_scenarios([scenario(*rules)], load_service("pgpt"))


def test_another_key_is_another_rule(desk):
    ask = desk(scenario({"when": {"api_key": "a*"}, "reply": "A"}, {"reply": "B"}))
    assert [ask(key=key).said for key in ("a", "b", "a", "b")] == ["A", "B", "A", "B"]


def test_another_session_is_another_scenario(desk):
    ask = desk(scenario({"reply": "ours"}))
    ask.engine.open("theirs", loaded({"reply": "theirs"}))
    assert [ask(prefix=prefix).said for prefix in ("", "/s/theirs", "")] == [
        "ours",
        "theirs",
        "ours",
    ]


@pytest.mark.parametrize("change", ["load", "amend"])
def test_another_scenario_is_another_rule(desk, change):
    ask = desk(scenario({"id": "one", "reply": "one"}))
    before = ask().said
    getattr(ask.engine, change)(loaded({"id": "two", "reply": "two"}))
    assert (before, ask().said) == ("one", "two")


def test_a_step_that_was_met_is_not_met_again(desk):
    script = [{"expect": {"user": "Hello!"}, "reply": text} for text in ("one", "two")]
    ask = desk(scenario({"reply": "rule"}, script=script))
    assert [ask().said for _ in range(4)] == ["one", "two", "rule", "rule"]


def test_calls_go_on(desk):
    ask = desk(scenario({"reply": ["one", "two"], "after_last": "cycle"}))
    assert [ask().said for _ in range(3)] == ["one", "two", "one"]


def test_strict_refuses_what_was_ignored_before(desk):
    lenient, strict = (desk(scenario({"reply": "Hi"}), strict=strict) for strict in (False, True))
    assert [ask(n=2).status for ask in (lenient, strict, lenient)] == [200, 400, 200]


def test_a_path_s_model_and_another_content_type_are_looked_at(desk):
    engine = desk(scenario({"reply": "Hi"})).engine
    body = b'{"model": "gpt-4", "messages": [{"role": "user", "content": "Hi"}]}'

    def ask(path, content_type):
        headers = {"api-key": "k", "content-type": content_type}
        told = Incoming(method="POST", path=path, headers=headers, body=body)
        exchange = engine.answer(told).exchange
        return exchange.error or exchange.request.model

    asked = [
        ("/v1/chat/completions", "application/json"),
        ("/v1/engines/gpt-3.5-turbo/chat/completions", "application/json"),
        ("/v1/chat/completions", "text/plain"),
        ("/v1/chat/completions", "application/json"),
    ]
    found = [ask(*one) for one in asked]
    assert found == ["gpt-4", "gpt-3.5-turbo", "unsupported_content_type", "gpt-4"]


@pytest.mark.parametrize("size", [10, 10_000])
def test_only_the_caller_whose_secret_it_is_is_said_to_repeat_it(size):
    incoming = Incoming(method="POST", path="/", body=b" " * size + OPAQUE.encode())
    mine, theirs = (caller({"x-token": token}) for token in (OPAQUE, OPAQUE[::-1]))
    found = [content_of(incoming, one).secrets for one in (mine, theirs, mine)]
    assert found == [(OPAQUE,), (), (OPAQUE,)]
    assert content_of(incoming, mine).digest == content_of(incoming, theirs).digest
