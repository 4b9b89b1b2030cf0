"""Which rule answers, and why the others do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockgpt.core.conditions import Range, TextMatch, When
from mockgpt.core.differences import Difference, differences
from mockgpt.core.matching import choose, explained, meant_for, reasons
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
BODY = {"temperature": 1, "messages": [{"role": "user", "content": "Hi", "name": "a"}]}
COMPLETION = CompletionRequest(model="gpt-3.5-turbo", prompts=("I am a", (1, 2)))
EMBEDDING = EmbeddingRequest(model="text-embedding-ada-002", inputs=("cat", "dog"))


KEY = "sk-live-0123456789abcdef"


def asked(request, body=None):
    headers = {"x-tenant": "Blue 7", "authorization": f"Bearer {KEY}"}
    return Asked(request=request, body=body or BODY, headers=headers, api_keys=(KEY,))


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
    (When(turn=2), CHAT),
    (When(turn=Range(at_least=2)), CHAT),
    (When(turn=Range(at_most=2)), CHAT),
    (When(headers={"X-Tenant": "Blue 7"}), CHAT),
    (When(headers={"x-tenant": TextMatch(glob="blue*", ignore_case=True)}), CHAT),
    (When(api_key="sk-live-*"), CHAT),
    (When(body={"messages": [{"content": "Hi"}]}), CHAT),
    (When(exactly=BODY), CHAT),
    (When(exactly={**BODY, "temperature": 2}, ignore=("temperature",)), CHAT),
    (When(any_=(When(user="x"), When(model="gpt-4"))), CHAT),
    (When(all_=(When(endpoint="chat"), When(model="gpt-4"))), CHAT),
    (When(not_=When(user="x")), CHAT),
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
    (When(turn=1), CHAT, Difference("turn", "1", "2")),
    (When(turn=Range(at_least=3)), CHAT, Difference("turn", "at least 3", "2")),
    (
        When(turn=Range(at_least=3, at_most=4)),
        CHAT,
        Difference("turn", "at least 3 and at most 4", "2"),
    ),
    (When(turn=Range(at_most=9)), COMPLETION, Difference("turn", "at most 9", "no chat")),
    (
        When(headers={"X-Tenant": "Red"}),
        CHAT,
        Difference("headers.x-tenant", "equals 'Red'", "'Blue 7'"),
    ),
    (
        When(headers={"X-Other": TextMatch(glob="*")}),
        CHAT,
        Difference("headers.x-other", "glob '*'", "no such header"),
    ),
    (
        When(headers={"Authorization": "Bearer sk-right"}),
        CHAT,
        Difference("headers.authorization", "***", "***"),
    ),
    (
        When(api_key="AG-*"),
        CHAT,
        Difference("api_key", "AG-*", "a key of the fingerprint 2b215b9a"),
    ),
    (
        When(api_key="AG-0123456789abcdef"),
        CHAT,
        Difference(
            "api_key",
            "a key of the fingerprint 6c957f40",
            "a key of the fingerprint 2b215b9a",
        ),
    ),
    (
        When(body={"messages": [{"content": "Ho"}]}),
        CHAT,
        Difference("body.messages[0].content", "'Ho'", "'Hi'"),
    ),
    (
        When(exactly={**BODY, "temperature": 2}, ignore=("messages[*].name",)),
        CHAT,
        Difference("exactly.temperature", "2", "1"),
    ),
    (
        When(any_=(When(user="x", stream=False), When(model="gpt-5"))),
        CHAT,
        Difference("any[1].model", "gpt-5", "gpt-4"),
    ),
    (
        When(any_=(When(model="gpt-5", stream=False),)),
        CHAT,
        Difference("any[0]", "model gpt-5 and stream false", "model gpt-4 and stream true"),
    ),
    (
        When(any_=(When(endpoint="embeddings"), When(model="gpt-5", stream=False))),
        CHAT,
        Difference("any[1]", "model gpt-5 and stream false", "model gpt-4 and stream true"),
    ),
    (
        When(all_=(When(endpoint="chat"), When(model="gpt-5"))),
        CHAT,
        Difference("model", "gpt-5", "gpt-4"),
    ),
    (
        When(not_=When(user=TextMatch(contains="Paris"))),
        CHAT,
        Difference("not", 'not {"user": {"contains": "Paris"}}', "just that"),
    ),
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
    assert choose(rules, asked(CHAT)) is rules[1]


def test_a_miss_names_the_nearest_rule():
    rules = (
        Rule(id="far", when=When(user="x", stream=False), reply="a"),
        Rule(id="near", when=When(user=TextMatch(contains="Rome"), stream=True), reply="b"),
        Rule(id="as-near", when=When(user="y"), reply="c"),
    )
    assert choose(rules, asked(CHAT)) is None
    told = explained((), rules, asked(CHAT), {})
    assert told.startswith("nearest is rule 'near' (user: wanted contains 'Rome', got ")
    assert told.count("wanted") == 1


def test_without_rules_a_miss_has_no_nearest():
    assert choose((), asked(CHAT)) is None
    assert explained((), (), asked(CHAT), {}) == "the scenario has no rules"


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
    rule = Rule(id="r", reply=reply)
    assert choose((rule,), asked(request_)) is (rule if fits else None)
    assert [one.key for one in reasons(rule, asked(request_))] == ([] if fits else ["reply"])


NFC, NFD = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(
    ("when", "text", "differs"),
    [
        (When(user=NFC), NFD, True),
        (When(user="明天呢？"), "明天呢?", True),
        (When(user=TextMatch(contains="呢？")), "明天呢?", True),
        (When(user=TextMatch(equals=NFC.upper(), ignore_case=True)), NFD, True),
        (When(user=TextMatch(equals=NFC, contains="x")), NFD, False),
        (When(user=TextMatch(equals=NFC, glob="caf?")), NFD, False),
        (When(user=TextMatch(contains="呢？", matches="x")), "明天呢?", False),
        (When(user=NFC), "cafe", False),
        (When(text=NFC), NFD, True),
        (When(prompt=NFC), NFD, False),
        (When(body={"user": NFC}), NFD, True),
        (When(body={"user": "cafe"}), NFD, False),
        (When(body={"user": 3}), NFD, False),
        (When(exactly={"user": NFC}), NFD, True),
        (When(headers={"x-tenant": "Ｂlue 7"}), NFD, False),
    ],
)
def test_texts_that_look_the_same_are_told_apart(when, text, differs):
    chat = ChatRequest(model="gpt-4", messages=(Message("user", text),))
    (told,) = differences(when, asked(chat, {"user": text}))
    assert str(told).endswith("; they differ only in Unicode form") is differs


def test_a_rule_for_another_endpoint_is_far():
    rules = (
        Rule(id="elsewhere", when=When(endpoint="embeddings"), reply="a"),
        Rule(id="elsewhere, too", when=When(input="x"), reply="a"),
        Rule(id="here", when=When(endpoint="chat", user="x", stream=False), reply="b"),
    )
    assert explained((), rules, asked(CHAT), {}).startswith("nearest is rule 'here' (")


def test_a_long_explanation_is_bounded():
    headers = {f"x-{number}": "1" for number in range(9)}
    rules = (Rule(id="r", when=When(headers=headers), reply="a"),)
    told = explained((), rules, asked(CHAT), {"r": "s.yaml:3"})
    assert told.startswith("nearest is s.yaml:3 rule 'r' (headers.x-0: wanted equals '1', got no ")
    assert told.endswith("; and 4 more)")
    assert told.count("wanted") == 5


def test_a_difference_of_bodies_is_bounded():
    wanted = {f"key-{number}": 1 for number in range(1000)}
    assert len(differences(When(exactly=wanted), asked(CHAT))) == 5


@pytest.mark.parametrize(
    "when",
    [
        When(headers={"Authorization": TextMatch(contains="x")}),
        When(not_=When(headers={"Authorization": f"Bearer {KEY}"}, api_key=KEY)),
        When(not_=When(all_=(When(any_=(When(headers={"authorization": f"Bearer {KEY}"}),)),))),
        When(not_=When(not_=When(api_key="no"), api_key=KEY)),
        When(any_=(When(api_key="no"), When(headers={"Authorization": "no"}))),
        When(api_key=KEY[:-1] + "0"),
    ],
)
def test_no_secret_is_told(when):
    found = differences(when, asked(CHAT))
    assert found
    assert KEY[4:-4] not in str(found)


CITY = TextMatch(matches=r"in (?P<city>\w+)(?P<mark>!)?")
CAPTURES = [
    (When(user=CITY), CHAT, ({"city": "Paris", "mark": ""},)),
    (When(user=TextMatch(matches="IN (?P<city>P)", ignore_case=True)), CHAT, ({"city": "P"},)),
    (When(text=TextMatch(matches="^(?P<word>Be|Weather)")), CHAT, ({"word": "Be"},)),
    (When(headers={"X-Tenant": TextMatch(matches=r"(?P<n>\d)")}), CHAT, ({"n": "7"},)),
    (
        When(body={"messages": [{"content": {"$matches": "(?P<h>H)"}}]}, user=CITY),
        CHAT,
        ({"h": "H", "city": "Paris", "mark": ""},),
    ),
    (
        When(all_=(When(user=CITY), When(system=TextMatch(matches="(?P<how>brief)")))),
        CHAT,
        ({"city": "Paris", "mark": "", "how": "brief"},),
    ),
    (
        When(any_=(When(user=CITY), When(user=TextMatch(matches="at (?P<place>.*)")))),
        CHAT,
        ({"city": "Paris", "mark": "", "place": ""},),
    ),
    (When(not_=When(user=TextMatch(matches="(?P<x>Rome)"))), CHAT, ({},)),
    (
        When(prompt=TextMatch(matches="^I (?P<verb>.*) a")),
        CompletionRequest(model="m", prompts=("I am a", "No", "I was a", (1, 2))),
        ({"verb": "am"}, None, {"verb": "was"}, None),
    ),
    (When(endpoint="embeddings"), EMBEDDING, ({}, {})),
    (When(input="dog", exactly=BODY), EMBEDDING, (None, {})),
    (When(input="dog", text="cat"), EMBEDDING, ({}, {})),
]


@pytest.mark.parametrize(("when", "request_", "captures"), CAPTURES)
def test_an_answer_is_meant_for_the_texts_that_meet_its_conditions(when, request_, captures):
    assert differences(when, asked(request_)) == ()
    assert meant_for(when, asked(request_)) == captures
    assert all(when.capture_names == found.keys() for found in captures if found is not None)


# --- laws

simple = st.sampled_from(
    [
        When(),
        When(endpoint="chat"),
        When(endpoint=("completions", "embeddings")),
        When(model="gpt-*"),
        When(user=TextMatch(contains="Paris")),
        When(text="dog"),
        When(prompt="I am a"),
        When(stream=True),
        When(turn=2),
        When(headers={"x-tenant": "Red"}),
        When(api_key="sk-*"),
        When(body={"temperature": {"$at_least": 1}}),
        When(exactly={}),
    ]
)
whens = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.builds(lambda one: When(not_=one), inner),
        st.builds(lambda some: When(any_=tuple(some)), st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda some: When(all_=tuple(some)), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=5,
)
requests = st.sampled_from([CHAT, COMPLETION, EMBEDDING])


@given(whens, whens, requests)
def test_conditions_are_boolean_logic(one, other, request_):
    def holds(when):
        return differences(when, asked(request_)) == ()

    first, second = holds(one), holds(other)
    assert holds(When(not_=one)) is not first
    assert holds(When(any_=(one, other))) is (first or second)
    assert holds(When(all_=(one, other))) is (first and second)
    assert holds(When(all_=(one,), not_=other)) is (first and not second)


@given(whens, requests)
def test_what_matches_is_meant_for_some_text(when, request_):
    if differences(when, asked(request_)) == ():
        meant = meant_for(when, asked(request_))
        texts = 1 if isinstance(request_, ChatRequest) else len(request_.texts)
        assert len(meant) == texts
        assert {} in meant
