"""Requests that come again are known, and answered by all that is otherwise about them."""

import re

import msgspec
import pytest
from msgspec import convert
from msgspec.structs import replace

from mockgpt.core.case import knowing
from mockgpt.core.conditions import When
from mockgpt.core.engine import Engine
from mockgpt.core.exchange import Incoming, Sent
from mockgpt.core.keys import caller
from mockgpt.core.plan import Data, Events, Pause, singly
from mockgpt.core.replies import Reply
from mockgpt.core.scenario import Rule, Scenario, Step
from mockgpt.core.settings import Settings
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


def test_a_miss_is_explained_by_the_rules_as_they_are(desk):
    ask = desk(scenario({"id": "one", "when": {"user": "ONE"}, "reply": "1"}))
    before = [ask().outcome.exchange.message for _ in range(2)]
    ask.engine.amend(loaded({"id": "two", "when": {"user": "TWO"}, "reply": "2"}))
    after = ask().outcome.exchange.message
    assert [("ONE" in said, "TWO" in said) for said in (*before, after)] == [
        (True, False),
        (True, False),
        (False, True),
    ]


def test_a_miss_is_explained_by_the_step_that_is_due(desk):
    script = [{"expect": {"user": text}, "reply": text} for text in ("ONE", "TWO")]
    ask = desk(scenario({"when": {"user": "RULE"}, "reply": "rule"}, script=script))
    messages = []
    for _ in range(2):
        messages.append(ask().outcome.exchange.message)
        ask(("ONE", "TWO")[len(messages) - 1])
    messages.append(ask().outcome.exchange.message)
    assert [("ONE" in said, "TWO" in said) for said in messages] == [
        (True, False),
        (False, True),
        (False, False),
    ]


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
    know, settings = knowing(load_service("pgpt")), Settings()
    found = [know(incoming, one, settings) for one in (mine, theirs, mine)]
    assert [one.record.redaction.secrets for one in found] == [(OPAQUE,), (), (OPAQUE,)]
    assert len({one.record.content for one in found}) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_said_again_has_an_id_and_a_second_of_its_own(desk, stream):
    engine = desk(scenario({"reply": "Hi there"})).engine
    body = {"model": "gpt-4", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}

    def ask(at):
        told = Incoming(
            method="POST",
            path="/v1/chat/completions",
            headers={"api-key": "k"},
            body=msgspec.json.encode(body),
            at=at,
        )
        _, *steps = engine.answer(told).plan
        text = b"".join(step.bytes for step in steps if isinstance(step, Data | Events)).decode()
        ids, seconds = (set(re.findall(p, text)) for p in ('"id":"([^"]*)"', '"created":([0-9]+)'))
        assert (len(ids), seconds) == (1, {str(int(at))})
        assert len(text.split("data: ")) == (6 if stream else 1)
        return ids.pop(), re.sub('"id":"[^"]*"|"created":[0-9]+', "", text)

    asked = [ask(at) for at in (1.0, 1.5, 2.0, 3.0)]
    assert len({id_ for id_, _ in asked}) == 4
    assert len({rest for _, rest in asked}) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_said_again_has_the_pace_that_it_had_or_a_jitter_of_its_own(desk, stream):
    body = {"model": "gpt-4", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    told = Incoming(
        method="POST",
        path="/v1/chat/completions",
        headers={"api-key": "k"},
        body=msgspec.json.encode(body),
    )

    def waits(engine):
        plan = singly(engine.answer(told).plan)
        return tuple(step.seconds for step in plan if isinstance(step, Pause))

    def paced(**pace):
        rules = [{"id": "one", "reply": "one two"}]
        return convert({"defaults": {"pace": {"first": 8, **pace}}, "rules": rules}, Scenario)

    engine = desk(paced(each=4)).engine
    assert [waits(engine) for _ in range(4)] == [(8, 4, 4, 4, 4) if stream else (8,)] * 4
    engine.amend(load_scenarios([paced(each=2)], load_service("pgpt")))
    assert [waits(engine) for _ in range(2)] == [(8, 2, 2, 2, 2) if stream else (8,)] * 2
    engine.amend(load_scenarios([paced(each=2, jitter=0.5)], load_service("pgpt")))
    found = [waits(engine) for _ in range(4)]
    assert len(set(found)) == 4
    assert all(4 <= first <= 12 for first, *_ in found)


def test_a_reply_that_several_have_is_meant_by_the_conditions_of_each(desk):
    reply = Reply(say="SAID")
    step, rule = When(prompt="one"), When(prompt="two")
    ask = desk(
        Scenario(
            script=(Step(expect=step, reply=reply), Step(expect=step, reply=reply)),
            rules=(Rule(when=rule, reply=reply),),
        )
    )
    body = msgspec.json.encode({"model": "gpt-3.5-turbo", "prompt": ["one", "two"]})
    told = Incoming(method="POST", path="/v1/completions", headers={"api-key": "k"}, body=body)

    def said():
        outcome = ask.engine.answer(told)
        _, data, _ = outcome.plan
        ask.engine.record(outcome, Sent(status=200))
        texts = [choice["text"] for choice in msgspec.json.decode(data.bytes)["choices"]]
        return outcome.exchange.chosen, [text == "SAID" for text in texts]

    steps, rules = ("step", [True, False]), ("rule", [False, True])
    assert [said() for _ in range(5)] == [steps, steps, rules, rules, rules]


def test_a_model_s_name_in_a_header_is_ascii(desk):
    ask = desk(scenario({"reply": {"say": "Hi", "model": "你好 {model}"}}))
    for _ in range(3):
        assert ask().headers["openai-model"] == "?? {model}"


def test_a_template_tells_of_every_call(desk):
    ask = desk(scenario({"reply": {"template": "call {{ call }}"}}))
    assert [ask().said for _ in range(4)] == [f"call {n}" for n in (1, 2, 3, 4)]


def test_an_answer_too_large_to_keep_is_said_again(desk):
    ask = desk(scenario({"reply": "word " * 2_000}))
    assert {ask(model="gpt-4").said for _ in range(3)} == {"word " * 2_000}


def test_the_same_rule_with_other_defaults_or_another_seed_answers_anew(desk):
    rule = {"id": "one", "reply": {"filler": {"tokens": 9}}}
    ask = desk(convert({"seed": 1, "rules": [rule]}, Scenario))
    before = [ask().said for _ in range(3)]
    engine = ask.engine
    other = replace(engine.loaded, scenario=replace(engine.loaded.scenario, seed=2))
    engine.amend(other)
    after = [ask().said for _ in range(3)]
    assert (len({*before}), len({*after}), len({*before, *after})) == (1, 1, 2)


def test_ignored_parameters_may_have_braces(desk):
    ask = desk(scenario({"reply": "Hi"}))
    for _ in range(3):
        assert ask(**{"{model}": 1, "}": 2}).headers["x-mockgpt-ignored"] == "{model}, }"


def test_filler_is_answered_without_a_word_on_why_no_rule_is(desk, monkeypatch):
    monkeypatch.setattr("mockgpt.core.matching.reasons", None)  # not to be called
    ask = desk(scenario({"when": {"user": "other"}, "reply": "Hi"}), on_miss="filler")
    assert [ask().status for _ in range(2)] == [200, 200]


def test_a_service_s_headers_may_have_braces_of_their_own():
    headers = {"x-a": "}", "x-b": "{{x}}", "x-c": "a {request_id} b"}
    service = replace(load_service("pgpt"), headers=headers)
    engine = Engine(load_scenarios([scenario({"reply": "Hi"})], service), service, Settings())
    told = Incoming(
        method="POST",
        path="/v1/chat/completions",
        headers={"api-key": "k"},
        body=b'{"model": "gpt-4", "messages": [{"role": "user", "content": "Hi"}]}',
    )
    found = [dict(next(engine.answer(told).plan).headers) for _ in range(3)]
    assert {(one["x-a"], one["x-b"]) for one in found} == {("}", "{x}")}
    assert all(re.fullmatch("a [0-9a-f-]{36} b", one["x-c"]) for one in found)
    assert len({one["x-c"] for one in found}) == 3


SPELLINGS = (
    b'{"model":"gpt-4","messages":[{"role":"user","content":"\xe4\xbd\xa0"}],"temperature":0.5}',
    b'{"temperature":0.5,"messages":[{"content":"\xe4\xbd\xa0","role":"user"}],"model":"gpt-4"}',
    b'{\n  "messages": [{"role": "user", "content": "\\u4f60"}],\n  "model": "gpt-4",\n  "temperature": 0.5\n}',
)


def spelt(engine, body, at=0.0):
    incoming = Incoming(
        method="POST",
        path="/v1/chat/completions",
        headers={"authorization": "Bearer k"},
        body=body,
        at=0.0,
        elapsed=at,
    )
    outcome = engine.answer(incoming)
    return outcome, list(outcome.plan)


def engine_of(*rules):
    return Engine(loaded(*rules), load_service("pgpt"), Settings())


def test_how_a_body_is_spelt_changes_no_byte_of_its_answer():
    faults = [{"kind": "truncate_body", "bytes": 30, "chance": 0.5}]
    for rule in ({"reply": {"filler": {}}}, {"reply": {"say": "Hi", "faults": faults}}):
        plans = [spelt(engine_of(rule), body)[1] for body in SPELLINGS]
        assert plans[0] == plans[1] == plans[2]


def test_a_retry_that_is_spelt_otherwise_is_the_next_attempt():
    engine = engine_of({"reply": {"attempts": [{"error": "overloaded"}, "second"]}})
    heads = []
    for n, body in enumerate(SPELLINGS[:2]):
        outcome, steps = spelt(engine, body, at=float(n))
        heads.append(steps[0].status)
        engine.record(outcome, Sent(status=steps[0].status))
    assert heads == [529, 200]
    assert [(one.call, one.attempt) for one in engine.default.journal] == [(1, 1), (1, 2)]


@pytest.mark.parametrize(
    "body",
    [SPELLINGS[0].replace(b"0.5", b"0.6"), SPELLINGS[0][:-1] + b',"user":"u"}'],
    ids=["value", "parameter"],
)
def test_what_a_body_says_is_another_request(body):
    engine = engine_of({"reply": "Hi"})
    assert spelt(engine, body)[1] != spelt(engine_of({"reply": "Hi"}), SPELLINGS[0])[1]
