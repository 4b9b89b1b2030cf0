"""The facade, from the outside."""

import asyncio
import base64
import contextlib
import http.client
import json
import socket
import struct
import threading
import urllib.error
import urllib.request

import pytest
from bodies import hello

import mockgpt
from mockgpt import MockGPT, create_app
from mockgpt.core import session as session_module
from mockgpt.core.conditions import When
from mockgpt.core.journal import Journal
from mockgpt.core.plan import Data
from mockgpt.core.replies import Reply
from mockgpt.core.scenario import Rule, Scenario
from mockgpt.files.documents import ScenarioError

CHAT = "/v1/chat/completions"


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
        url = mock.url
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(url, timeout=20)


async def test_a_server_for_an_async_with():
    async with MockGPT() as mock:
        response, _ = await asyncio.to_thread(ask, mock, hello())
    assert response.status == 200


def test_it_runs_on_python_s_own_loop_whatever_the_others_do(monkeypatch):
    monkeypatch.setattr(asyncio, "new_event_loop", lambda: pytest.fail("uvloop's, perhaps"))
    with MockGPT() as mock:
        response, _ = ask(mock, hello())
    assert response.status == 200


def test_start_and_stop_by_hand():
    mock = MockGPT()
    with pytest.raises(RuntimeError, match="does not serve; use it in a `with`"):
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
        assert json.loads(ask(mock, hello(), key="wrong")[1])["statusCode"] == 401
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
        "would (3 is greater than the maximum of 2 - 'temperature'); "
        "mend the request, or expect it: allow refused_request\n"
        "  refused_request: POST /v1/nope was refused with 404, as the real service would "
        "(Invalid URL (POST /v1/nope)); ask for /v1/chat/completions or "
        "/v1/completions or /v1/embeddings or /v1/models, or expect it: allow refused_request"
    )


def test_a_bug_is_visible_and_raised_in_the_test(monkeypatch, caplog):
    def broken(*_, **__):
        raise ZeroDivisionError("by design")

    monkeypatch.setattr(session_module, "make", broken)
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

    monkeypatch.setattr("mockgpt.core.encode.text._events", broken)
    with MockGPT() as mock:
        response, _ = ask(mock, hello(stream=True))
        assert response.status == 500
        assert isinstance(mock.journal[0].bug, ZeroDivisionError)
    assert "bug in mockgpt" in caplog.text


def test_a_bug_after_the_first_bytes_ends_the_connection(monkeypatch, caplog):
    def broken(*_, **__):
        yield Data(b"x" * 300_000)
        raise ZeroDivisionError("by design")

    monkeypatch.setattr("mockgpt.core.encode.text._events", broken)
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


def test_the_package_offers_its_names():
    assert {"MockGPT", "create_app", "Scenario", "ScenarioError"} <= set(dir(mockgpt))
    assert all(getattr(mockgpt, name) is not None for name in dir(mockgpt))
    with pytest.raises(AttributeError, match="module 'mockgpt' has no attribute 'nothing'"):
        _ = mockgpt.nothing


def test_exact_tokens_without_ranks_are_refused(monkeypatch):
    from mockgpt.files import exact

    def unavailable():
        raise exact.ExactTokensUnavailable("no ranks; install mockgpt[exact]")

    monkeypatch.setattr("mockgpt.options.load_split", unavailable)
    with pytest.raises(exact.ExactTokensUnavailable, match="no ranks"):
        MockGPT(tokenizer="exact")


def test_exact_tokens_count_with_the_tokenizer_given(monkeypatch):
    monkeypatch.setattr("mockgpt.options.load_split", lambda: tuple)
    with MockGPT(Scenario(rules=(Rule(reply="Hi"),)), tokenizer="exact") as mock:
        usage = json.loads(ask(mock, hello("abc"))[1])["usage"]
    assert usage == {"completion_tokens": 2, "prompt_tokens": 3 + 4 + 4 + 3, "total_tokens": 16}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"api_key": ["k"]}, TypeError, "unknown option 'api_key'; did you mean 'api_keys'?"),
        ({"zzz": 1}, TypeError, "unknown option 'zzz'; known are seed, api_keys, errors,"),
        ({"redact": ["("]}, ValueError, "option redact: expected prompts, replies, emails or a"),
    ],
)
def test_an_unknown_option_or_value_is_refused(options, error, message):
    with pytest.raises(error) as caught:
        MockGPT(**options)
    assert str(caught.value).startswith(message)


KEYS = "api_keys (--api-key): expected keys of at least one character"
TOKEN = "control_token (--control-token): expected a token of visible ASCII characters"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"api_keys": "secret"},
            f"{KEYS}, found a string; put it in a list",
        ),
        (
            {"api_keys": ["secret", ""]},
            f"{KEYS}, found an empty one",
        ),
        (
            {"api_keys": {7}},
            f"{KEYS}, found one of type int",
        ),
        (
            {"control_token": ""},
            f"{TOKEN}, found an empty one",
        ),
        (
            {"control_token": "sésame"},
            f"{TOKEN}, found one with other characters",
        ),
        (
            {"redact": "emails"},
            "redact: expected strings of at least one character, found a string; put it in a list",
        ),
        ({"redact": [""]}, "redact: expected strings of at least one character, found ['']"),
        (
            {"clock": "reel"},
            "clock: expected 'frozen' or 'real', found 'reel'; did you mean 'real'?",
        ),
        ({"errors": "french"}, "errors: expected 'openai', 'azure' or 'fastapi', found 'french'"),
        (
            {"tokenizer": "Exact"},
            "tokenizer: expected 'fake' or 'exact', found 'Exact'; did you mean 'exact'?",
        ),
        (
            {"on_miss": "fill"},
            "on_miss: expected 'error', 'filler' or None, found 'fill'; did you mean 'filler'?",
        ),
        ({"seed": "a"}, "seed: expected an integer or None, found 'a'"),
        ({"max_body": -1}, "max_body: expected an integer of at least 1, found -1"),
        ({"speed": 0}, "speed: expected a number above 0, found 0"),
        ({"strict": "yes"}, "strict: expected True or False, found 'yes'"),
        ({"service": 1}, "service: expected a service's name or a path to a .yaml file, found 1"),
    ],
)
def test_a_value_that_an_option_cannot_have_is_told(options, message):
    with pytest.raises(ValueError, match="option ") as caught:
        MockGPT(**options)
    assert str(caught.value) == f"option {message}"


def test_an_unknown_finding_cannot_be_allowed():
    with MockGPT() as mock, pytest.raises(ValueError, match="expected a list of beyond_script, "):
        mock.check(allow=["refused"])
    with MockGPT() as mock, pytest.raises(ValueError, match="expected a list of beyond_script, "):
        mock.check(allow="refused_request")


def test_a_bug_is_answered_even_if_what_renders_errors_is_broken(monkeypatch, caplog):
    def broken(*_, **__):
        raise ZeroDivisionError("by design")

    monkeypatch.setattr("mockgpt.core.responses.render", broken)
    with MockGPT() as mock:
        response, data = ask(mock, {}, "/nope")
        assert response.headers["x-mockgpt-bug"] == "1"
        assert json.loads(data)["error"]["type"] == "mockgpt_bug"
        with pytest.raises(AssertionError, match="by design"):
            mock.check()
    assert "bug in mockgpt: POST /nope" in caplog.text


def test_an_observer_that_fails_harms_nobody_else(caplog):
    def failing(_):
        raise ZeroDivisionError("the user's")

    with MockGPT(observer=failing) as mock:
        connection = http.client.HTTPConnection(mock.url.removeprefix("http://"), timeout=20)
        for _ in range(3):  # on one connection
            connection.request("GET", "/v1/models", headers={"api-key": "k"})
            assert connection.getresponse().read()
        connection.close()
        assert len(mock.journal) == 3
    assert "the user's" in caplog.text


def test_findings_outlive_the_entries_of_the_journal(monkeypatch):
    monkeypatch.setattr(session_module, "Journal", lambda: Journal(entries=3))
    with MockGPT() as mock:
        ask(mock, {})
        for number in range(4):
            ask(mock, hello(f"{number}"))
        assert mock.journal.dropped > 0
        with pytest.raises(AssertionError, match="'messages' is a required property"):
            mock.check()


def test_a_refused_key_is_not_recorded_even_in_part():
    lines = []
    with MockGPT(
        api_keys=["sk-right-0123456789"], observer=lambda e: lines.append(repr(e))
    ) as mock:
        response, data = ask(mock, hello(), key="sk-wrong-0123456789-tail")
        assert response.status == 401
        assert b"sk-w****************tail" in data
        assert "tail" not in repr(mock.journal[0])
        connection = http.client.HTTPConnection(mock.url.removeprefix("http://"), timeout=20)
        headers = {
            "api-key": "k1-tail",
            "X-Api-Key": "k2-tail",
            "Ocp-Apim-Subscription-Key": "k3-tail",
        }
        connection.request("GET", "/v1/models", headers=headers)
        connection.getresponse().read()
        connection.close()
        assert "tail" not in repr(mock.journal[1])
    assert len(lines) == 2
    assert "tail" not in "".join(lines)


def test_the_key_that_decides_is_fingerprinted():
    with MockGPT(api_keys=["right"]) as mock:
        ask(mock, hello(), key="right")
        connection = http.client.HTTPConnection(mock.url.removeprefix("http://"), timeout=20)
        headers = {"api-key": "foreign", "authorization": "Bearer right"}
        connection.request("GET", "/v1/models", headers=headers)
        connection.getresponse().read()
        connection.close()
        assert mock.journal[0].key == mock.journal[1].key


def test_a_reset_begins_anew():
    rules = (Rule(id="r", reply=("one", "two")),)
    with MockGPT(Scenario(rules=rules)) as mock:
        before = ask(mock, hello())[1]
        ask(mock, {})
        mock.reset()
        assert len(mock.journal) == 0
        mock.check()
        assert ask(mock, hello())[1] == before


def test_the_journal_can_be_read_while_the_server_stops():
    mock = MockGPT().start()
    lengths = []
    reading = threading.Event()

    def read():
        for _ in range(200):
            lengths.append(len(mock.journal))
            reading.set()

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    reading.wait()
    stoppers = [threading.Thread(target=mock.stop) for _ in range(3)]
    for thread in stoppers:
        thread.start()
    for thread in (*threads, *stoppers):
        thread.join(30)
        assert not thread.is_alive()
    assert lengths == [0] * 600


def test_a_request_that_is_still_open_when_the_server_stops_is_recorded():
    with MockGPT() as mock:
        connection = http.client.HTTPConnection(mock.url.removeprefix("http://"), timeout=20)
        connection.putrequest("POST", CHAT)
        connection.putheader("content-length", "100")
        connection.endheaders(b"{")
        while not mock._handler.engine.default.journal and connection.sock is None:
            pass
        ask(mock, hello())
    connection.close()
    assert {exchange.path for exchange in mock.journal} == {CHAT}
    assert len(mock.journal) == 2


def test_a_rule_for_one_text_of_a_batch_leaves_the_others_alone():
    with MockGPT("documentation") as mock:
        model = "text-embedding-ada-002"
        texts = ["The food was delicious and the waiter...", "Completely different text"]
        both = json.loads(ask(mock, {"model": model, "input": texts}, "/v1/embeddings")[1])["data"]
        alone = json.loads(ask(mock, {"model": model, "input": texts[1]}, "/v1/embeddings")[1])[
            "data"
        ]
        assert both[0]["embedding"][0] == pytest.approx(0.0023064255)
        assert both[1]["embedding"] == alone[0]["embedding"]
        body = {"model": "gpt-3.5-turbo", "prompt": ["I am a", "Something else"], "max_tokens": 7}
        choices = json.loads(ask(mock, body, "/v1/completions")[1])["choices"]
        assert choices[0]["text"] == " 20 year old female and I"
        assert choices[1]["text"] != choices[0]["text"]


def test_the_same_numbers_in_both_forms_to_the_last_bit():
    with MockGPT("documentation") as mock:
        body = {
            "model": "text-embedding-ada-002",
            "input": ["The food was delicious and the waiter...", "b"],
        }
        floats = json.loads(ask(mock, body, "/v1/embeddings")[1])["data"]
        packed = json.loads(ask(mock, {**body, "encoding_format": "base64"}, "/v1/embeddings")[1])[
            "data"
        ]
    for one, other in zip(floats, packed, strict=True):
        numbers = base64.b64decode(other["embedding"])
        assert struct.pack("<1536f", *one["embedding"]) == numbers
        assert sum(x * x for x in one["embedding"]) == pytest.approx(1, abs=1e-6)
    assert floats[1]["embedding"] == list(struct.unpack("<1536f", numbers))


def test_what_a_client_sent_before_it_left_is_recorded_at_the_end():
    body = json.dumps(hello()).encode()
    for _ in range(10):  # in one round the server may be early enough by chance
        with MockGPT() as mock:
            address = mock.url.removeprefix("http://").split(":")
            with socket.create_connection(address, timeout=20) as client:
                client.sendall(
                    b"POST %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\n"
                    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                    % (CHAT.encode(), len(body), body)
                )
        assert len(mock.journal) == 1


def test_the_last_call_of_none_is_told():
    with MockGPT() as mock, pytest.raises(IndexError, match="no call so far; a request counts"):
        _ = mock.last
