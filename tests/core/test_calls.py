"""Calls and attempts: a retry never takes the next scripted reply."""

import pytest
from msgspec import convert

from mockgpt.core.calls import Attempt, Calls, Wanted
from mockgpt.core.exchange import Sent, fails, retryable
from mockgpt.core.replies import Reply
from mockgpt.core.requests import ChatRequest, CompletionRequest, Message
from mockgpt.core.scenario import Rule, Scenario, reply_for

OK = Sent(status=200)
BUSY = Sent(status=503)
CUT = Sent(status=200, ending="aborted")


def end(calls, body, attempt, sent, at):
    calls.ended(body, attempt, sent, at, failed=fails(sent, ()))


@pytest.fixture
def calls():
    return Calls(60)


def test_calls_are_counted_for_each_rule(calls):
    assert calls.begin(b"a", "one") == Attempt("one", 1, 1)
    assert calls.begin(b"b", "one") == Attempt("one", 2, 1)
    assert calls.begin(b"c", "two") == Attempt("two", 1, 1)


@pytest.mark.parametrize("sent", [BUSY, CUT, None, Sent(status=429)])
def test_an_equal_body_after_a_failure_is_a_further_attempt(calls, sent):
    first = calls.begin(b"a", "rule")
    end(calls, b"a", first, sent, at=100.0)
    assert calls.further(b"b", 0, 101.0) is None
    assert calls.further(b"a", 0, 101.0) == Attempt("rule", 1, 2)


def test_an_equal_body_after_an_answer_is_a_new_call(calls):
    end(calls, b"a", calls.begin(b"a", "rule"), OK, at=100.0)
    assert calls.further(b"a", 0, 101.0) is None
    assert calls.begin(b"a", "rule") == Attempt("rule", 2, 1)


@pytest.mark.parametrize("status", [400, 401, 404])
def test_what_no_client_tries_again_ends_the_call(calls, status):
    end(calls, b"a", calls.begin(b"a", "r"), Sent(status=status), at=0.0)
    assert calls.further(b"a", 1, 1.0) is None


def test_the_window_closes(calls):
    end(calls, b"a", calls.begin(b"a", "rule"), BUSY, at=100.0)
    assert calls.further(b"a", 0, 160.0) is None


def test_the_window_opens_when_the_server_lets_clients_try_again(calls):
    told = Sent(status=429, told=(("retry-after", "90"),))
    end(calls, b"a", calls.begin(b"a", "rule"), told, at=100.0)
    end(calls, b"b", calls.begin(b"b", "rule"), told, at=100.0)
    assert calls.further(b"a", 0, 249.0) == Attempt("rule", 1, 2)
    assert calls.further(b"b", 0, 250.0) is None


def test_a_client_that_counts_its_retries_is_believed(calls):
    calls.begin(b"a", "rule")  # has no answer yet: the client stopped waiting
    assert calls.further(b"a", 0, 0.0) is None
    assert calls.further(b"a", 1, 0.0) == Attempt("rule", 1, 2)
    assert calls.further(b"x", 1, 0.0) is None


def test_a_late_end_of_an_earlier_attempt_changes_nothing(calls):
    first = calls.begin(b"a", "rule")
    second = calls.further(b"a", 1, 0.0)
    end(calls, b"a", first, OK, at=0.0)
    end(calls, b"a", second, BUSY, at=0.0)
    assert calls.further(b"a", 0, 1.0) == Attempt("rule", 1, 3)


def test_equal_requests_at_once_are_calls_of_their_own(calls):
    first, second = calls.begin(b"a", "rule"), calls.begin(b"a", "rule")
    end(calls, b"a", first, BUSY, at=1.0)
    end(calls, b"a", second, BUSY, at=2.0)
    assert calls.further(b"a", 0, 3.0) == Attempt("rule", 1, 2)
    assert calls.further(b"a", 0, 3.0) == Attempt("rule", 2, 2)
    assert calls.further(b"a", 0, 3.0) is None
    end(calls, b"a", Attempt("rule", 1, 2), OK, at=4.0)
    end(calls, b"a", Attempt("rule", 2, 2), BUSY, at=4.0)
    assert calls.further(b"a", 0, 5.0) == Attempt("rule", 2, 3)


def test_a_counted_retry_continues_the_call_with_as_many_attempts(calls):
    once, twice = calls.begin(b"a", "rule"), calls.begin(b"a", "rule")
    end(calls, b"a", twice, BUSY, at=1.0)
    twice = calls.further(b"a", 1, 2.0)
    end(calls, b"a", twice, BUSY, at=3.0)
    end(calls, b"a", once, BUSY, at=4.0)
    assert calls.further(b"a", 1, 5.0) == Attempt("rule", 1, 2)
    assert calls.further(b"a", 2, 5.0) == Attempt("rule", 2, 3)


def wanting(text="Hello!", key="k", **more):
    message = Message("user", text)
    return Wanted(key, ChatRequest(model="gpt-4", messages=(message,), **more))


def test_a_counted_retry_that_changed_continues_what_it_wanted(calls):
    end(calls, b"a", calls.begin(b"a", "rule", wanting()), BUSY, at=1.0)
    again = wanting(temperature=0.5)
    assert calls.further(b"b", 0, 2.0, again) is None
    second = calls.further(b"b", 1, 2.0, again)
    assert second == Attempt("rule", 1, 2)
    end(calls, b"b", second, BUSY, at=3.0)
    assert calls.further(b"a", 2, 4.0, wanting()) == Attempt("rule", 1, 3)
    end(calls, b"a", Attempt("rule", 1, 3), OK, at=5.0)
    assert calls.further(b"a", 3, 6.0, wanting()) is None


@pytest.mark.parametrize(
    ("retry_count", "at", "wanted"),
    [
        (2, 2.0, wanting(temperature=0.5)),
        (1, 61.0, wanting(temperature=0.5)),
        (1, 2.0, wanting("Another", temperature=0.5)),
        (1, 2.0, wanting(key="l", temperature=0.5)),
        (1, 2.0, Wanted("k", CompletionRequest(model="gpt-4", prompts=("Hello!",)))),
    ],
)
def test_a_counted_retry_continues_nothing_that_it_may_not_mean(calls, retry_count, at, wanted):
    end(calls, b"a", calls.begin(b"a", "rule", wanting()), BUSY, at=1.0)
    assert calls.further(b"b", retry_count, at, wanted) is None


def test_a_counted_retry_that_changed_continues_none_of_several(calls):
    for body in (b"a", b"b"):
        end(calls, body, calls.begin(body, "rule", wanting()), BUSY, at=1.0)
    assert calls.further(b"c", 1, 2.0, wanting(temperature=0.5)) is None


def test_a_changed_retry_leaves_alone_what_runs_beside_it(calls):
    failed = calls.begin(b"a", "rule", wanting())
    running = calls.begin(b"a", "rule", wanting())
    end(calls, b"a", failed, BUSY, at=1.0)
    assert calls.further(b"b", 1, 2.0, wanting(temperature=0.5)) == Attempt("rule", 1, 2)
    end(calls, b"a", running, BUSY, at=3.0)
    assert calls.further(b"a", 0, 4.0) == Attempt("rule", 2, 2)


def test_a_drifting_retry_gets_the_next_attempt_of_its_call(desk):
    attempts = {"attempts": [{"error": "overloaded"}, "Now"]}
    rules = [{"reply": [attempts, "Next"]}]
    ask = desk(convert({"rules": rules}, Scenario))
    assert ask("Hello!").status == 529
    retry = {"x-stainless-retry-count": "1"}
    assert ask("Hello!", at=1.0, headers=retry, temperature=0.5).said == "Now"
    assert ask("Hello!", at=2.0).said == "Next"


def test_open_calls_are_bounded(calls):
    for number in range(10_001):
        body = b"%d" % number
        end(calls, body, calls.begin(body, "rule"), BUSY, at=0.0)
    assert calls.further(b"0", 0, 1.0) is None
    assert calls.further(b"1", 0, 1.0) == Attempt("rule", 2, 2)


def test_what_official_clients_try_again():
    assert [s for s in (200, 400, 404, 408, 409, 422, 429, 500, 529) if retryable(s)] == [
        408, 409, 429, 500, 529,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "after_last", "texts"),
    [
        ("a", None, "aaaa"),
        (("a", "b"), None, "ab--"),
        (("a", "b"), "repeat", "abbb"),
        (("a", "b"), "cycle", "abab"),
        ("a", "fail", "a---"),
    ],
)
def test_a_rule_has_a_reply_for_each_call(reply, after_last, texts):
    rule = Rule(reply=reply) if after_last is None else Rule(reply=reply, after_last=after_last)
    replies = [reply_for(rule, call, 1) for call in (1, 2, 3, 4)]
    assert "".join("-" if one is None else one.say for one in replies) == texts


def test_a_reply_has_one_for_each_attempt_and_the_last_stays():
    rule = Rule(reply=Reply(attempts=(Reply(error="overloaded"), "b")))
    assert reply_for(rule, 1, 1) == Reply(error="overloaded")
    assert reply_for(rule, 1, 2) == reply_for(rule, 1, 3) == reply_for(rule, 2, 2) == Reply(say="b")


def test_a_retry_of_what_a_limit_refused_begins_a_call(calls):
    running = calls.begin(b"same", "rule")
    calls.refused(b"same", 0)
    assert calls.further(b"same", 1, 1.0) is None
    second = calls.begin(b"same", "rule")
    assert (running.call, second.call) == (1, 2)
    # It is counted once; and what failed with as many attempts comes first.
    calls.refused(b"same", 0)
    calls.ended(b"same", running, None, 2.0, failed=True)
    assert calls.further(b"same", 1, 3.0) == Attempt("rule", 1, 2)
    assert calls.further(b"same", 1, 3.0) is None


def test_what_limits_refuse_again_and_again_is_counted_once(calls):
    for count in (0, 1, 2):
        calls.refused(b"same", count)
    assert calls.further(b"same", 3, 1.0) is None
    first = calls.begin(b"same", "rule")
    assert calls.further(b"same", 1, 1.0) == Attempt("rule", first.call, 2)


def test_a_failed_call_whose_retry_a_limit_refused_goes_on(calls):
    first = calls.begin(b"same", "rule")
    calls.ended(b"same", first, None, 0.0, failed=True)
    calls.refused(b"same", 1)
    assert calls.further(b"same", 2, 1.0) == Attempt("rule", 1, 2)


def test_what_limits_refused_is_bounded(calls, monkeypatch):
    monkeypatch.setattr("mockgpt.core.calls._OPEN", 2)
    for body in (b"a", b"b", b"c"):
        calls.refused(body, 0)
    begun = [calls.begin(body, "rule") for body in (b"a", b"c")]
    assert calls.further(b"c", 1, 1.0) is None
    assert calls.further(b"a", 1, 1.0) == Attempt("rule", begun[0].call, 2)
