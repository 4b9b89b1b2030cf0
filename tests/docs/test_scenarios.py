"""Every shipped scenario says what it is about, and is played."""

import contextlib
import http.client
import json
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec
import openai
import pytest
import yaml

from mockgpt import MockGPT, Scenario
from mockgpt.core.bodies import _OPERATORS
from mockgpt.core.scenario import entries_of
from mockgpt.files.scenarios import load_scenarios, shipped
from mockgpt.files.services import load_service


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Let the SDK retry at once; its back-off is not what is tested."""
    monkeypatch.setattr(openai._base_client, "INITIAL_RETRY_DELAY", 0.001)
    monkeypatch.setattr(openai._base_client, "MAX_RETRY_AFTER", 0, raising=False)


def client(mock, retries=2):
    return openai.OpenAI(base_url=mock.base_url, api_key="k", timeout=30, max_retries=retries)


def ask(sdk, text="Hello!", **more):
    question = {"role": "user", "content": text}
    return sdk.chat.completions.create(model="gpt-3.5-turbo", messages=[question], **more)


def streamed(sdk, text="Hello!"):
    chunks = list(ask(sdk, text, stream=True))
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def complete(sdk, prompt, **more):
    return sdk.completions.create(model="gpt-3.5-turbo", prompt=prompt, **more)


def statuses(mock):
    return [
        (e.call, e.attempt, e.sent and e.sent.status, e.sent and e.sent.ending)
        for e in mock.journal
    ]


@pytest.mark.parametrize("name", shipped())
def test_it_says_what_it_is_about(name):
    text = shipped()[name].read_text("utf-8")
    assert "\nabout: >\n" in text
    assert load_scenarios([name], load_service("pgpt")).scenario.name == name


def test_every_scenario_is_played_here():
    played = {name.removeprefix("test_plays_").replace("_", "-") for name in globals()}
    assert set(shipped()) <= played


def test_plays_documentation():
    with MockGPT("documentation") as mock:
        answer = ask(client(mock), "Say this message is from apigpt.cloud!")
        assert answer.id == "chatcmpl-7SKQgp3ry5w9ZB0A3mMcvYOFB1VYG"
        assert answer.usage.total_tokens == 36
        mock.check()


def test_plays_overloaded():
    with MockGPT("overloaded") as mock:
        assert ask(client(mock)).choices[0].message.content
        assert [s[1:3] for s in statuses(mock)] == [(1, 429), (2, 529), (3, 200)]
        with pytest.raises(openai.RateLimitError) as caught:
            ask(client(mock, retries=0), "Another")
        assert caught.value.response.headers["retry-after"] == "1"
        mock.check()


def test_plays_flaky_network():
    with MockGPT("flaky-network") as mock:
        for text in ("one", "two", "three"):
            assert ask(client(mock), text).choices[0].message.content
        assert [(s[0], s[1], s[3]) for s in statuses(mock)] == [
            (call, attempt, ending)
            for call, cut in ((1, "aborted"), (2, "aborted"), (3, None))
            for attempt, ending in ((1, cut), (2, "complete"))
        ]
        with pytest.raises((openai.APIConnectionError, OSError)):
            streamed(client(mock, retries=0), "four")
        mock.check()


def test_plays_torture():
    with MockGPT("torture") as mock, MockGPT() as plain:
        for number in range(5):
            assert streamed(client(mock), str(number)) == streamed(client(plain), str(number))
        mock.check()


def test_plays_slow_model():
    with MockGPT("slow-model", speed=100) as mock:
        assert streamed(client(mock))
        sent = mock.journal[0].sent
        assert sent.chunks > 15
        assert sent.seconds > (1 + 15 / 20) * 0.7 / 100
        mock.check()


def test_plays_rate_limits():
    with MockGPT("rate-limits") as mock:
        once = client(mock, retries=0)
        left = [
            once.chat.completions.with_raw_response.create(
                model="gpt-3.5-turbo", messages=[{"role": "user", "content": "Hello!"}]
            ).headers["x-ratelimit-remaining-requests"]
            for _ in range(3)
        ]
        assert left == ["2", "1", "0"]
        with pytest.raises(openai.RateLimitError, match="requests per min") as caught:
            ask(once)
        wait = int(caught.value.response.headers["retry-after"])
        assert wait <= 20
        other = openai.OpenAI(base_url=mock.base_url, api_key="another", max_retries=0)
        assert ask(other).choices[0].message.content
        mock.clock.advance(wait)
        assert ask(once).usage.completion_tokens <= 20

        mock.clock.advance(60)
        assert ask(once, "An essay, please", max_tokens=1500).usage.completion_tokens <= 200
        with pytest.raises(openai.RateLimitError, match="tokens per min") as caught:
            ask(once, "Another essay", max_tokens=1500)
        mock.clock.advance(int(caught.value.response.headers["retry-after"]))
        assert ask(once, "Another essay", max_tokens=1500).choices
        assert [e.limit for e in mock.journal if e.limit] == [
            "requests_per_minute",
            "tokens_per_minute",
        ]
        mock.check()


def test_plays_overloaded_week():
    with MockGPT("overloaded-week", speed=1000) as mock:
        sdk = client(mock)
        for day in range(8):
            assert ask(sdk, f"day {day}").choices[0].message.content
        met = {}
        for call, _, status, ending in statuses(mock):
            assert ending == "complete"
            met.setdefault(call, []).append(status)
        assert list(met.values()) == [
            [200], [429, 200], [529, 529, 200], [408, 504, 200], [502, 502, 200], [200], [200], [200],
        ]  # fmt: skip
        saturday = next(e for e in mock.journal if e.call == 6)
        assert saturday.sent.seconds > 2 / 1000
        for day in range(8, 11):
            ask(sdk, f"day {day}")
        with pytest.raises(openai.InternalServerError) as caught:
            ask(client(mock, retries=0), "the second Friday")
        assert "<h1>502 Bad Gateway</h1>" in caught.value.response.text
        mock.check()


def test_plays_content_filter():
    with MockGPT("content-filter") as mock:
        sdk = client(mock)
        for refused in (lambda: ask(sdk, "Forbidden!"), lambda: complete(sdk, "forbidden fruit")):
            with pytest.raises(openai.BadRequestError, match="content management") as caught:
                refused()
            assert caught.value.code == "content_filter"
        for answer in (ask(sdk, "Tell me a story"), complete(sdk, "A story:")):
            assert answer.choices[0].finish_reason == "content_filter"
        assert list(ask(sdk, "A story", stream=True))[-1].choices[0].finish_reason == (
            "content_filter"
        )
        assert ask(sdk).choices[0].finish_reason == "stop"
        assert len(mock.journal) == 6  # nothing was tried again
        mock.check()


def test_plays_context_overflow():
    with MockGPT("context-overflow") as mock:
        sdk = client(mock)

        def refused(param, words, send):
            with pytest.raises(openai.BadRequestError, match=words) as caught:
                send()
            assert caught.value.param == param

        turns = [{"role": "user", "content": f"turn {number}"} for number in range(4)]

        def talk(messages, **more):
            return sdk.chat.completions.create(model="gpt-3.5-turbo", messages=messages, **more)

        refused("messages", "your messages resulted in 5113 tokens", lambda: talk(turns))
        assert talk(turns[1:]).choices
        wanted = r"\(4113 in the messages, 1000 in the completion\)"
        refused("messages", wanted, lambda: talk(turns[1:], max_tokens=1000))
        assert talk(turns[1:], max_tokens=999).choices
        wanted = r"\(4113 in your prompt; 1000 for the completion\)"
        refused(None, wanted, lambda: complete(sdk, "And so on…"))
        refused(None, wanted, lambda: complete(sdk, "Short", max_tokens=1000))
        assert complete(sdk, "Short", max_tokens=999).choices
        mock.check()


@pytest.mark.parametrize(
    "asked",
    [
        ["What is the weather?", "Any news?", "Thank you", "Bye"],
        ["News?", "Weather?", "Bye"],
    ],
)
def test_plays_chat_bot(asked):
    answers = {
        "new": "No news is good news.",
        "wea": "Sunny, and 25 degrees.",
        "tha": "You are welcome.",
        "bye": "Goodbye!",
    }
    with MockGPT("chat-bot") as mock:
        sdk = client(mock)
        greeting = ask(sdk, "Hi, my name is Ada.").choices[0].message.content
        assert greeting == "Hello, Ada! Weather or news?"
        with pytest.raises(openai.BadRequestError, match=r"due is .* step 'weather'"):
            ask(sdk, "Goodbye")
        for text in asked:
            said = ask(sdk, text).choices[0].message.content
            assert any(word in text.lower() and said == answers[word] for word in answers)
        mock.check(allow=["unmatched_request"])


def test_chat_bot_tells_of_what_was_never_said():
    with MockGPT("chat-bot") as mock:
        ask(client(mock), "My name is Bob")
    with pytest.raises(AssertionError, match="3 findings") as caught:
        mock.check()
    for step in ("weather", "news", "farewell"):
        assert f"step '{step}' was never met" in str(caught.value)


def test_plays_similar_embeddings():
    with MockGPT("similar-embeddings") as mock:
        sdk = client(mock)

        def embed(text):
            made = sdk.embeddings.create(model="text-embedding-ada-002", input=text)
            return made.data[0].embedding

        query = embed("How do I get my money back?")

        def cosine(text):
            return sum(x * y for x, y in zip(embed(text), query, strict=True))

        ranked = {text: cosine(text) for text in ("Opening hours", "Refunds", "Payment")}
        assert sorted(ranked, key=ranked.get, reverse=True) == [
            "Refunds",
            "Payment",
            "Opening hours",
        ]
        assert sorted(ranked.values()) == pytest.approx([0.2, 0.6, 0.9], abs=1e-6)
        assert cosine("The cat sat on the mat.") < 0.3
        mock.check()


def test_plays_quotas():
    with MockGPT("quotas") as mock:
        sdk = client(mock)
        used = 0
        while used < 100:
            used += ask(sdk).usage.total_tokens
        answered = len(mock.journal)
        with pytest.raises(openai.RateLimitError) as caught:
            ask(sdk)
        assert caught.value.code == "insufficient_quota"
        assert len(mock.journal) == answered + 3  # the SDK tries again, in vain
        assert {e.error for e in mock.journal[answered:]} == {"insufficient_quota"}
        other = openai.OpenAI(base_url=mock.base_url, api_key="another")
        assert ask(other).choices[0].message.content
        mock.check()


TOUR = {  # what is asked for by more than the user's text, by the rules' ids
    "endpoints": {"prompt": "endpoint"},
    "models": {"model": "gpt-4-32k", "user": "model"},
    "roles": {
        "messages": [
            {"role": "system", "content": "You are a guide."},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": "roles"},
        ]
    },
    "prompt": {"prompt": "prompt"},
    "turns": {"messages": [{"role": "user", "content": "turn"}] * 2},
    "streams": {"user": "stream", "stream": True},
    "heads": {"user": "headers", "headers": {"x-tenant": "acme", "api-key": "sk-1"}},
    "bodies": {
        "messages": [{"role": "user", "content": "body"}],
        "temperature": 0.7,
        "model": "gpt-4",
        "more": {"user": "ada"},
    },
    "whole-bodies": {"user": "exactly", "model": "gpt-4", "stream": True},
    "combined": {"user": "or", "model": "gpt-4"},
    "template": {"user": "template of contents"},
    "vectors": {"input": "vectors"},
    "whole-vectors": {"input": "whole vectors"},
    "similar": {"input": "similar"},
}


def send(mock, *, user="", headers=(), more=(), **body):
    """Send a request of the tour; return status, headers and as much of the body as comes."""
    path = "chat/completions"
    if "prompt" in body:
        path = "completions"
    elif "input" in body:
        path, body["model"] = "embeddings", "text-embedding-ada-002"
    elif user:
        body["messages"] = [{"role": "user", "content": user}]
    body = {"model": "gpt-3.5-turbo", **body, **dict(more)}
    url = urlsplit(mock.base_url)
    connection = http.client.HTTPConnection(url.netloc, timeout=20)
    try:
        asked = {"content-type": "application/json", "api-key": "k", **dict(headers)}
        connection.request("POST", f"{url.path}/{path}", json.dumps(body), asked)
        response = connection.getresponse()
        try:
            content = response.read()
        except http.client.IncompleteRead as cut:
            content = cut.partial
        return response.status, response.headers, content.decode()
    finally:
        connection.close()


def said(got):
    return json.loads(got[2])["choices"][0]["message"]["content"]


def test_plays_tour(root):
    scenario = load_scenarios(["tour"], load_service("pgpt")).scenario
    with MockGPT("tour", speed=100) as mock:
        for _, entry in entries_of(scenario):
            when = getattr(entry, "expect", None) or entry.when
            asked = TOUR.get(entry.id)
            if asked is None:
                asked = {"user": when.user, "stream": when.stream is not False}
            with contextlib.suppress(http.client.HTTPException, ConnectionError):
                send(mock, **asked)
            assert mock.journal[-1].rule == entry.id
        assert (
            said(send(mock, user="template of contents")) == "Contents, turn 1, call 2, attempt 1."
        )
        assert said(send(mock, user="file")) == (root / "scenarios/tour.txt").read_text("utf-8")
        assert send(mock, user="raw")[::2] == (418, "I'm a teapot.")
        assert send(mock, user="raw chunks")[2].endswith("\n\ndata: {}\n\n")
        status, headers, body = send(mock, user="error")
        assert (status, headers["retry-after-ms"], headers["x-reason"]) == (503, "1500", "tokens")
        assert json.loads(body)["error"] == {
            "message": "Too many tokens.",
            "type": "busy",
            "param": "messages",
            "code": "too_busy",
        }
        adjusted = json.loads(send(mock, user="adjusted")[2])
        assert (adjusted["model"], adjusted["usage"]["total_tokens"]) == ("gpt-5", 1500)
        assert "event: delta\n" in send(mock, user="fault: event_lines", stream=True)[2]
        mock.check()


def used(value, data):
    """Yield the types of the language that a mapping of YAML is made of, each with its keys."""
    if isinstance(value, msgspec.Struct) and isinstance(data, Mapping):
        yield type(value), "itself"
        for field in msgspec.structs.fields(value):
            if field.encode_name in data:
                yield type(value), field.encode_name
                yield from used(getattr(value, field.name), data[field.encode_name])
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from used(inner, data[key])
    elif isinstance(value, tuple):
        for inner, item in zip(value, data, strict=True):
            yield from used(inner, item)


def test_the_tour_has_every_key_of_the_language(language):
    data = yaml.safe_load(shipped()["tour"].read_text("utf-8"))
    found = set(used(msgspec.convert(data, Scenario), data))
    shared = {"chance", "on_call", "on_attempt"}  # by all faults; once will do
    assert shared <= {name for _, name in found}
    every = {(kind, name) for kind, names in language.items() for name in ("itself", *names)}
    faults = {kind for kind, _ in every if shared <= {*language[kind]}}
    assert every - found == {(k, n) for k, n in every - found if k in faults and n in shared}


def test_the_tour_has_every_operator_of_bodies():
    told = shipped()["tour"].read_text("utf-8")
    assert {name for name in _OPERATORS if f"{name}:" not in told} == set()
