"""The facade, from the outside."""

import asyncio
import contextlib
import http.client
import json
import threading

import pytest

import mockgpt
from mockgpt import MockGPT, create_app
from mockgpt.core import engine as engine_module
from mockgpt.core.plan import Data
from mockgpt.core.scenario import Reply, Rule, Scenario, When
from mockgpt.files.documents import ScenarioError

CHAT = "/v1/chat/completions"


def hello(text="Hello!", **more):
    return {"messages": [{"role": "user", "content": text}], **more}


def ask(mock, body, path=CHAT, key="k"):
    connection = http.client.HTTPConnection(mock.url.removeprefix("http://"), timeout=20)
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    try:
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def text_of(data):
    return json.loads(data)["choices"][0]["message"]["content"]


def test_a_server_for_a_with():
    with MockGPT() as mock:
        response, data = ask(mock, hello())
        assert response.status == 200
        assert json.loads(data)["usage"]["prompt_tokens"] == 10
        assert mock.base_url == mock.url + "/v1"
    with pytest.raises(ConnectionRefusedError):
        ask(mock, hello())


async def test_a_server_for_an_async_with():
    async with MockGPT() as mock:
        response, _ = await asyncio.to_thread(ask, mock, hello())
    assert response.status == 200


def test_start_and_stop_by_hand():
    mock = MockGPT()
    with pytest.raises(RuntimeError, match="has no URL yet; use it in a `with`"):
        _ = mock.url
    assert mock.start() is mock
    with pytest.raises(RuntimeError, match=f"serves already, on {mock.url}"):
        mock.start()
    mock.stop()
    mock.stop()
    mock.start()
    assert ask(mock, hello())[0].status == 200
    mock.stop()


def test_no_thread_and_no_socket_is_left():
    before = threading.active_count()
    for _ in range(3):
        with MockGPT() as mock:
            ask(mock, hello())
            connection = http.client.HTTPConnection(mock.url.removeprefix("http://"), timeout=20)
            connection.connect()  # idle, and closed by the server
        with contextlib.suppress(ConnectionResetError):  # it had not been accepted yet
            assert connection.sock.recv(1) == b""
        connection.close()
    assert threading.active_count() == before


def test_the_journal_has_what_was_asked_and_sent_but_no_key():
    with MockGPT("documentation") as mock:
        ask(mock, hello("Say this message is from apigpt.cloud!", top_p=0.1), key="sk-secret-12345")
        (exchange,) = mock.journal
        assert len(mock.journal) == 1
    assert exchange is mock.journal[0]
    assert exchange.request.user == "Say this message is from apigpt.cloud!"
    assert (exchange.rule, exchange.endpoint, exchange.ignored) == (
        "first-request",
        "chat",
        ("top_p",),
    )
    assert (exchange.sent.status, exchange.sent.ending) == (200, "complete")
    assert exchange.usage.total_tokens == 36
    assert exchange.headers["content-type"] == "application/json"
    assert "secret" not in repr(exchange)
    assert len(exchange.key) == 8


def test_the_journal_is_complete_for_all_that_was_read():
    with MockGPT() as mock:
        for count in range(1, 101):
            ask(mock, hello(str(count)))
            assert len(mock.journal) == count


def test_the_same_request_gets_the_same_text_and_another_id():
    with MockGPT() as mock:
        first, second = (json.loads(ask(mock, hello())[1]) for _ in range(2))
        third = json.loads(ask(mock, hello("Other"))[1])
    assert first["choices"] == second["choices"] != third["choices"]
    assert first["id"] != second["id"]


def test_one_seed_gives_one_answer_and_another_seed_another():
    def bodies(seed):
        with MockGPT(seed=seed) as mock:
            return [ask(mock, hello(text))[1] for text in ("a", "b", "a")]

    assert bodies(1) == bodies(1)
    assert all(x != y for x, y in zip(bodies(1), bodies(2), strict=True))


def test_the_text_does_not_depend_on_how_it_is_asked_for():
    with MockGPT() as mock:
        whole = text_of(ask(mock, hello())[1])
        reordered = {"messages": [{"content": "Hello!", "role": "user"}], "temperature": 0.1}
        parts = {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello!"}]}]}
        assert text_of(ask(mock, reordered)[1]) == whole
        assert text_of(ask(mock, parts)[1]) == whole
        short = text_of(ask(mock, hello(max_tokens=5))[1])
        assert whole.startswith(short)
        assert short != whole


def test_options_reach_the_server():
    with MockGPT(
        api_keys=["right"], errors="azure", strict=True, max_body=200, clock="real"
    ) as mock:
        assert json.loads(ask(mock, hello(), key="wrong")[1])["error"]["code"] == "401"
        assert json.loads(ask(mock, hello(), key="right")[1])["created"] > 1_700_000_000
        assert ask(mock, hello(top_p=0.1), key="right")[0].status == 400
        assert ask(mock, hello("a" * 200), key="right")[0].status == 413


def test_a_scenario_may_be_a_value():
    rules = (
        Rule(when=When(user="Hello!"), reply="Good day."),
        Rule(reply=Reply(error="overloaded")),
    )
    with MockGPT(Scenario(rules=rules)) as mock:
        assert text_of(ask(mock, hello())[1]) == "Good day."
        assert ask(mock, hello("other"))[0].status == 529
        mock.check()  # what a rule answers is wanted


def test_a_scenario_that_cannot_be_used_is_refused_before_the_start():
    with pytest.raises(ScenarioError, match="expected a shipped scenario"):
        MockGPT("nothing")


def test_an_observer_is_told_of_every_exchange():
    seen = []

    def observe(exchange):
        seen.append((exchange.sent.status, len(mock.journal)))  # it may ask for the journal

    with MockGPT(observer=observe) as mock:
        ask(mock, hello())
        ask(mock, {})
        assert [exchange.sent.status for exchange in mock.journal] == [200, 400]
    assert seen == [(200, 1), (400, 2)]


def test_check_tells_of_requests_that_the_service_would_refuse():
    with MockGPT() as mock:
        mock.check()
        ask(mock, hello(temperature=3))
        ask(mock, {}, "/v1/nope")
        with pytest.raises(AssertionError) as caught:
            mock.check()
        mock.check(allow=["refused_request"])
    assert str(caught.value) == (
        "mockgpt: 2 findings\n"
        "  refused_request: POST /v1/chat/completions was refused with 400, as the real service "
        "would: 3 is greater than the maximum of 2 - 'temperature' "
        "Mend the request, or expect it: allow=['refused_request'].\n"
        "  refused_request: POST /v1/nope was refused with 404, as the real service would: "
        "Invalid URL (POST /v1/nope) Mend the request, or expect it: allow=['refused_request']."
    )


def test_a_bug_is_visible_and_raised_in_the_test(monkeypatch, caplog):
    def broken(*_):
        raise ZeroDivisionError("by design")

    monkeypatch.setattr(engine_module, "make", broken)
    with MockGPT() as mock:
        response, data = ask(mock, hello())
        assert response.status == 500
        assert response.headers["x-mockgpt-bug"] == "1"
        assert json.loads(data)["error"]["type"] == "mockgpt_bug"
        with pytest.raises(AssertionError, match=r"mockgpt_bug: .*by design") as caught:
            mock.check(allow=["refused_request"])
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert ask(mock, hello(), "/v1/models")[0].status == 200
    assert "bug in mockgpt: POST /v1/chat/completions" in caplog.text


def test_a_bug_in_the_middle_of_a_plan_is_answered_too(monkeypatch, caplog):
    def broken(*_, **__):
        yield Data(b"data: {}\n\n")
        raise ZeroDivisionError("by design")

    monkeypatch.setattr("mockgpt.core.endpoints.events", broken)
    with MockGPT() as mock:
        response, _ = ask(mock, hello(stream=True))
        assert response.status == 500
        assert isinstance(mock.journal[0].bug, ZeroDivisionError)
    assert "bug in mockgpt" in caplog.text


def test_a_bug_after_the_first_bytes_ends_the_connection(monkeypatch, caplog):
    def broken(*_, **__):
        yield Data(b"x" * 300_000)
        raise ZeroDivisionError("by design")

    monkeypatch.setattr("mockgpt.core.endpoints.events", broken)
    with MockGPT() as mock:
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            ask(mock, hello(stream=True))
        assert isinstance(mock.journal[0].bug, ZeroDivisionError)
        assert mock.journal[0].sent.ending == "aborted"
        assert ask(mock, hello())[0].status == 200
    assert "bug in mockgpt" in caplog.text


async def test_an_application_for_pytest_aiohttp(aiohttp_client):
    client = await aiohttp_client(create_app("documentation"))
    headers = {"api-key": "k"}
    body = hello("Say this message is from apigpt.cloud!")
    response = await client.post(CHAT, json=body, headers=headers)
    assert (await response.json())["usage"]["total_tokens"] == 36
    response = await client.post(CHAT, json=body, headers={**headers, "Expect": "100-continue"})
    assert response.status == 200
    response = await client.get("/nope")
    assert response.status == 404


def test_the_package_offers_its_two_names():
    assert dir(mockgpt) == ["MockGPT", "__version__", "create_app"]
    with pytest.raises(AttributeError, match="module 'mockgpt' has no attribute 'nothing'"):
        _ = mockgpt.nothing


def test_exact_tokens_without_ranks_are_refused(monkeypatch):
    from mockgpt.files import exact

    def unavailable():
        raise exact.ExactTokensUnavailable("no ranks; install mockgpt[exact]")

    monkeypatch.setattr("mockgpt.mock.load_split", unavailable)
    with pytest.raises(exact.ExactTokensUnavailable, match="no ranks"):
        MockGPT(tokenizer="exact")


def test_exact_tokens_count_with_the_tokenizer_given(monkeypatch):
    monkeypatch.setattr("mockgpt.mock.load_split", lambda: tuple)
    with MockGPT(Scenario(rules=(Rule(reply="Hi"),)), tokenizer="exact") as mock:
        usage = json.loads(ask(mock, hello("abc"))[1])["usage"]
    assert usage == {"completion_tokens": 2, "prompt_tokens": 3 + 4 + 4 + 3, "total_tokens": 16}
