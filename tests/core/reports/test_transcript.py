"""The transcript: what a person reads in a terminal."""

import pytest
from msgspec import convert
from msgspec.structs import replace

from mockgpt.core.exchange import Sent
from mockgpt.core.records import Record, record_of
from mockgpt.core.reports.transcript import transcript
from mockgpt.core.reports.wording import asked as asked_of
from mockgpt.core.reports.wording import clipped, one_line, visible
from mockgpt.core.scenario import Scenario
from mockgpt.core.verdict import Finding

SECRET = "sk-" + "a1B2" * 8


def test_a_transcript_is_as_it_is(record, golden):
    golden("transcript.txt", transcript(record) + "\n")


def test_of_many_the_first_findings_and_the_last_exchanges_are_told(asked):
    exchanges = tuple(asked(number, f"text {number}") for number in range(1, 101))
    findings = tuple(Finding("unmet_step", f"step {number}") for number in range(1, 101))
    record = Record(
        name="", session="s", scenario="", seed=0, exchanges=exchanges, findings=findings, unused=()
    )
    lines = transcript(replace(record, dropped=5), most=3).splitlines()
    assert lines == [
        "s: 100 requests, 100 findings",
        "  error unmet_step: step 1",
        "  error unmet_step: step 2",
        "  error unmet_step: step 3",
        "  … and 97 more findings",
        "  … 102 earlier requests left out",
        '  #98 +97.000s chat "text 98" -> the service: nothing sent: the connection was gone',
        '  #99 +98.000s chat "text 99" -> the service: nothing sent: the connection was gone',
        '  #100 +99.000s chat "text 100" -> the service: nothing sent: the connection was gone',
    ]
    assert len(transcript(record).splitlines()) == 1 + 40 + 1 + 1 + 40
    assert transcript(record, most=0).splitlines()[1:] == [
        "  … and 100 more findings",
        "  … 100 earlier requests left out",
    ]


def test_what_was_no_request_is_told(asked):
    bare = replace(
        asked(1, ""),
        method="",
        path="",
        endpoint=None,
        body=b"",
        request=None,
        error="malformed_http",
        sent=Sent(status=400, chunks=1, bytes=1),
    )
    record = Record(
        name="t", session="s", scenario="", seed=0, exchanges=(bare,), findings=(), unused=()
    )
    assert transcript(record).splitlines() == [
        "t: 1 request, 0 findings",
        "  #1 +0.000s no HTTP -> error malformed_http: 400, 1 write, 1 byte, 0 ms, complete",
    ]


def test_the_last_text_is_told(asked, requests):
    for text, request in requests.items():
        assert asked_of(replace(asked(1, "a"), request=request)) == text
    assert asked_of(replace(asked(1, "a"), request=None, body=b"\xffb")) == "\ufffdb"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("你好 é 👩‍👩‍👧　a", "你好 é 👩‍👩‍👧　a"),
        ("a\nb\tc", "a\nb\tc"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x00\r\x7f\x85\x9b", "\\x00\\r\\x7f\\x85\\x9b"),
        ("\u202e\u2066\u2028\ufeff", "\\u202e\\u2066\\u2028\\ufeff"),
        ("\ud800\ufffe\uffff\U000e0041", "\\ud800\\ufffe\\uffff\\U000e0041"),
    ],
)
def test_what_cannot_be_seen_is_escaped(text, shown):
    assert visible(text) == shown


def test_texts_are_cut_on_one_line():
    assert one_line(" a \n\n b\t c ", 10) == "a b c"
    assert one_line("abcdef", 3) == "abc…"
    assert one_line("abc", 3) == "abc"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key {SECRET}.", "key ***."),
        (f'"line\\n{SECRET}"', '"line\\n***"'),
        (f"x{SECRET}", f"x{SECRET}"),
        ("sk-mock-" + "a" * 30, "sk-mock-" + "a" * 30),
        (
            '"-----BEGIN RSA PRIVATE KEY-----\\nMIIE/+=\\n-----END RSA PRIVATE KEY-----"',
            '"***-----END RSA PRIVATE KEY-----"',
        ),
        ('"-----BEGIN PRIVATE KEY-----\\"', '"***\\"'),
    ],
)
def test_secrets_are_hidden(text, shown):
    assert clipped(text, 100) == shown


def test_no_secret_is_halved():
    assert clipped(f"a {SECRET} b", 12) == "a *** b"
    assert clipped(f"a {SECRET} b", 4) == "a **…"


def test_what_shows_a_finding_is_told_however_early_it_was(asked):
    exchanges = tuple(asked(number, f"text {number}") for number in range(1, 101))
    finding = Finding("refused_request", "x", exchanges[4:5])
    record = Record(
        name="",
        session="s",
        scenario="",
        seed=0,
        exchanges=exchanges,
        findings=(finding,),
        unused=(),
    )
    lines = transcript(record, most=1).splitlines()
    assert lines[2:] == [
        "  … 98 earlier requests left out",
        '  #5 +4.000s chat "text 5" -> the service: nothing sent: the connection was gone',
        "      error refused_request: x",
        '  #100 +99.000s chat "text 100" -> the service: nothing sent: the connection was gone',
    ]


def test_what_is_still_being_answered_is_told(desk):
    ask = desk(convert({"rules": [{"id": "slow", "reply": "a"}]}, Scenario))
    first, second = ask.begin("one"), ask.begin("two", at=0.5)
    session = ask.engine.default
    assert transcript(record_of(session, "test")).splitlines() == [
        "test: 0 requests, 2 still open, 0 findings",
        '  … +0.000s chat "one" -> rule slow 1.1: still open',
        '  … +0.500s chat "two" -> rule slow 2.1: still open',
    ]
    ask.end(first)
    ask.end(second)
    assert transcript(record_of(session, "test")).startswith("test: 2 requests, 0 findings\n")
