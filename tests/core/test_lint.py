"""Warnings: what cannot be meant is told, and what can be is left alone."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert

from mockgpt.core import implication
from mockgpt.core.conditions import When
from mockgpt.core.differences import differences
from mockgpt.core.entry import path_of
from mockgpt.core.implication import answerable, implies, shadows
from mockgpt.core.lint import lint
from mockgpt.core.requests import Asked, ChatRequest, Message
from mockgpt.core.scenario import Rule, Scenario
from mockgpt.files.services import load_service

SHADOWED = "stands before it and answers all that it would; put this one first, or remove it"
UNREACHABLE = (
    "clients do not try again after this attempt, so the next is never asked for; let it be a "
    "retryable error or a broken connection, or remove what follows"
)


def told(**scenario):
    found = lint(convert(scenario, Scenario), load_service("pgpt"))
    return [f"{path_of(one.place)}: {one.code}: {one.message}" for one in found]


def codes(*rules, **more):
    return [line.split(": ")[1] for line in told(rules=rules, **more)]


def says(when):
    return {"when": when, "reply": "x"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"user": "a"}),
        ({"user": "a"}, {"user": "a"}),
        ({"endpoint": ["chat", "completions"]}, {"endpoint": "chat", "user": "a"}),
        ({"endpoint": "chat"}, {"user": "a"}),
        ({"user": {"contains": "ai"}}, {"user": "rain"}),
        ({"user": {"contains": "AI", "ignore_case": True}}, {"user": {"contains": "rain"}}),
        ({"user": {"matches": "^r"}}, {"user": {"equals": "rain"}}),
        ({"model": ["gpt-4", "gpt-3.5-turbo"]}, {"model": "gpt-4"}),
        ({"model": "*"}, {"model": "gpt-4"}),
        ({"stream": True}, {"stream": True, "turn": 2}),
        ({"headers": {"a": {"contains": "b"}}}, {"headers": {"a": "bc", "d": "e"}}),
        ({"user": "a"}, {"all": [{"user": "a"}, {"turn": 1}]}),
        ({"exactly": {"a": 1}}, {"exactly": {"a": 1}}),
        ({"user": {"contains": ""}}, {"user": {"contains": "a"}}),
        ({"user": {"glob": "*"}}, {"user": {"glob": "*"}}),
        ({"user": {"matches": "(?i)ib"}}, {"user": "İb"}),
        ({"user": {"matches": "x(?i:SK)", "ignore_case": True}}, {"user": "XſK"}),
        ({"body": {"n": 1}}, {"body": {"n": 1.0}}),
    ],
)
def test_a_shadowed_rule(first, second):
    assert told(rules=[{"id": "r", **says(first)}, says(second)]) == [
        f"rules[1]: shadowed_rule: rule 'r' {SHADOWED}"
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"user": "a"}, {}),
        ({"user": "a"}, {"user": "b"}),
        ({"user": "a"}, {"user": {"contains": "a"}}),
        ({"user": {"contains": "rain"}}, {"user": {"contains": "ai"}}),
        ({"user": {"contains": "a"}}, {"user": {"contains": "A", "ignore_case": True}}),
        ({"user": {"contains": "a", "glob": "a*"}}, {"user": {"contains": "aa"}}),
        ({"endpoint": "chat"}, {"endpoint": ["chat", "completions"]}),
        ({"model": "gpt-4"}, {"model": "gpt-*"}),
        ({"stream": True}, {"stream": False}),
        ({"turn": 1}, {"turn": 2}),
        ({"all": [{"user": "a"}]}, {"user": "a", "turn": 1}),
        ({"not": {"user": "a"}}, {"user": "b"}),
        ({"exactly": {"a": 1}}, {"exactly": {"a": 1}, "ignore": ["b"]}),
        ({"headers": {"a": "b"}}, {"headers": {"c": "d"}}),
    ],
)
def test_a_rule_that_is_not_shadowed_for_certain(first, second):
    assert codes(says(first), says(second)) == []


def test_a_rule_is_shadowed_once():
    assert codes(says({}), says({}), says({})) == ["shadowed_rule", "shadowed_rule"]


def test_a_text_does_not_shadow_vectors():
    vectors = {"reply": {"similar": {"to": "a", "cosine": 0.5}}}
    filler = {"reply": {"filler": {}}}
    assert codes({"reply": "x"}, vectors) == []
    assert codes({"reply": "x"}, filler) == []
    assert codes(filler, vectors) == ["shadowed_rule"]


ALL = "gpt-3.5-turbo, gpt-3.5-turbo-16k, gpt-4, gpt-4-32k, text-embedding-ada-002"
UNKNOWN = (
    "the service has no such model, and refuses a request for it before any rule is asked; it has "
    + ALL
)
NOTHING = (
    "no request meets its conditions and fits its reply, a text for chats and completions, vectors for "
    "embeddings; change one of them"
)


@pytest.mark.parametrize("model", ["gpt-4o", "GPT-4", "", ["gpt-5", "text-embedding-3-*"]])
def test_a_model_that_the_service_has_not(model):
    rule, step = says({"model": model}), {"expect": {"model": model}, "reply": "x"}
    assert told(rules=[rule], script=[step]) == [
        f"script[0].expect.model: unknown_model: {UNKNOWN}",
        f"rules[0].when.model: unknown_model: {UNKNOWN}",
    ]


@pytest.mark.parametrize("model", ["gpt-4", "gpt-35-turbo", "silu", "*", ["gpt-5", "gpt-4*"]])
def test_a_model_that_the_service_has(model):
    assert told(rules=[says({"model": model})]) == []


@pytest.mark.parametrize(
    "rule",
    [
        says({"endpoint": "embeddings"}),
        says({"input": "a"}),
        says({"all": [{"user": "a"}, {"prompt": "b"}]}),
        {"when": {"endpoint": ["chat", "completions"]}, "reply": {"vectors": [1, 2]}},
        {"when": {"user": "a"}, "reply": {"similar": {"to": "a", "cosine": 0.5}}},
        {"reply": ["a", {"vectors": [1, 2]}]},
    ],
)
def test_a_rule_whose_reply_fits_no_request_of_its_own(rule):
    assert told(rules=[rule]) == [f"rules[0]: answers_nothing: {NOTHING}"]


@pytest.mark.parametrize(
    "rule",
    [
        says({"endpoint": ["chat", "embeddings"]}),
        {"when": {"endpoint": "embeddings"}, "reply": {"vectors": [1, 2]}},
        {"when": {"endpoint": "embeddings"}, "reply": {"error": "overloaded"}},
        {"when": {"input": "a"}, "reply": {"filler": {}}},
    ],
)
def test_a_rule_whose_reply_fits(rule):
    assert told(rules=[rule]) == []


TEXTS = st.sampled_from(["a", "ab", "B", "xaby"])
MATCHES = TEXTS | st.fixed_dictionaries(
    {},
    optional={
        "equals": TEXTS, "contains": TEXTS, "matches": TEXTS, "ignore_case": st.booleans()
    },
)  # fmt: skip
WHENS = st.fixed_dictionaries(
    {},
    optional={
        "user": MATCHES, "text": MATCHES, "endpoint": st.sampled_from(["chat", "completions"]),
        "model": st.sampled_from(["gpt-4", "gpt-*", "*", ["gpt-4", "x"]]), "turn": st.integers(0, 2),
    },
)  # fmt: skip


@given(narrow=WHENS, wide=WHENS, text=TEXTS, model=st.sampled_from(["gpt-4", "gpt-3.5-turbo"]))
def test_an_implication_never_lies(narrow, wide, text, model):
    request = ChatRequest(model=model, messages=(Message("user", text),))
    asked = Asked(request=request, body={})
    narrow, wide = convert(narrow, When), convert(wide, When)
    if implies(narrow, wide) and not differences(narrow, asked):
        assert not differences(wide, asked)


LETTERS = st.sampled_from(["", "i", "İ", "ss", "ſ", "ß", "天", "ab", "aB", "xaby", "xabyss"])
EXPRESSIONS = st.sampled_from(
    ["i", "(?i)Ab", "(?i:s)s", "a(by)?", "x(?P<n>ab)y", "[ab]", "(?<!x)ab"]
)
CONDITIONS = LETTERS | st.fixed_dictionaries(
    {},
    optional={
        "equals": LETTERS, "contains": LETTERS, "matches": EXPRESSIONS, "ignore_case": st.booleans(),
        "glob": st.sampled_from(["*", "x*b?", "[ab]*", "*İ", "ab"]),
    },
)  # fmt: skip
BODIES = st.sampled_from([{}, {"n": 1}, {"n": 1.0}, {"n": True}, {"n": [1]}, {"n": {"$any": [1]}}])
MANY = st.recursive(
    st.fixed_dictionaries({}, optional={
        "endpoint": st.sampled_from(["chat", "embeddings", ["chat", "completions"]]),
        "model": st.sampled_from(["m", "*", ["m", "n"], ["n", "m"], ["*", "n"]]),
        "user": CONDITIONS, "text": CONDITIONS, "headers": st.fixed_dictionaries(
            {}, optional={"a": CONDITIONS, "b": CONDITIONS}
        ),
        "turn": st.sampled_from([1, {"at_least": 1}]), "stream": st.booleans(),
        "body": BODIES, "exactly": BODIES,
    }),
    lambda inner: st.fixed_dictionaries(
        {"all": st.lists(inner, min_size=1, max_size=2)}, optional={"not": inner, "turn": st.just(1)}
    ),
    max_leaves=2,
)  # fmt: skip


@given(st.lists(st.fixed_dictionaries({"user": CONDITIONS}) | MANY, min_size=2, max_size=12))
def test_what_is_not_compared_is_not_implied(whens):
    rules = [convert(says(when), Rule) for when in whens]
    found = {}
    for first, second in combinations(range(len(rules)), 2):
        narrow, wide = rules[second], rules[first]
        if implies(narrow.when, wide.when) and answerable(narrow) <= answerable(wide):
            found.setdefault(second, first)
    assert list(shadows(rules)) == sorted(found.items())


@pytest.mark.parametrize(
    "when",
    [
        lambda i: {"user": f"question {i}"},
        lambda i: {"user": {"contains": f"question {i} ends", "ignore_case": True}},
        lambda i: {"endpoint": "chat", "model": f"m{i % 3}", "user": {"contains": f"no. {i} ends"}},
        lambda i: {"user": f"no. {i}"} if i % 2 else {"user": {"matches": rf"(?i)no\. {i} .*ends"}},
        lambda i: {"user": f"no. {i}"} if i % 2 else {"user": {"glob": f"*no. {i} *ends"}},
        lambda i: {"user": {"contains": "all"}, "headers": {"x": f"no. {i}"}},
        lambda i: {"user": "all", "body": {"n": [i]}},
    ],
)
def test_rules_with_nothing_in_common_are_not_compared(monkeypatch, when):
    compared = []
    really = implication._implies

    def implies(*arguments):
        compared.append(arguments)
        return really(*arguments)

    monkeypatch.setattr(implication, "_implies", implies)
    rules = [convert(says(when(i)), Rule) for i in range(300)]
    assert not list(shadows(rules))
    assert len(compared) < len(rules)  # of 44,850 pairs
    assert list(shadows([*rules, rules[7]])) == [(300, 7)]


def test_an_attempt_behind_one_that_succeeds():
    attempts = {"attempts": ["fine", {"error": "overloaded"}, "never"]}
    assert told(rules=[{"reply": attempts}]) == [
        f"rules[0].reply.attempts[0]: unreachable_attempt: {UNREACHABLE}"
    ]
    assert told(script=[{"expect": {}, "reply": attempts}]) == [
        f"script[0].reply.attempts[0]: unreachable_attempt: {UNREACHABLE}"
    ]


@pytest.mark.parametrize(
    ("first", "found"),
    [
        ({"error": "overloaded"}, []),
        ({"error": "invalid_api_key"}, ["unreachable_attempt"]),
        ({"error": {"preset": "invalid_api_key", "status": 503}}, []),
        ({"raw": {"status": 502}}, []),
        ({"raw": {"status": 404}}, ["unreachable_attempt"]),
        ({"say": "x", "faults": [{"kind": "disconnect", "after": 2}]}, []),
        ({"say": "x", "faults": [{"kind": "stall", "after": 2}]}, []),
        ({"say": "x", "faults": [{"kind": "error_event"}]}, []),
        ({"say": "x", "faults": [{"kind": "latency", "delay": "10m"}]}, []),
        ({"say": "x", "faults": [{"kind": "slice", "bytes": 1}]}, ["unreachable_attempt"]),
        ({"say": "x", "pace": {"first": "10m"}}, []),
        ({"pieces": ["a", {"text": "b", "after": "10m"}]}, []),
        ({"pieces": ["a", {"text": "b"}]}, ["unreachable_attempt"]),
        ({"raw": {"chunks": ["a", {"text": "b", "after": "10m"}]}}, []),
        ({"error": {"status": 400, "headers": {"X-Should-Retry": "true"}}}, []),
    ],
)
def test_what_clients_try_again(first, found):
    assert codes({"reply": {"attempts": [first, "then"]}}) == found


def test_default_faults_count():
    rules = {"reply": {"attempts": ["x", "y"]}}
    broken = {"faults": [{"kind": "disconnect", "after": 3}]}
    assert codes(rules, defaults=broken) == []


def test_a_slow_pattern_wherever_it_stands():
    slow = {"matches": "(a+)+$"}
    found = told(
        rules=[
            says({"user": slow}),
            says({"any": [{"system": slow}, {"headers": {"x": slow}}], "turn": 1}),
            says({"body": {"metadata": {"$matches": "(a+)+$"}}}),
        ]
    )
    assert [line.split(": ")[:2] for line in found] == [
        ["rules[0].when.user.matches", "slow_pattern"],
        ["rules[1].when.any[0].system.matches", "slow_pattern"],
        ["rules[1].when.any[1].headers.x.matches", "slow_pattern"],
        ["rules[2].when.body.metadata.$matches", "slow_pattern"],
    ]


def test_a_capture_that_nothing_uses():
    when = {"user": {"matches": "(?P<city>.) (?P<day>.)"}}
    (line,) = told(rules=[{"when": when, "reply": {"template": "{{ city }}"}}])
    assert line == (
        "rules[0].when: unused_capture: nothing uses the capture 'day'; use it in a template, or "
        "write (?:…)"
    )
    used = {"attempts": [{"error": "overloaded"}, {"template": "{{ day }} {{ city }}"}]}
    assert codes({"when": when, "reply": used}) == []


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"reply": {"error": "overloaded", "faults": [{"kind": "torture"}]}}, "`error` is not streamed"),
        ({"reply": {"raw": {"body": "x"}, "faults": [{"kind": "no_done"}]}}, "`raw.body` is not streamed"),
        (
            {"when": {"stream": False}, "reply": {"say": "x", "faults": [{"kind": "drop"}]}},
            "the rule asks for no stream",
        ),
        (
            {"when": {"endpoint": "embeddings"}, "reply": {"filler": {}, "faults": [{"kind": "no_done"}]}},
            "embeddings are not streamed",
        ),
        (
            {"when": {"stream": True}, "reply": {"say": "x", "faults": [{"kind": "truncate_body"}]}},
            "the rule asks for a stream, which has no Content-Length",
        ),
        (
            {"reply": {"attempts": [{"error": "overloaded", "faults": [{"kind": "latency", "delay": 1, "on_attempt": 2}]}, "x"]}},
            "this is the reply to attempt 1",
        ),
        ({"reply": {"say": "x", "faults": [{"kind": "no_done", "chance": 0}]}}, "its chance is 0"),
    ],
)  # fmt: skip
def test_a_fault_that_can_never_act(rule, reason):
    (line,) = told(rules=[rule])
    assert ": idle_fault: `" in line
    assert line.endswith(f"can never act here: {reason}; remove it")


def test_a_chance_without_a_fixed_seed():
    rule = {"reply": {"say": "x", "faults": [{"kind": "no_done", "chance": 0.5}]}}
    (line,) = told(rules=[rule])
    assert line == (
        "rules[0].reply.faults[0].chance: chance_without_seed: this chance depends on a seed that "
        "the scenario does not fix; give it a seed"
    )
    assert codes(rule, seed=1) == []
    sure = {"reply": {"say": "x", "faults": [{"kind": "no_done", "chance": 1}]}}
    assert codes(sure) == []


def test_faults_that_can_act_are_left_alone():
    faults = [{"kind": "no_done"}, {"kind": "disconnect"}, {"kind": "latency", "delay": 1}]
    assert codes({"reply": {"say": "x", "faults": faults}}) == []
    assert (
        codes({"reply": {"raw": {"chunks": ["x"]}, "faults": [{"kind": "slice", "bytes": 1}]}})
        == []
    )


def test_a_vector_for_each_input_leaves_other_counts_to_the_next():
    when = {"input": {"contains": "a"}}
    two, one = [[1.0, 0.0], [0.0, 1.0]], [0.6, 0.8]
    assert not told(rules=[{"when": when, "reply": {"vectors": v}} for v in (two, one)])
    assert told(rules=[{"when": when, "reply": {"vectors": v}} for v in (one, two)])
