"""What the run of a command came to, without running one."""

import pytest
from msgspec import convert

from mockgpt.core.journal import Journal
from mockgpt.core.outcome import exit_code, judged, summary
from mockgpt.core.scenario import Scenario
from mockgpt.core.verdict import Finding

WARNING = Finding("no_backoff", "x", severity="warning")
ERROR = Finding("refused_request", "x")
SCRIPT = [{"id": "bye", "expect": {"user": "bye"}, "reply": "Bye"}]


@pytest.mark.parametrize(
    ("command", "findings", "code"),
    [
        (0, [], 0),
        (0, [WARNING], 0),
        (0, [WARNING, ERROR], 1),
        (3, [], 3),
        (3, [ERROR], 3),
        (143, [ERROR], 143),
    ],
)
def test_the_command_s_code_wins_and_errors_fail_what_passed(command, findings, code):
    assert exit_code(command, findings) == code


@pytest.fixture
def ask(desk):
    return desk(convert({"name": "s", "script": SCRIPT, "rules": [{"reply": "a"}]}, Scenario))


def names(sessions):
    return [session.name for session in sessions]


def test_where_nothing_was_used_the_session_that_was_pointed_to_is_judged(ask):
    ask.engine.open("mine")
    assert names(judged(ask.engine.sessions.values(), "mine")) == ["mine"]
    assert names(judged(ask.engine.sessions.values(), "default")) == ["mine"]


def test_what_was_used_or_begun_is_judged_and_the_rest_is_not(ask):
    ask.engine.open("mine")
    ask.engine.open("begun")
    assert names(judged(ask.engine.sessions.values(), "mine")) == ["begun"]
    ask("Hello!")
    assert names(judged(ask.engine.sessions.values(), "mine")) == ["default", "begun"]


@pytest.mark.parametrize(
    ("findings", "line"),
    [
        ([], "1 request, 1 call, no findings"),
        ([WARNING], "1 request, 1 call, 1 warning (no_backoff)"),
        (
            [WARNING, ERROR, WARNING],
            "1 request, 1 call, 1 error (refused_request), 2 warnings (no_backoff)",
        ),
    ],
)
def test_a_line_sums_up(ask, findings, line):
    ask("Hello!")
    assert summary([ask.engine.default], findings) == line


def test_a_line_tells_what_the_journal_had_no_room_for(ask):
    session = ask.engine.default
    session.journal = Journal(entries=1)
    ask("Hello!")
    ask("bye")
    assert summary([session], []) == (
        "2 requests, 1 call, no findings, of 1 request the journal was too full to judge the conduct"
    )
