"""Which rule answers, and why the others do not."""

import pytest

from mockgpt.core.conditions import TextMatch, When
from mockgpt.core.differences import Difference, differences
from mockgpt.core.matching import Choice, Miss, choose
from mockgpt.core.replies import Edges, Filler, Reply
from mockgpt.core.requests import Asked, ChatRequest, CompletionRequest, EmbeddingRequest, Message
from mockgpt.core.scenario import Rule

CHAT = ChatRequest(
    model="gpt-4",
    messages=(
        Message("system", "Be brief."),
        Message("user", "First question"),
        Message("assistant", "First answer"),
        Message("user", "Weather in Paris?"),
    ),
    stream=True,
)
COMPLETION = CompletionRequest(model="gpt-3.5-turbo", prompts=("I am a", (1, 2)))
EMBEDDING = EmbeddingRequest(model="text-embedding-ada-002", inputs=("cat", "dog"))


def asked(request):
    return Asked(request=request, body={})


MATCHING = [
    (When(), CHAT),
    (When(endpoint="chat"), CHAT),
    (When(endpoint=("completions", "chat")), CHAT),
    (When(endpoint="embeddings"), EMBEDDING),
    (When(model="gpt-*"), CHAT),
    (When(model=("x", "gpt-4")), CHAT),
    (When(user="Weather in Paris?"), CHAT),
    (When(user=TextMatch(contains="Paris", matches=r"in (\w+)", glob="*?")), CHAT),
    (When(user=TextMatch(equals="WEATHER IN PARIS?", ignore_case=True)), CHAT),
    (When(user=TextMatch(contains="PARIS", ignore_case=True)), CHAT),
    (When(user=TextMatch(matches="PARIS", ignore_case=True)), CHAT),
    (When(user=TextMatch(glob="WEATHER*", ignore_case=True)), CHAT),
    (When(system="Be brief.", assistant="First answer"), CHAT),
    (When(text="First question"), CHAT),
    (When(text="dog"), EMBEDDING),
    (When(prompt="I am a"), COMPLETION),
    (When(input="dog"), EMBEDDING),
    (When(stream=True), CHAT),
    (When(stream=False), COMPLETION),
    (When(stream=False), EMBEDDING),
]

DIFFERING = [
    (When(endpoint="chat"), COMPLETION, Difference("endpoint", "chat", "completions")),
    (
        When(endpoint=("chat", "embeddings")),
        COMPLETION,
        Difference("endpoint", "chat or embeddings", "completions"),
    ),
    (When(model="gpt-3*"), CHAT, Difference("model", "gpt-3*", "gpt-4")),
    (When(model=("a", "b")), CHAT, Difference("model", "a or b", "gpt-4")),
    (
        When(user="First question"),
        CHAT,
        Difference("user", "equals 'First question'", "'Weather in Paris?'"),
    ),
    (
        When(user=TextMatch(contains="Rome", ignore_case=True)),
        CHAT,
        Difference("user", "contains 'Rome' (ignoring case)", "'Weather in Paris?'"),
    ),
    (
        When(user=TextMatch(contains="Paris", matches="^Paris")),
        CHAT,
        Difference("user", "contains 'Paris' and matches '^Paris'", "'Weather in Paris?'"),
    ),
    (When(user=TextMatch(glob="weather*")), CHAT, None),
    (When(user="x"), COMPLETION, Difference("user", "equals 'x'", "no such text")),
    (When(system="Be verbose."), CHAT, None),
    (When(prompt="I am a"), CHAT, Difference("prompt", "equals 'I am a'", "no such text")),
    (When(input="bird"), EMBEDDING, Difference("input", "equals 'bird'", "'cat' | 'dog'")),
    (When(stream=False), CHAT, Difference("stream", "false", "true")),
    (When(stream=True), EMBEDDING, Difference("stream", "true", "false")),
]


@pytest.mark.parametrize(("when", "request_"), MATCHING)
def test_a_match_has_no_differences(when, request_):
    assert differences(when, asked(request_)) == ()


@pytest.mark.parametrize(("when", "request_", "difference"), DIFFERING)
def test_a_difference_says_what_was_wanted_and_what_was_got(when, request_, difference):
    found = differences(when, asked(request_))
    assert len(found) == 1
    assert difference is None or found[0] == difference


def test_all_conditions_that_fail_are_told():
    found = differences(When(endpoint="completions", user="x", stream=False), asked(CHAT))
    assert [difference.key for difference in found] == ["endpoint", "user", "stream"]


def test_the_first_rule_that_holds_answers():
    rules = (
        Rule(id="no", when=When(user="x"), reply="a"),
        Rule(id="yes", when=When(endpoint="chat"), reply="b"),
        Rule(id="later", reply="c"),
    )
    assert choose(rules, asked(CHAT)) == Choice(rules[1])


def test_a_miss_names_the_nearest_rule():
    rules = (
        Rule(id="far", when=When(user="x", stream=False), reply="a"),
        Rule(id="near", when=When(user=TextMatch(contains="Rome"), stream=True), reply="b"),
        Rule(id="as-near", when=When(user="y"), reply="c"),
    )
    miss = choose(rules, asked(CHAT))
    assert isinstance(miss, Miss)
    assert miss.nearest is rules[1]
    assert [difference.key for difference in miss.differences] == ["user"]


def test_without_rules_a_miss_has_no_nearest():
    assert choose((), asked(CHAT)) == Miss(None)


@pytest.mark.parametrize(
    ("reply", "request_", "fits"),
    [
        ("text", CHAT, True),
        ("text", EMBEDDING, False),
        (Reply(vectors=Edges()), EMBEDDING, True),
        (Reply(vectors=Edges()), CHAT, False),
        (Reply(filler=Filler()), EMBEDDING, True),
        (Reply(error="overloaded"), EMBEDDING, True),
        (Reply(error="overloaded"), CHAT, True),
    ],
)
def test_a_reply_answers_only_what_it_fits(reply, request_, fits):
    chosen = choose((Rule(id="r", reply=reply),), asked(request_))
    assert isinstance(chosen, Choice) is fits
    if not fits:
        assert chosen.differences[0].key == "reply"
