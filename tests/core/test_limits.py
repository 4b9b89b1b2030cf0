"""Limits: real buckets, whose Retry-After is true."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert

from mockgpt.core.exchange import Incoming
from mockgpt.core.limits import Granted, Limits, go_duration, retry_after
from mockgpt.core.plan import Data
from mockgpt.core.scenario import Scenario

CHAT = {"messages": [{"role": "user", "content": "a"}]}
PROMPT = {"model": "gpt-4", "prompt": "a"}
INPUT = {"model": "text-embedding-ada-002", "input": "a"}


def limited(**limits):
    return convert({"limits": limits, "rules": [{"reply": "Hi"}]}, Scenario)


def test_requests_per_minute(desk):
    ask = desk(limited(requests_per_minute=3))
    assert [ask(str(n)).status for n in range(4)] == [200, 200, 200, 429]
    refused = ask("again", at=5.0)
    assert refused.error["message"].startswith(
        "Rate limit reached for default-gpt-3.5-turbo in organization org-mockgpt on requests per "
        "min. Limit: 3 / min. Please try again in 15s."
    )
    assert refused.headers["retry-after"] == "15"
    assert refused.headers["retry-after-ms"] == "15000"
    assert ask("a little early", at=19.99).status == 429
    assert ask("as told", at=20.0).status == 200
    assert ask.codes == []


AZURE = (
    "Requests to the {} Operation under Azure OpenAI API version {} have exceeded {} rate limit of "
    "your current OpenAI S0 pricing tier. Please retry after 20 seconds. Please go here: "
    "https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit."
)
EMBEDDINGS = (
    "Get a vector representation of a given input that can be easily consumed by machine learning "
    "models and algorithms."
)
COMPLETIONS = "Creates a completion for the provided prompt, parameters and chosen model."


@pytest.mark.parametrize(
    ("asked", "query", "summary", "version"),
    [
        (("chat/completions", CHAT), "", "Creates a completion for the chat message", "2023-05-15"),
        (
            ("chat/completions", CHAT),
            "a=1&api-version=2023-03-15-preview",
            "Creates a completion for the chat message",
            "2023-03-15-preview",
        ),
        (("completions", PROMPT), "api-version=", COMPLETIONS, "2023-05-15"),
        (("embeddings", INPUT), "api-version=version", EMBEDDINGS, "version"),
        (("embeddings", INPUT), "api-version=" + "x" * 99, EMBEDDINGS, "x" * 40),
    ],
)
def test_azure_names_the_operation_and_the_version_of_its_api(desk, asked, query, summary, version):
    path, body = asked
    scenario = limited(requests_per_minute=3)
    engine = desk(scenario, dialect="azure", on_miss="filler").engine
    incoming = Incoming(
        method="POST",
        path=f"/v1/{path}",
        query=query,
        headers={"api-key": "k"},
        body=json.dumps(body).encode(),
    )
    for _ in range(4):
        steps = list(engine.answer(incoming).plan)
    told = json.loads(b"".join(step.bytes for step in steps if isinstance(step, Data)))
    assert told["error"]["message"] == AZURE.format(summary, version, "call")


def test_every_response_tells_what_is_left(desk):
    ask = desk(limited(requests_per_minute=60, tokens_per_minute=6000))
    headers = ask("Hello!", max_tokens=90).headers
    told = {name: value for name, value in headers.items() if name.startswith("x-ratelimit")}
    assert told == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-tokens": "5900",
        "x-ratelimit-reset-tokens": "1s",
    }


def test_tokens_per_minute(desk):
    ask = desk(limited(tokens_per_minute=100))
    assert ask(max_tokens=80).status == 200
    refused = ask(max_tokens=10)
    assert refused.error["type"] == "tokens"
    assert "Limit: 100 / min. Current: 110 / min." in refused.error["message"]
    assert refused.headers["retry-after-ms"] == "6000"
    assert ask(max_tokens=10, at=6.0).status == 200


def test_a_refusal_waits_for_the_slowest_bucket(desk):
    ask = desk(limited(requests_per_minute=3, tokens_per_minute=1000))
    assert [ask(str(n), max_tokens=300).status for n in range(3)] == [200] * 3
    refused = ask("large", max_tokens=900)
    assert "on tokens per min" in refused.error["message"]
    wait = int(refused.headers["retry-after-ms"]) / 1000
    assert wait > 40
    assert ask("large", max_tokens=900, at=wait - 0.01).status == 429
    assert ask("large", max_tokens=900, at=wait).status == 200


def test_what_never_fits_has_no_retry_after(desk):
    refused = desk(limited(tokens_per_minute=20))(max_tokens=80)
    assert refused.status == 429
    assert "Limit: 20, Requested: 90." in refused.error["message"]
    assert "retry-after" not in refused.headers
    azure = desk(limited(tokens_per_minute=20), dialect="azure")(max_tokens=80)
    assert "retry-after" not in azure.headers


def test_each_key_and_each_session_has_its_own(desk):
    ask = desk(limited(requests_per_minute=1))
    statuses = [
        ask(key="a"), ask(key="b"), ask(key="a"), ask(key="a", prefix="/s/other")
    ]  # fmt: skip
    assert [asked.status for asked in statuses] == [200, 200, 429, 200]


def test_concurrent_requests(desk):
    ask = desk(limited(concurrent_requests=2))
    open_ = [ask.begin("a"), ask.begin("b")]
    refused = ask("c")
    assert refused.status == 429
    assert "2 at once are granted, and 2 are being answered" in refused.error["message"]
    ask.end(open_[0])
    assert ask("c").status == 200


def test_a_budget_of_tokens_ends_in_insufficient_quota(desk):
    ask = desk(limited(total_tokens=20))
    used = ask("Hello!").body["usage"]["total_tokens"]
    assert used == 11
    assert [ask("Hello!").status, ask("Hello!").status] == [200, 429]
    assert ask("Hello!").error["code"] == "insufficient_quota"


def test_what_a_limit_refuses_takes_no_reply(desk):
    scenario = convert(
        {"limits": {"requests_per_minute": 1}, "rules": [{"reply": ["one", "two"]}]}, Scenario
    )
    ask = desk(scenario)
    assert ask("a").said == "one"
    assert ask("a").status == 429
    assert ask("a", at=60.0).said == "two"


@given(st.lists(st.tuples(st.integers(0, 120), st.floats(0, 30)), max_size=40), st.booleans())
def test_a_bucket_never_grants_more_than_it_has_and_waits_truly(requests, both):
    more = {"requests_per_minute": 5} if both else {}
    granted, at, taken = Granted(Limits(tokens_per_minute=100, **more), 0.0), 0.0, 0
    for tokens, passed in requests:
        at += passed
        refused = granted.admit(tokens, at)
        if refused is None:
            taken += tokens
        elif refused.wait is not None:
            assert granted.admit(tokens, at + refused.wait * 0.99 - 0.001) is not None
            at += refused.wait + 1e-6
            assert granted.admit(tokens, at) is None
            taken += tokens
        else:
            assert tokens > 100
        assert taken <= 100 + at * 100 / 60 + 1e-6


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (0.017, "17ms"), (0.0001, "1ms"), (1, "1s"), (8.64, "8.64s"), (59.9999, "1m0s"),
        (60, "1m0s"), (432, "7m12s"), (3600, "1h0m0s"), (3661.5, "1h1m1.5s"),
    ],
)  # fmt: skip
def test_durations_in_the_form_of_go(seconds, text):
    assert go_duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "whole", "milliseconds"),
    [(0, "0", "0"), (0.25, "1", "250"), (1, "1", "1000"), (1.0005, "2", "1001")],
)
def test_retry_after_is_rounded_up(seconds, whole, milliseconds):
    assert retry_after(seconds) == {"retry-after": whole, "retry-after-ms": milliseconds}


def test_a_bug_on_the_way_holds_no_place(desk, monkeypatch):
    ask = desk(limited(concurrent_requests=1))
    with monkeypatch.context() as patch:
        patch.setattr("mockgpt.core.session.make", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ask("a")
    begun = ask.begin("b")
    assert begun.status == 200
    failed = ask.engine.fail(Incoming(), ValueError("x"), begun.outcome)
    ask.engine.record(failed, None)
    assert ask("c").status == 200
