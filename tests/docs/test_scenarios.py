"""Every shipped scenario says what it is about, and is played."""

import openai
import pytest

from mockgpt import MockGPT
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
