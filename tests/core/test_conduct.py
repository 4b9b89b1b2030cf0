"""What a client's conduct shows, each finding by the smallest journal that has it."""

import pytest

from mockgpt.core.chains import calls_of
from mockgpt.core.codes import CODES, severity
from mockgpt.core.conduct import conduct
from mockgpt.core.exchange import Exchange, Sent
from mockgpt.core.requests import ChatRequest, Message
from mockgpt.core.verdict import Finding, weighed

WINDOW = 60.0


def asked(at, status=200, *, text="Hello!", content=b"a", number=0, **more):
    """One exchange: what was asked, when, and what came of it (no status: a broken connection)."""
    sent = {
        key: more.pop(key)
        for key in ("told", "ending", "seconds", "silence", "events")
        if key in more
    }
    return Exchange(
        at=0.0,
        elapsed=at,
        number=number or round(at * 1000),
        connection=more.pop("connection", 1),
        method="POST",
        path="/v1/chat/completions",
        content=content,
        request=ChatRequest(
            model="gpt-4", messages=(Message("user", text),), **more.pop("parameters", {})
        ),
        sent=None if status is None else Sent(status=status, **sent),
        **more,
    )  # fmt: skip


def codes(*exchanges):
    return [shown.code for shown in conduct(exchanges, WINDOW)]


RETRY_AFTER = (("retry-after", "2"), ("retry-after-ms", "1500"))

CASES = {
    "a call that succeeds": ([asked(0)], []),
    "waits that grow": (
        [asked(0, 503), asked(1, 503), asked(3.1, 503), asked(7.5)],
        [],
    ),
    "Retry-After is waited for": ([asked(0, 429, told=RETRY_AFTER), asked(1.5)], []),
    "Retry-After is not waited for": (
        [asked(0, 429, told=RETRY_AFTER), asked(1.3)],
        ["retry_after_ignored"],
    ),
    "an error that stays is tried again": ([asked(0, 400), asked(1, 400)], ["retried_refusal"]),
    "a miss is a finding of its own": (
        [asked(0, 400, error="no_rule_answers"), asked(1, 400, error="no_rule_answers")],
        [],
    ),
    "another key after a refusal": ([asked(0, 401, key="a"), asked(1, key="b")], []),
    "another request after a refusal": ([asked(0, 400), asked(1, content=b"b")], []),
    "the same much later": ([asked(0, 400), asked(100, 400)], []),
    "no back-off": ([asked(0, 503), asked(0.01)], ["no_backoff"]),
    "no back-off from a slow answer": ([asked(0, 503, seconds=5.0), asked(5.01)], ["no_backoff"]),
    "constant waits": (
        [asked(0, 503), asked(1, 503), asked(2, 503), asked(3)],
        ["constant_backoff"],
    ),
    "two equal waits tell nothing": ([asked(0, 503), asked(1, 503), asked(2)], []),
    "eleven attempts": (
        [*(asked(n * n / 10, 503) for n in range(10)), asked(10)],
        ["retry_storm"],
    ),
    "five attempts in a second": (
        [asked(t, 503) for t in (0, 0.1, 0.3, 0.6)] + [asked(0.9)],
        ["retry_storm"],
    ),
    "gave up on 503": ([asked(0, 503)], ["gave_up"]),
    "gave up on a reset": ([asked(0, None, faults=("disconnect",))], ["gave_up"]),
    "left before anything came": ([asked(0, None, faults=("latency",))], []),
    "another key, which is answered": ([asked(0, 503, key="a"), asked(1, key="b")], []),
    "another key, which is refused": (
        [asked(0, 503, key="a"), asked(1, 401, key="b")],
        ["gave_up"],
    ),
    "a refusal that asks for a retry": (
        [asked(0, 400, told=(("X-Should-Retry", "true"),)), asked(1)],
        [],
    ),
    "a failure that wants no retry": ([asked(0, 503, told=(("X-Should-Retry", "false"),))], []),
    "Retry-After in capitals": (
        [asked(0, 429, told=(("Retry-After", "2"),)), asked(1)],
        ["retry_after_ignored"],
    ),
    "another key, much later": ([asked(0, 503, key="a"), asked(61, key="b")], ["gave_up"]),
    "a longer Retry-After than the window": (
        [asked(0, 429, told=(("retry-after", "90"),)), asked(90.5)],
        [],
    ),
    "parallel equals, of which each counts its retries": (
        [*(asked(n / 1000, 429, told=RETRY_AFTER, number=n + 1) for n in range(6))]
        + [asked(2 + n / 1000, retries=1, number=n + 7) for n in range(6)],
        [],
    ),
    "a loop around a client that counts its retries": (
        [asked(at, 503, retries=n) for at, n in ((0, 0), (1, 1), (3.1, 0), (7.5, 1))],
        ["gave_up"],
    ),
    "an empty purse": ([asked(0, 429, error="insufficient_quota")], []),
    "left during a failure": ([asked(0, 503, ending="client_left")], []),
    "a cut stream": (
        [asked(0, 200, ending="aborted", faults=("disconnect",))],
        ["cut_unnoticed"],
    ),
    "a stream that the server's end cut": ([asked(0, 200, ending="aborted")], []),
    "a cut stream that is tried again": ([asked(0, 200, ending="aborted"), asked(1)], []),
    "silence": ([asked(0, silence=1.2, faults=("stall",))], ["sat_through_stall"]),
    "silence that the client ended": (
        [asked(0, silence=1.2, faults=("stall",), ending="client_left")],
        [],
    ),
    "a pause": ([asked(0, silence=0.5, faults=("stall",))], []),
    "a slow model": ([asked(0, silence=9.0)], []),
    "unsupported parameters are told once": (
        [asked(0, ignored=("top_p",)), asked(1, ignored=("top_p",), content=b"b")],
        ["unsupported_parameter"],
    ),
    "a secret": ([asked(0, text="my key is sk-" + "a1B2" * 8)], ["secret_in_prompt"]),
    "mockgpt's own keys are none": ([asked(0, text="sk-mock-" + "a1B2" * 8)], []),
    "a retry for something else": (
        [asked(0, 503), asked(1, content=b"b", parameters={"temperature": 0.5})],
        ["drifting_retry"],
    ),
    "something else beside a retry": (
        [asked(0, 503), asked(1, content=b"b", parameters={"temperature": 0.5}), asked(2)],
        [],
    ),
    "a retry that says so, for another text": (
        [asked(0, 503), asked(1, content=b"b", text="?", retries=1, parameters={"max_tokens": 5})],
        ["drifting_retry"],
    ),
    "another question": ([asked(0, 503), asked(1, content=b"b", text="?")], ["gave_up"]),
    "fresh connections": (
        [asked(n, content=bytes([n]), connection=n + 1) for n in range(6)],
        ["connection_not_reused"],
    ),
    "connections that were dialled at once": (
        [asked(n / 100, content=bytes([n]), connection=n + 1) for n in range(20)],
        [],
    ),
    "a connection after another in haste": (
        [asked(n / 100, content=bytes([n]), connection=n + 1, alone=True) for n in range(20)],
        ["connection_not_reused"],
    ),
    "one connection": ([asked(n, content=bytes([n])) for n in range(6)], []),
    "connections at the same time": (
        [asked(0, content=bytes([n]), connection=n + 1, seconds=9) for n in range(6)],
        [],
    ),
}


@pytest.mark.parametrize(("exchanges", "found"), CASES.values(), ids=CASES)
def test_what_conduct_shows(exchanges, found):
    assert codes(*exchanges) == found


def test_calls_are_told_apart_by_their_content_and_end_with_an_answer():
    journal = [
        asked(0, 503), asked(0.1, content=b"b"), asked(1), asked(2), asked(3, None), asked(4, 400)
    ]  # fmt: skip
    attempts = [[e.elapsed for e in call.attempts] for call in calls_of(journal, WINDOW)]
    assert attempts == [[0, 1], [0.1], [2], [3, 4]]


def test_very_many_parallel_equals_are_told_apart():
    first = [asked(n / 1e6, 429, number=n + 1) for n in range(20_000)]
    again = [asked(1 + n / 1e6, retries=1, number=n + 20_001) for n in range(20_000)]
    found = calls_of([*first, *again], WINDOW)
    assert [[e.number for e in call.attempts] for call in found] == [
        [n, n + 20_000] for n in range(1, 20_001)
    ]


def test_a_call_reads_well():
    (call,) = calls_of([asked(0, 503), asked(1, events=3, ending="client_left", rule="r")], WINDOW)
    assert (len(call.attempts), call.status, call.rule, call.cancelled_after) == (2, 200, "r", 3)
    assert call.request.user == "Hello!"
    (whole,) = calls_of([asked(0)], WINDOW)
    assert whole.cancelled_after is None


def test_findings_are_weighed():
    found = [Finding(code, "x") for code in ("gave_up", "no_backoff", "refused_request")]
    weighty = weighed(found, frozenset({"refused_request"}), frozenset({"no_backoff"}))
    assert [(one.code, one.severity) for one in weighty] == [
        ("gave_up", "warning"),
        ("no_backoff", "error"),
    ]


def test_every_code_has_a_case_or_is_no_conduct():
    shown = {code for _, found in CASES.values() for code in found}
    others = {
        "unmatched_request", "unmet_step", "beyond_script", "template_failed", "pattern_failed", "refused_request",
        "late_request", "unexpected_host", "no_reply", "never_asked",
    }  # fmt: skip
    assert shown | others == CODES
    assert not shown & others
    assert severity("mockgpt_bug", frozenset()) == "error"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ((), None),
        ((("retry-after", "3"),), 3.0),
        ((("retry-after", "3"), ("retry-after-ms", "250")), 0.25),
        ((("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"),), None),
    ],
)
def test_retry_after(headers, seconds):
    assert Sent(status=429, told=headers).retry_after == seconds


def test_attempts_on_connections_of_their_own_are_requests_and_not_calls():
    attempts = [asked(2.0**n, 503, connection=n + 1) for n in range(6)]
    (found,) = [s for s in conduct(attempts, WINDOW) if s.code == "connection_not_reused"]
    assert found.message == (
        "5 requests that came after another's answer came on as many connections; keep one client and "
        "its connection pool for all of them"
    )
    assert found.exchanges == tuple(attempts[1:])
