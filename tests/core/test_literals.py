"""The index of rules by literal text: it changes nothing but how many rules are tried."""

import random

from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert

from mockgpt.core.literals import Literals
from mockgpt.core.matching import choose
from mockgpt.core.requests import Asked, ChatRequest, CompletionRequest, EmbeddingRequest, Message
from mockgpt.core.scenario import Rule

TEXTS = st.text("aAbBßſ ſİ", max_size=9)
MATCHES = TEXTS | st.fixed_dictionaries(
    {},
    optional={
        "equals": TEXTS,
        "contains": TEXTS,
        "matches": st.sampled_from(["a", "b+$", "."]),
        "ignore_case": st.booleans(),
    },
)
LEAVES = st.dictionaries(
    st.sampled_from(["user", "system", "text", "prompt", "input"]), MATCHES, max_size=2
)
WHENS = st.recursive(
    LEAVES,
    lambda inner: st.fixed_dictionaries(
        {}, optional={key: st.lists(inner, min_size=1, max_size=2) for key in ("any", "all")}
    ),
    max_leaves=3,
)
REQUESTS = st.one_of(
    st.builds(
        lambda system, user: ChatRequest(
            model="m", messages=(Message("system", system), Message("user", user))
        ),
        TEXTS,
        TEXTS,
    ),
    st.builds(lambda text: CompletionRequest(model="m", prompts=(text, (1, 2))), TEXTS),
    st.builds(lambda text: EmbeddingRequest(model="m", inputs=(text,)), TEXTS),
)


@given(st.lists(WHENS, min_size=17, max_size=40), REQUESTS)
def test_the_same_rule_answers_with_and_without_the_index(whens, request):
    rules = [
        convert({"id": f"r{i}", "when": when, "reply": {"filler": {}}}, Rule)
        for i, when in enumerate(whens)
    ]
    asked = Asked(request=request, body={})
    literals = Literals([rule.when for rule in rules])
    assert choose(rules, asked, literals) == choose(rules, asked)


def literals(texts):
    return Literals([convert({"user": text}, type(Rule(reply="").when)) for text in texts])


def user(text):
    return ChatRequest(model="m", messages=(Message("user", text),))


def test_of_many_rules_only_those_with_the_text_are_tried():
    index = literals([f"question {n}" for n in range(10_000)])
    assert index.candidates(user("question 9999")) == [9999]
    assert index.candidates(user("anything else")) == []


def test_a_part_is_found_by_its_rarest_letters():
    index = literals([{"contains": f"question {n:05}"} for n in range(10_000)])
    tried = index.candidates(user("Well, this is question 04711, is it not?"))
    assert 4711 in tried
    assert len(tried) < 50


def test_in_a_very_long_text_every_part_is_looked_for():
    index = literals([{"contains": f"question {n:05}"} for n in range(100)])
    letters = random.Random(1).choices("abcdefgh ", k=50_000)
    assert len(index.candidates(user("".join(letters)))) == 100


def test_rules_without_a_literal_text_are_always_tried():
    index = literals([{"matches": "x"}, {"contains": "ab"}, *["other"] * 20])
    assert index.candidates(user("hello")) == [0, 1]
