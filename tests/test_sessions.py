"""Sessions in the hands of tests, on one server."""

import threading

import pytest

from mockgpt import MockGPT, Scenario, ScenarioError, expect


def codes(findings):
    return [finding.code for finding in findings]


def test_a_session_has_an_address_rules_and_a_journal_of_its_own(chat):
    with (
        MockGPT("overloaded") as mock,
        mock.session("left") as left,
        mock.session("right") as right,
    ):
        assert left.url == f"{mock.url}/s/left"
        assert left.base_url == f"{mock.url}/s/left/v1"
        assert (left.name, left.api_key, mock.api_key) == ("left", "sk-mock-left", "sk-mock")
        rule = left.on().reply("to the left")
        assert chat(left, "a") == chat(mock, "b", key=left.api_key) == "to the left"
        assert [chat(right, "a")[0], chat(mock, "a")[0]] == [429, 429]
        assert [len(one.journal) for one in (mock, left, right)] == [1, 2, 1]
        assert len(rule.calls) == 2
        left.reset()
        assert [len(one.journal) for one in (mock, left, right)] == [1, 0, 1]
        assert left.to_yaml() != right.to_yaml() == mock.to_yaml()


def test_a_session_may_have_scenarios_and_options_of_its_own(chat):
    with MockGPT("overloaded", seed=1, strict=True, tokenizer="fake") as mock:
        plain = mock.session("plain", strict=False, on_miss="filler", tokenizer="fake", seed=2)
        plain.load()
        same = mock.session("same")
        same.load()
        assert chat(plain, "Hello!", top_p=0.5) != chat(same, "Hello!")
        assert chat(same, "Hello!", top_p=0.5)[0] == 400
        assert "seed: 2" in plain.to_yaml()
        other = mock.session("other", "documentation", api_keys=["right"], errors="azure")
        status, message = chat(other, "Hello!", key="wrong")
        assert (status, message[:13]) == (401, "Unauthorized.")
        assert isinstance(chat(other, "Hello!", key="right"), str)
        assert other.to_yaml() == MockGPT("documentation", seed=1).to_yaml()
        assert "seed: 3" in mock.session("seeded", seed=3).to_yaml()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"clock": "real"},
            TypeError,
            "option 'clock' is that of a whole server; give it to MockG",
        ),
        ({"observer": print}, TypeError, "option 'observer' is that of a whole server; give it to"),
        ({"sped": 1}, TypeError, "unknown option 'sped'; did you mean 'speed'?"),
        ({"speed": 0}, ValueError, "option speed: expected a number above 0, found 0"),
    ],
)
def test_other_options_are_refused(options, error, message):
    with pytest.raises(error) as caught:
        MockGPT().session("a", **options)
    assert str(caught.value).startswith(message)


def test_a_name_or_scenario_that_cannot_be_is_refused():
    mock = MockGPT()
    with pytest.raises(ValueError, match="expected a session's name of A-Z"):
        mock.session("a/b")
    assert mock.session("x" * 64).name == "x" * 64
    with pytest.raises(ValueError, match=", 1 to 64 of them, found one of 65 characters"):
        mock.session("x" * 65)
    with pytest.raises(
        ValueError, match="expected another name than 'default', which is MockGPT's"
    ):
        mock.session("default")
    with pytest.raises(ScenarioError, match="expected a shipped scenario"):
        mock.session("a", "nothing")


def test_a_closed_session_reports_late_requests(chat):
    with MockGPT() as mock:
        with mock.session("done") as done:
            chat(done, "in time")
            done.check()
        status, message = chat(done, "late")
        assert status == 410
        assert "'done' is closed" in message
        assert codes(done.findings) == ["late_request"]
        with pytest.raises(
            AssertionError, match="late_request: POST /v1/chat/completions: The ses"
        ):
            done.check()
        done.check(allow=["late_request"])
        with pytest.raises(ValueError, match="expected a list of"):
            done.check(allow=["late"])
        mock.check()


def test_sessions_that_nobody_holds_are_checked_with_the_server(chat):
    with MockGPT() as mock:
        mock.session("held")
        chat(mock, "a", key="sk-mock-stray", temperature=3)
        chat(mock, "a", key="sk-mock-held", temperature=3)
        (finding,) = mock.findings
        assert finding.code == "refused_request"
        assert finding.message.startswith("session 'stray': POST /v1/chat/completions was refused")
        assert [one.message for one in mock.record().findings] == [finding.message]
        with pytest.raises(AssertionError, match=r"mockgpt: 1 finding\n  refused_request: session"):
            mock.check()


def test_a_session_begun_again_is_new(chat):
    with MockGPT() as mock:
        mock.session("a").on().reply("old")
        again = mock.session("a")
        again.script(expect(user="b").reply("new"))
        assert chat(again, "b") == "new"
        assert len(again.journal) == 1
        again.check()


def test_a_session_has_no_url_while_nobody_serves():
    session = MockGPT().session("a")
    with pytest.raises(RuntimeError, match="does not serve"):
        _ = session.url


def test_time_passes_as_told(chat):
    with MockGPT() as mock:
        chat(mock, "a")
        mock.clock.advance(60)
        chat(mock, "a")
        first, second = mock.journal
        assert second.at - first.at == 60
        for duration in ("2m", "1.5s", "200ms", 0):
            mock.clock.advance(duration)
        chat(mock, "a")
        assert mock.journal[2].at - second.at == pytest.approx(121.7)
        with pytest.raises(ValueError, match="not negative"):
            mock.clock.advance(-1)
        wanted = "expected seconds, or a duration such as '200ms', '1.5s' or '2m', found "
        with pytest.raises(ValueError, match=f"^{wanted}'2 minutes'$"):
            mock.clock.advance("2 minutes")
        with pytest.raises(TypeError, match=f"^{wanted}None$"):
            mock.clock.advance(None)
    with pytest.raises(
        RuntimeError, match="expected a frozen clock, found the real time; leave out"
    ):
        MockGPT(clock="real").clock.advance(1)


def test_many_tests_share_a_server(chat):
    answers = {}

    def one(mock, name):
        with mock.session(name) as session:
            session.on().reply(f"to {name}", f"again to {name}")
            answers[name] = [chat(session, "a"), chat(mock, "b", key=session.api_key)]
            session.check()

    with MockGPT("overloaded") as mock:
        threads = [threading.Thread(target=one, args=(mock, f"t{n}")) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(mock.journal) == 0
    assert answers == {f"t{n}": [f"to t{n}", f"again to t{n}"] for n in range(8)}


def test_what_is_allowed_and_denied_is_the_scenario_s_the_server_s_or_the_session_s(chat):
    denying = Scenario(deny=("unsupported_parameter",))
    with MockGPT(denying, on_miss="filler") as mock:
        chat(mock, "a", top_p=0.5)
        with pytest.raises(AssertionError, match="unsupported_parameter: POST"):
            mock.check()
        mock.check(allow=["unsupported_parameter"])
    with MockGPT(allow=["refused_request"], deny=["unsupported_parameter"]) as mock:
        like = mock.session("like")
        other = mock.session("other", allow=["unsupported_parameter"], deny=())
        for one in (mock, like, other):
            chat(one, "a", top_p=0.5)
            chat(one, "a", temperature=3)
            with pytest.raises(AssertionError, match=r"^mockgpt: 1 finding\n") as caught:
                one.check()
            code = "refused_request" if one is other else "unsupported_parameter"
            assert f"  {code}: POST" in str(caught.value)
    with pytest.raises(ValueError, match="allow=3: expected a list of beyond_script, "):
        MockGPT(allow=3)


def test_a_check_quotes_no_secret(chat):
    with MockGPT() as mock:
        mock.on(user="a").reply("b")
        assert chat(mock, "my key is sk-proj-abcdefghijklmnopqrstuvwxyz")[0] == 400
        with pytest.raises(AssertionError, match=r"unmatched_request: .*my key is") as caught:
            mock.check()
    assert "abcdefghijkl" not in str(caught.value)
