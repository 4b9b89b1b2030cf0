"""Scripted replies, faults, pace and misses as clients meet them, on real sockets."""

import asyncio
import http.client
import json
import threading

import openai
import pytest

from mockgpt import MockGPT
from mockgpt.core.conditions import TextMatch, When
from mockgpt.core.faults import Disconnect, ErrorEvent, Latency, NoDone, Place, Stall, Torture
from mockgpt.core.pace import Pace
from mockgpt.core.replies import Defaults, Reply
from mockgpt.core.scenario import Rule, Scenario


def serve(*rules, defaults=None, **options):
    scenario = Scenario(name="s", rules=rules, defaults=defaults or Defaults())
    return MockGPT(scenario, **options)


def client(mock, **options):
    return openai.OpenAI(base_url=mock.base_url, api_key="k", timeout=20, **options)


def ask(openai_client, text="Hello!", **more):
    return openai_client.chat.completions.create(
        model="gpt-4", messages=[{"role": "user", "content": text}], **more
    )


def said(answer):
    return answer.choices[0].message.content


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Let the SDK retry at once; its back-off is not what is tested."""
    monkeypatch.setattr(openai._base_client, "INITIAL_RETRY_DELAY", 0.001)


def bumpy(text):
    return Reply(
        attempts=(
            Reply(error="service_unavailable"),
            Reply(say="never seen", faults=(Disconnect(after=Place(bytes=10)),)),
            text,
        )
    )


def test_one_call_of_the_sdk_meets_all_attempts_and_the_next_gets_the_next_reply():
    with serve(Rule(id="r", reply=(bumpy("arrived"), "second", "third"))) as mock:
        sdk = client(mock, max_retries=2)
        assert [said(ask(sdk)) for _ in range(3)] == ["arrived", "second", "third"]
        told = [(e.call, e.attempt, e.sent.status, e.sent.ending) for e in mock.journal]
        mock.check()
    assert told == [
        (1, 1, 503, "complete"),
        (1, 2, 200, "aborted"),
        (1, 3, 200, "complete"),
        (2, 1, 200, "complete"),
        (3, 1, 200, "complete"),
    ]


def test_an_application_that_tries_again_itself_meets_them_too():
    with serve(Rule(id="r", reply=(bumpy("arrived"), "second"))) as mock:
        sdk = client(mock, max_retries=0)
        with pytest.raises(openai.InternalServerError):
            ask(sdk)
        with pytest.raises(openai.APIConnectionError):
            ask(sdk)
        assert said(ask(sdk)) == "arrived"
        assert said(ask(sdk)) == "second"


def test_parallel_clients_keep_their_calls_apart():
    rules = [
        Rule(
            id=f"r{n}", when=When(user=f"question {n}"), reply=(bumpy(f"first {n}"), f"second {n}")
        )
        for n in range(50)
    ]
    answers = {}

    def run(number):
        with client(mock, max_retries=2) as sdk:
            answers[number] = [said(ask(sdk, f"question {number}")) for _ in range(2)]

    with serve(*rules) as mock:
        threads = [threading.Thread(target=run, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        mock.check()
        assert len(mock.journal) == 200
    assert answers == {number: [f"first {number}", f"second {number}"] for number in range(50)}


def test_a_call_past_the_last_reply_is_told_and_found():
    with serve(Rule(id="r", reply=("only",))) as mock:
        sdk = client(mock, max_retries=2)
        assert said(ask(sdk)) == "only"
        with pytest.raises(openai.BadRequestError, match=r"rule 'r' has answered all of its calls"):
            ask(sdk)
        assert len(mock.journal) == 2
        with pytest.raises(AssertionError, match="beyond_script: POST /v1/chat/completions"):
            mock.check()
        mock.check(allow=["beyond_script"])


def test_a_miss_explains_itself_in_the_exception_that_the_sdk_raises(tmp_path):
    path = tmp_path / "weather.yaml"
    path.write_text(
        "mockgpt: 1\nrules:\n- id: weather\n  when: {user: {contains: weather}, stream: true}\n"
        "  reply: Sunny.\n",
        "utf-8",
    )
    with MockGPT(path) as mock:
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client(mock), stream=True)
        with pytest.raises(AssertionError, match=r"unmatched_request: .*nearest is"):
            mock.check()
    assert caught.value.code == "no_rule_answers"
    assert caught.value.body["message"] == (
        f"No rule of the scenario answers this request: nearest is {path}:3 rule 'weather' "
        "(user: wanted contains 'weather', got 'Hello!')."
    )


def test_a_miss_may_be_answered_with_filler():
    with serve(Rule(when=When(user="x"), reply="y"), on_miss="filler") as mock:
        assert said(ask(client(mock)))
        mock.check()


def test_without_rules_a_miss_may_be_an_error():
    with serve(on_miss="error") as mock, pytest.raises(openai.BadRequestError, match="no rules"):
        ask(client(mock))


def test_torture_is_not_noticed():
    text = "Hello, 世界! " * 20
    with serve(Rule(reply=Reply(say=text, faults=(Torture(),)))) as mock:
        for number in range(5):
            chunks = list(ask(client(mock), f"{number}", stream=True))
            assert "".join(c.choices[0].delta.content or "" for c in chunks) == text
            assert chunks[-1].choices[0].finish_reason == "stop"


def test_an_error_inside_a_stream_is_raised():
    with serve(Rule(reply=Reply(say="a b c", faults=(ErrorEvent(after=2),)))) as mock:
        seen = []
        with pytest.raises(openai.APIError, match="The server had an error"):
            seen.extend(ask(client(mock), stream=True))
        stream = ask(client(mock), stream=True)
        assert next(stream).choices[0].delta.role == "assistant"
        assert next(stream).choices[0].delta.content == "a"
        stream.close()


def test_a_stream_without_done_still_ends():
    with serve(Rule(reply=Reply(say="a b", faults=(NoDone(),)))) as mock:
        assert len(list(ask(client(mock), stream=True))) == 4


def test_a_client_that_leaves_a_stall_is_noticed_at_once():
    left = threading.Event()
    stalled = Reply(say="a b c", faults=(Stall(after=2),))
    with serve(Rule(reply=stalled), observer=lambda _: left.set()) as mock:
        stream = ask(client(mock), stream=True)
        next(stream)
        next(stream)
        stream.close()
        assert left.wait(10)
        (exchange,) = mock.journal
    assert exchange.sent.ending == "client_left"
    assert exchange.sent.status == 200


def test_a_client_that_leaves_before_the_head_was_sent_nothing():
    left = threading.Event()
    late = Reply(say="a", faults=(Latency(delay="10m"),))
    with serve(Rule(reply=late), observer=lambda _: left.set()) as mock:
        with pytest.raises(openai.APITimeoutError):
            ask(client(mock, max_retries=0), timeout=0.1)
        assert left.wait(10)
        (exchange,) = mock.journal
        mock.check()
    assert (exchange.sent, exchange.bug) == (None, None)


def test_a_server_ends_what_hangs_when_it_stops():
    with serve(Rule(reply=Reply(say="a", faults=(Disconnect(how="hang"),)))) as mock:
        connection = http.client.HTTPConnection(mock.url.removeprefix("http://"), timeout=20)
        body = {"messages": [{"role": "user", "content": "a"}], "stream": True}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"api-key": "k"})
        response = connection.getresponse()
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()
    connection.close()


def test_defaults_hold_for_every_reply_and_speed_divides_waits():
    defaults = Defaults(pace=Pace(first="1m", each="10s"), faults=(Latency(delay=9),))
    slow = Rule(when=When(user=TextMatch(contains="slow")), reply="a b c d")
    with serve(slow, Rule(reply="x"), defaults=defaults, speed=10_000) as mock:
        assert said(ask(client(mock), "slow")) == "a b c d"
        list(ask(client(mock), "slow", stream=True))
        whole, streamed = (e.sent for e in mock.journal)
    assert whole.chunks == 1
    assert streamed.chunks == 7
    assert whole.seconds >= 69 / 10_000
    assert streamed.seconds >= (69 + 60) / 10_000


@pytest.mark.mockgpt(allow=["no_backoff"])  # hurried
def test_the_journal_says_what_was_asked_and_how_often(mockgpt):
    mockgpt.on(user="Hello!").attempts({"error": "overloaded"}, "Hello again")
    with openai.OpenAI() as sdk:
        assert said(ask(sdk, temperature=0.7)) == "Hello again"
    assert len(mockgpt.calls) == 1
    assert mockgpt.last.request.user == "Hello!"
    assert mockgpt.last.request.temperature == 0.7
    assert [attempt.status for attempt in mockgpt.last.attempts] == [529, 200]


def test_the_journal_knows_at_once_of_a_client_that_stops_reading(mockgpt):
    mockgpt.on().reply("one two three four five six seven").fault("stall", after=5)
    with openai.OpenAI() as sdk:
        for number in range(1, 101):  # by chance, a leaving takes several turns of the loop
            with ask(sdk, f"{number}", stream=True) as stream:
                for _, _ in zip(range(3), stream, strict=False):
                    pass
            assert len(mockgpt.calls) == number
            assert mockgpt.last.cancelled_after <= 5
            assert mockgpt.last.request.user == f"{number}"


async def test_the_journal_knows_of_an_async_client_that_stops_reading(mockgpt_session):
    mockgpt_session.on().reply("one two three four five six seven").fault("stall", after=5)
    async with openai.AsyncOpenAI() as sdk, await ask(sdk, stream=True) as stream:
        async for _ in stream:
            break
    assert mockgpt_session.calls[0].cancelled_after <= 5


def counted(mock):
    return [(e.call, e.attempt) for e in mock.journal]


def found(mock):
    return [finding.code for finding in mock.findings]


def test_a_rule_for_a_key_is_left_to_it(chat):
    with MockGPT() as mock:
        mock.on(api_key="slow").error("overloaded")
        mock.on(any=[{"api_key": "fast"}]).reply("y")
        assert chat(mock, "Hello!", key="slow")[0] == 529
        assert chat(mock, "Hello!", key="fast") == "y"
        assert counted(mock) == [(1, 1), (1, 1)]
        assert found(mock) == []  # nobody gave up: another key was tried


def test_another_key_continues_what_is_for_all(chat):
    with MockGPT() as mock:
        mock.on(headers={"accept-encoding": "identity"}).attempts(
            {"error": "overloaded"}, "y"
        ).then("z")
        assert chat(mock, "Hello!", key="a")[0] == 529
        assert chat(mock, "Hello!", key="b") == "y"
        assert counted(mock) == [(1, 1), (1, 2)]


def test_a_long_retry_after_is_waited_for(chat):
    with MockGPT() as mock:
        mock.on().attempts({"error": {"preset": "rate_limit_requests", "retry_after": 60}}, "ok")
        assert chat(mock, "Hello!")[0] == 429
        mock.clock.advance(60.5)
        assert chat(mock, "Hello!") == "ok"
        assert counted(mock) == [(1, 1), (1, 2)]
        assert found(mock) == []


@pytest.mark.parametrize(
    ("fault", "first"),
    [
        ({"kind": "error_event", "after": 1}, (1, 2)),
        ({"kind": "garble", "event": 2}, (1, 2)),
        ({"kind": "no_finish"}, (1, 2)),
        ({"kind": "content_type", "type": "text/html"}, (1, 2)),
        ({"kind": "slice", "bytes": 1}, (2, 1)),
        ({"kind": "latency", "delay": 0}, (2, 1)),
        ({"kind": "error_event", "after": 99}, (2, 1)),
        ({"kind": "drop", "event": 99}, (2, 1)),
    ],
)
def test_an_attempt_that_a_fault_spoils_has_another_behind_it(fault, first):
    with MockGPT() as mock:
        reply = {"say": "one two three", "faults": [fault]}
        mock.on().attempts(reply, "fine").then("next")
        for _ in range(3):
            with client(mock, max_retries=0) as sdk:
                try:
                    for _chunk in ask(sdk, stream=True):
                        pass
                except (openai.APIError, ValueError):
                    pass
        assert counted(mock)[:2] == [(1, 1), first]


def test_a_fault_on_one_attempt_spoils_just_that(chat):
    with MockGPT() as mock:
        mock.on().reply("fine").fault("content_type", type="text/html", on_attempt=1)
        mock.on().reply("never")
        chat(mock, "Hello!")
        assert chat(mock, "Hello!") == "fine"
        assert [e.faults for e in mock.journal] == [("content_type",), ()]


@pytest.mark.parametrize("fault", [{"kind": "drop"}, {"kind": "error_event"}])
def test_a_fault_of_streams_spoils_no_whole_answer(chat, fault):
    with MockGPT() as mock:
        mock.on().attempts({"say": "fine", "faults": [fault]}, "never").then("next")
        assert [chat(mock, "Hello!"), chat(mock, "Hello!")] == ["fine", "next"]
        assert [e.faults for e in mock.journal] == [(), ()]
        assert found(mock) == []


def test_a_spoilt_answer_that_the_next_would_be_too_is_a_call(chat):
    with MockGPT() as mock:
        mock.on().reply("fine").fault("duplicate").then("next")
        chat(mock, "Hello!")
        assert chat(mock, "Hello!") == "next"


def test_the_sdk_is_told_whether_to_try_again():
    with MockGPT() as mock:
        told = {"status": 409, "headers": {"x-should-retry": "false"}}
        again = {"status": 400, "headers": {"x-should-retry": "true"}}
        mock.on(user="no").reply({"error": told})
        mock.on(user="yes").attempts({"error": again}, "fine")
        with client(mock) as sdk, pytest.raises(openai.ConflictError):
            ask(sdk, "no")
        with client(mock) as sdk:
            assert said(ask(sdk, "yes")) == "fine"
        assert counted(mock) == [(1, 1), (1, 1), (1, 2)]
        assert found(mock) == ["no_backoff"]  # by `hurry`


def test_a_drifting_retry_is_of_the_call_that_it_continues():
    with MockGPT() as mock:
        mock.on().attempts({"error": "overloaded"}, "ok")
        headers = {"x-stainless-retry-count": "1"}
        with client(mock, max_retries=0) as sdk:
            with pytest.raises(openai.APIStatusError):
                ask(sdk)
            mock.clock.advance(1)
            ask(sdk, temperature=0.5, extra_headers=headers)
        assert counted(mock) == [(1, 1), (1, 2)]
        assert [len(call.attempts) for call in mock.calls] == [2]
        assert found(mock) == ["drifting_retry"]


def test_a_reply_may_have_none_of_the_default_faults(chat):
    defaults = {"faults": [{"kind": "disconnect"}]}
    rules = [
        {"when": {"user": "own"}, "reply": {"say": "fine", "faults": []}},
        {"when": {"user": "raw"}, "reply": {"raw": {"body": "{}"}, "faults": []}},
        {"reply": "broken"},
    ]
    with MockGPT({"mockgpt": 1, "defaults": defaults, "rules": rules}) as mock:
        assert chat(mock, "own") == "fine"
        with pytest.raises(ConnectionError):
            chat(mock, "other")
        assert [e.faults for e in mock.journal] == [(), ("disconnect",)]
        assert "faults: []" in mock.to_yaml()


def test_calls_at_once_need_connections_of_their_own():
    async def main(mock):
        options = {"base_url": mock.base_url, "api_key": "k", "max_retries": 0}
        async with openai.AsyncOpenAI(**options) as sdk:
            asked = ({"role": "user", "content": f"question {n}"} for n in range(12))
            await asyncio.gather(
                *(sdk.chat.completions.create(model="gpt-4", messages=[one]) for one in asked)
            )

    with MockGPT() as mock:
        asyncio.run(main(mock))
        assert len({exchange.connection for exchange in mock.journal}) > 1
        assert found(mock) == []
