"""Sessions: which one a request belongs to, and that each has a state of its own."""

import pytest
from msgspec import convert

from mockgpt.core.clock import Clock
from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.exchange import Incoming, Sent
from mockgpt.core.keys import fingerprint
from mockgpt.core.scenario import Scenario
from mockgpt.core.settings import Settings
from mockgpt.files.scenarios import load_scenarios

TWO = convert({"rules": [{"reply": ["one", "two"]}]}, Scenario)


def test_a_path_s_prefix_or_a_key_names_the_session(desk):
    ask = desk(TWO)
    assert ask("a", prefix="/s/left").said == "one"
    assert ask("b", key="sk-mock-right").said == "one"
    assert ask("c", key="sk-mock-left").said == "two"
    assert ask("d", prefix="/s/right", key="sk-mock-left").said == "two"
    assert ask("e").said == "one"
    assert ask("f", key="sk-mock").said == "two"
    counts = {name: len(session.journal) for name, session in ask.engine.sessions.items()}
    assert counts == {"default": 2, "left": 2, "right": 2}
    assert [e.path for e in ask.engine.sessions["left"].journal] == ["/v1/chat/completions"] * 2


@pytest.mark.parametrize("prefix", ["/s/", "/s/a b", "/s/" + "x" * 65, "/s", "/t/a"])
def test_what_is_no_name_is_an_unknown_path(desk, prefix):
    assert desk()(prefix=prefix).status == 404


OWN = "Zx81OpaqueKey0042"


@pytest.mark.parametrize("key", [OWN, "sk-" + "a1B2" * 8])
def test_no_session_is_called_by_a_key(desk, key):
    ask = desk(TWO)
    assert ask(prefix=f"/s/{key}", key=key).said == "one"
    assert ask(prefix=f"/s/{key}", key=key).said == "two"
    assert [*ask.engine.sessions] == ["default", f"key-{fingerprint(key)}"]
    assert ask(prefix="/s/mine-and-only-mine", key=key).said == "one"
    assert "mine-and-only-mine" in ask.engine.sessions


def test_what_began_is_recorded_without_its_key(desk):
    engine = desk(TWO).engine
    headers = {"authorization": f"Bearer {OWN}"}
    begun = engine.begun(Incoming(path=f"/v1/engines/{OWN}/embeddings", headers=headers))
    assert engine.record(begun, None).shown.path == "/v1/engines/***/embeddings"


def test_not_even_the_ends_of_a_refused_key_are_recorded(desk):
    ask = desk(TWO, api_keys=frozenset({"right"}))
    asked = ask.begin(key='a"b\\cdefghijklmnopqrstuv"x\\y')
    body = json_bytes(asked.body)
    assert b'a\\"b\\\\***' in body
    exchange = ask.engine.record(asked.outcome, Sent(status=401, kept=(body,)))
    assert b"provided: ***." in exchange.sent.body


def test_a_session_that_is_closed_reports_late_requests(desk):
    ask = desk(TWO)
    ask(prefix="/s/mine")
    mine = ask.engine.sessions["mine"]
    mine.closed = True
    late = ask(prefix="/s/mine")
    assert late.status == 410
    assert late.error["message"] == (
        "The session 'mine' is closed: this request came after the end of its test."
    )
    assert [finding.code for finding in mine.findings()] == ["late_request"]
    assert ask.codes == []


def test_a_session_may_have_a_scenario_and_settings_of_its_own(desk):
    ask = desk(TWO)
    own = convert({"rules": [{"reply": "own"}]}, Scenario)
    ask.engine.open("x", load_scenarios([own], ask.engine.service), Settings(strict=True))
    assert ask(prefix="/s/x").said == "own"
    assert ask(prefix="/s/x", top_p=0.5).status == 400
    assert ask(top_p=0.5).said == "one"


def test_opening_a_session_again_begins_it_anew(desk):
    ask = desk(TWO)
    ask("a", prefix="/s/x")
    ask.engine.open("x")
    assert ask("b", prefix="/s/x").said == "one"
    assert len(ask.engine.sessions["x"].journal) == 1


def test_sessions_do_not_share_ids_but_repeat_their_own(desk):
    first, second = desk(), desk()
    ids = [ask(prefix=f"/s/{name}").body["id"] for ask in (first, second) for name in "ab"]
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]


def test_the_filler_of_all_sessions_is_the_same(desk):
    ask = desk()
    assert ask(prefix="/s/a").said == ask(prefix="/s/b").said == ask().said


def test_another_scenario_reaches_the_sessions_that_have_none_of_their_own(desk):
    ask = desk(TWO)
    own = load_scenarios([convert({"rules": [{"reply": "own"}]}, Scenario)], ask.engine.service)
    ask("a", prefix="/s/a")
    ask.engine.open("b", own)
    ask.engine.load(load_scenarios([TWO], ask.engine.service))
    assert ask("b", prefix="/s/a").said == "one"
    assert ask("b", prefix="/s/b").said == "own"


def test_too_many_sessions_forget_a_closed_one_first(desk, monkeypatch):
    monkeypatch.setattr("mockgpt.core.engine._SESSIONS", 4)
    monkeypatch.setattr("mockgpt.core.engine._AT_ONCE", 1)
    ask = desk(TWO)
    for name in "abc":
        ask(prefix=f"/s/{name}")
    ask.engine.sessions["b"].closed = True
    ask(prefix="/s/d")
    assert list(ask.engine.sessions) == ["default", "a", "c", "d"]
    ask(prefix="/s/e")
    assert list(ask.engine.sessions) == ["default", "c", "d", "e"]


def test_too_many_sessions_forget_one_that_strayed_last(desk, monkeypatch):
    monkeypatch.setattr("mockgpt.core.engine._SESSIONS", 3)
    monkeypatch.setattr("mockgpt.core.engine._AT_ONCE", 1)
    ask = desk(TWO)
    ask(prefix="/s/a", temperature=3)
    for name in "bcd":
        ask(prefix=f"/s/{name}")
    assert list(ask.engine.sessions) == ["default", "a", "d"]


def test_an_error_is_found_however_much_that_is_allowed_comes_after_it(desk):
    ask = desk(TWO, allow=frozenset({"beyond_script"}))
    ask(temperature=3)
    for _ in range(1_100):
        ask("nobody answers this")
    assert [finding.code for finding in ask.engine.default.findings()] == [
        "refused_request",
        "retry_storm",
    ]


def test_many_sessions_are_bounded(desk, monkeypatch):
    """They are forgotten some at once, since a look at all of them for each would take long."""
    monkeypatch.setattr("mockgpt.core.engine._SESSIONS", 40)
    monkeypatch.setattr("mockgpt.core.engine._AT_ONCE", 10)
    ask = desk(TWO)
    kept = []
    for number in range(200):
        ask(prefix=f"/s/{number}")
        kept.append(len(ask.engine.sessions))
    assert (max(kept), min(kept[50:])) == (40, 31)
    assert next(iter(ask.engine.sessions)) == "default"
    assert list(ask.engine.sessions)[-1] == "199"


def test_closed_sessions_that_hold_much_are_forgotten(desk, monkeypatch):
    monkeypatch.setattr("mockgpt.core.engine._HELD", 100_000)
    monkeypatch.setattr("mockgpt.core.engine._AT_ONCE", 1)
    ask = desk(TWO)
    for name in "abcd":
        ask("x" * 30_000, prefix=f"/s/{name}")
        ask.engine.sessions[name].closed = name in "bd"
    ask(prefix="/s/e")
    assert list(ask.engine.sessions) == ["default", "a", "c", "e"]


def test_what_ends_after_a_reset_is_not_of_the_new_journal(desk):
    """Its end neither counts nor ends an attempt of the new one that looks like it."""
    ask = desk(TWO)
    session = ask.engine.default
    before, open_ = session.journal, ask.begin("a")
    session.reset()
    again = ask.begin("a")
    late = session.record(open_.outcome, None)
    assert (tuple(before), late.number, len(session.journal)) == ((late,), 1, 0)
    assert again.outcome.exchange.attempt == 1
    ask.end(again)
    assert session.findings() == ()


def test_what_ends_after_another_scenario_is_no_end_of_what_it_answers(desk):
    """The attempts of a scenario that is put anew look like those that it had before."""
    ask = desk(TWO)
    session = ask.engine.default
    before = ask.begin("a")
    session.load(session.loaded)
    running = ask.begin("a")
    session.record(before.outcome, None)
    assert ask.begin("a").said == "two"
    session.record(running.outcome, None)
    assert ask.begin("a").outcome.exchange.attempt == 2
    assert len(session.journal) == 2


def test_a_name_that_cannot_be_is_refused(desk):
    with pytest.raises(ValueError, match="expected a session's name"):
        desk().engine.open("a/b")


def test_amended_rules_stand_where_they_stood(desk):
    ask = desk(TWO)
    ask("a")
    more = convert({"rules": [{"when": {"user": "x"}, "reply": "new"}]}, Scenario)
    loaded = load_scenarios([TWO, more], ask.engine.service)
    ask.engine.default.amend(loaded)
    assert ask("b").said == "two"
    assert len(ask.engine.default.journal) == 2


def test_amended_rules_reach_the_sessions_that_have_none_of_their_own(desk):
    ask = desk(TWO)
    ask("a", prefix="/s/a")
    ask.engine.open("b", load_scenarios([TWO], ask.engine.service))
    amended = convert({"rules": [{"reply": ["first", "second"]}]}, Scenario)
    ask.engine.amend(load_scenarios([amended], ask.engine.service))
    assert ask("b", prefix="/s/a").said == "second"
    assert ask("a", prefix="/s/b").said == "one"
    assert ask("a", prefix="/s/c").said == "first"


def test_exchanges_are_numbered_within_their_session_as_long_as_it_lasts(desk):
    ask = desk()
    for prefix in ("", "/s/a", "", ""):
        ask(prefix=prefix)
    assert [e.number for e in ask.engine.default.journal] == [1, 2, 3]
    assert [e.number for e in ask.engine.sessions["a"].journal] == [1]
    ask.engine.default.reset()
    ask()
    assert [e.number for e in ask.engine.default.journal] == [1]


def test_a_clock_stays_within_the_years_that_a_date_header_can_say():
    clock = Clock(lambda: 0.0, lambda: 0.0, frozen=True)
    clock.advance(253_402_300_798.0)
    clock.advance(1)
    for seconds in (-1, 1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="expected "):
            clock.advance(seconds)
    assert clock.now() == clock.elapsed() == 253_402_300_799.0


def test_whoever_holds_a_session_goes_on_holding_it(desk):
    ask = desk(TWO)
    held = ask.engine.default
    ask("a")
    ask.engine.open("default", load_scenarios([TWO], ask.engine.service))
    assert ask("b").said == "one"
    assert [exchange.rule for exchange in held.journal] == ["rule-1"]


def test_a_bug_ends_the_attempt_that_it_met(desk):
    """A retry of it takes no further reply."""
    ask = desk(TWO)
    begun = ask.begin("a")
    failed = ask.engine.fail(Incoming(), ValueError("x"), begun.outcome)
    ask.engine.record(failed, Sent(status=500))
    again = ask("a")
    assert again.said == begun.said
    assert again.outcome.exchange.attempt == 2
    assert ask("a").said != begun.said
    assert [one.code for one in ask.engine.default.findings()] == ["mockgpt_bug"]
