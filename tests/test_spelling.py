"""Scenarios in Python: the same values, the same checks, and at once in effect."""

import doctest
import re
import threading
from enum import StrEnum
from types import MappingProxyType
from typing import get_args

import pytest
from msgspec import convert
from msgspec.structs import fields

import mockgpt.spelling
from mockgpt import (
    MockGPT,
    Reply,
    ScenarioError,
    When,
    any_order,
    contains,
    equals,
    expect,
    glob,
    matches,
)
from mockgpt.core.faults import Fault
from mockgpt.core.pace import Pace
from mockgpt.core.replies import ErrorReply
from mockgpt.core.scenario import Scenario
from mockgpt.core.session import Session
from mockgpt.files import documents
from mockgpt.files.scenarios import load_scenarios
from mockgpt.files.services import load_service
from mockgpt.keywords import ErrorKeys, FaultKeys, FaultKind, ReplyKeys, WhenKeys


def names(*structs):
    reserved = {"any", "all", "not", "for"}
    found = {one.encode_name for struct in structs for one in fields(struct)}
    return {name + "_" * (name in reserved) for name in found}


def test_the_keywords_are_those_of_the_language():
    assert WhenKeys.__annotations__.keys() == names(When)
    assert ReplyKeys.__annotations__.keys() == names(Reply)
    assert ErrorKeys.__annotations__.keys() == names(ErrorReply) - {"preset"}
    assert FaultKeys.__annotations__.keys() == names(*get_args(Fault))
    assert set(get_args(FaultKind)) == {f.__struct_config__.tag for f in get_args(Fault)}


def test_the_module_s_example_is_true():
    done = doctest.testmod(mockgpt.spelling)
    assert done.attempted > 4
    assert done.failed == 0


def test_it_builds_the_values_that_yaml_does():
    mock = MockGPT()
    mock.on(
        id="all",
        endpoint=["chat", "completions"],
        user=contains("a", ignore_case=True),
        text=matches("b+"),
        system=glob("c*"),
        assistant=equals("d"),
        headers={"x": contains("e")},
        body={"n": [1, {"$at_least": 2}]},
        any_=[When(stream=True), When(turn=1)],
        not_=When(all_=(When(model="f"),)),
    ).reply("one", Reply(say="two"), finish="length", after_last="cycle").then(
        error="overloaded", dialect="azure"
    )
    mock.on().reply("Plain")
    mock.on(user="x").error("rate_limit_requests", retry_after=0, headers={"a": "b"})
    mock.on(user="y").error("overloaded").fault("stall", after=0, for_="1s")
    mock.on(user="z").attempts(Reply(error="overloaded", pace=Pace(first=1)), "It came through")
    mock.on(user="w").reply("cut").fault("disconnect", after=3).fault("no_space").then("whole")
    mock.script(
        expect(user=contains("plan")).reply("First"),
        any_order(
            expect(user="a").error("overloaded", status=530),
            expect(user="b", id="b").reply(filler={"tokens": 3}).fault("drop", event=1),
        ),
        expect().attempts(Reply(error="overloaded"), "ok").optional().after("b"),
    )
    text = """
        mockgpt: 1
        seed: 0
        script:
          - {id: expect-1, expect: {user: {contains: plan}}, reply: First}
          - any_order:
              - id: expect-2
                expect: {user: a}
                reply: {error: {preset: overloaded, status: 530}}
              - id: b
                expect: {user: b}
                reply: {filler: {tokens: 3}, faults: [{kind: drop, event: 1}]}
          - id: expect-3
            expect: {}
            reply: {attempts: [{error: overloaded}, ok]}
            optional: true
            after: [b]
        rules:
          - id: all
            when:
              endpoint: [chat, completions]
              user: {contains: a, ignore_case: true}
              text: {matches: b+}
              system: {glob: c*}
              assistant: {equals: d}
              headers: {x: {contains: e}}
              body: {n: [1, {$at_least: 2}]}
              any: [{stream: true}, {turn: 1}]
              not: {all: [{model: f}]}
            reply:
              - {say: one, finish: length}
              - {say: two, finish: length}
              - {error: overloaded, dialect: azure}
            after_last: cycle
          - {id: on-1, reply: Plain}
          - id: on-2
            when: {user: x}
            reply: {error: {preset: rate_limit_requests, retry_after: 0, headers: {a: b}}}
          - id: on-3
            when: {user: y}
            reply: {error: overloaded, faults: [{kind: stall, for: 1s}]}
          - id: on-4
            when: {user: z}
            reply: {attempts: [{error: overloaded, pace: {first: 1}}, It came through]}
          - id: on-5
            when: {user: w}
            reply:
              - {say: cut, faults: [{kind: disconnect, after: 3}, {kind: no_space}]}
              - whole
    """
    printed = convert(documents.read(mock.to_yaml(), "printed").data, Scenario)
    assert printed == convert(documents.read(text, "written").data, Scenario)


def line(mock_call):
    """Return the line of the test that makes a call, as messages name it."""
    return f"test_spelling.py:{mock_call.__code__.co_firstlineno}: "


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda mock: mock.on(usr="a"),
            "rules[0].when.usr: expected a known key, found 'usr'; did you mean 'user'?",
        ),
        (lambda mock: mock.on(user=3), "rules[0].when.user: expected"),
        (lambda mock: mock.on(text=matches("(")), "rules[0].when.text.matches: expected a regular"),
        (lambda mock: mock.on().reply(), "rules[0].reply: expected exactly one of `say`, "),
        (lambda mock: mock.on().fault("no_done"), "rules[0].reply: expected exactly one of `say`,"),
        (lambda mock: mock.on().reply("a", fnish="stop"), "rules[0].reply.fnish: expected a known"),
        (
            lambda mock: mock.on().error("overlaoded"),
            "rules[0].reply.error: expected an error preset, found 'overlaoded'; did you mean 'ov",
        ),
        (
            lambda mock: mock.on().reply("a").then(error="none"),
            "rules[0].reply[1].error: expected an error preset, found 'none'",
        ),
        (lambda mock: mock.on().attempts(), "rules[0].reply.attempts: expected a reply for each"),
        (lambda mock: mock.on().reply("a", "b", after_last="so"), "rules[0].after_last: expected"),
        (lambda mock: mock.on().reply("a").fault("slice"), "rules[0].reply.faults[0]: expected ex"),
        (lambda mock: mock.script(expect(user="a")), "script[0]: expected the key 'reply'"),
        (
            lambda mock: mock.script(any_order(expect().reply("a"), expect().reply(error="b"))),
            "script[0].any_order[1].reply.error: expected an error preset, found 'b'",
        ),
    ],
)
def test_what_the_language_refuses_is_refused_with_the_line_of_the_call(call, message):
    mock = MockGPT("overloaded")
    before = mock.to_yaml()
    with pytest.raises(ScenarioError) as caught:
        call(mock)
    assert str(caught.value).startswith(line(call) + message)
    if not message.startswith("rules[0].reply[1]") and "faults" not in message:
        assert mock.to_yaml() == before


_DATA = "expected text, a number, True, False, None, a list or a mapping, found "
_SOURCE = "expected the names or paths of scenarios, or mappings, found "
_BYTES = "; decode it, or answer bytes by raw={'chunks': [{'base64': '…'}]}"


def function(_):
    """Stand for what others take for an answer."""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda mock: mock.on().reply(function),
            (
                f"reply: {_DATA}the function function; a condition is contains('…'), matches('…') or "
                "body={…}, an answer that is made of its request template='You said: {{ user }}'"
            ),
        ),
        (
            lambda mock: mock.on(user=re.compile("x")),
            f"user: {_DATA}re.compile('x'); write matches('x')",
        ),
        (
            lambda mock: mock.on(any_=[When(user=matches(re.compile("x", re.IGNORECASE)))]),
            (
                f"any_[0].user.matches: {_DATA}re.compile('x', re.IGNORECASE); "
                "write matches('x', ignore_case=True)"
            ),
        ),
        (lambda mock: mock.on(user=b"x"), f"user: {_DATA}b'x'{_BYTES}"),
        (
            lambda mock: mock.on(body={"a": [{1: 2}]}),
            "body.a[0]: expected keys that are strings, f",
        ),
        (lambda mock: mock.on().reply(b"x"), f"reply: {_DATA}b'x'{_BYTES}"),
        (
            lambda mock: mock.on().reply(3),
            "reply: expected a text, a Reply or a mapping, found 3",
        ),
        (
            lambda mock: mock.on().reply("a", ["b"]),
            "reply: expected a text, a Reply or a mapping, found ['b']; give several as several arg",
        ),
        (
            lambda mock: mock.on().reply("a", say="b"),
            "reply: expected one `say`, found 'a' and say='b'; leave one of them out",
        ),
        (
            lambda _: expect().reply({"error": "overloaded"}, error="rate_limit_requests"),
            "reply: expected one `error`, found 'overloaded' and error='rate_limit_requests'; leave",
        ),
        (
            lambda _: expect().reply(["a", "b"]),
            (
                "expected one reply, found ['a', 'b']; a step answers one call: give each a step of its "
                "own, or its attempts by attempts(…)"
            ),
        ),
        (
            lambda mock: mock.on().error(429),
            (
                "error: expected a preset such as 'overloaded', found 429; a status by itself is "
                "error(status=429)"
            ),
        ),
        (lambda _: any_order("x"), "expected expect(…), found 'x'"),
        (
            lambda _: any_order([]),
            "expected expect(…), found []; give several as several arguments",
        ),
        (
            lambda mock: mock.load(["a.yaml"]),
            f"{_SOURCE}['a.yaml']; give several as several arguments: 'first.yaml', 'second.yaml'",
        ),
        (lambda mock: mock.load({1: 2}), "expected keys that are strings, found 1"),
        (
            lambda _: MockGPT({"rules": [{"reply": object}]}),
            f"rules[0].reply: {_DATA}<class 'object'>; a condition is",
        ),
        (
            lambda _: MockGPT(function),
            (
                f"{_SOURCE}the function function; begin a server in a test by `with MockGPT(…) as mock`, "
                "or by pytest's `mockgpt`"
            ),
        ),
        (lambda mock: mock.session("a", None), f"{_SOURCE}None"),
        (
            lambda mock: mock.session({"rules": []}),
            "expected a session's name, found {'rules': []}; scenarios come behind it: session('name'",
        ),
    ],
)
def test_what_is_no_data_is_refused_with_what_stands_instead(call, message):
    mock = MockGPT()
    before = mock.to_yaml()
    with pytest.raises(TypeError) as caught:
        call(mock)
    assert str(caught.value).startswith(message)
    assert mock.to_yaml() == before


def test_a_list_is_a_reply_for_each_call(chat):
    with MockGPT() as mock:
        mock.on(user=contains("a")).reply(["one", "two"], finish="stop").fault("no_done")
        assert [chat(mock, f"a{n}") for n in range(2)] == ["one", "two"]
        mock.on(user="b").attempts([Reply(error="overloaded"), "at last"])
        assert [chat(mock, "b") for _ in range(2)][1] == "at last"
        assert "faults" in mock.to_yaml().partition("two")[2]


def test_a_status_is_an_error_by_itself(chat):
    with MockGPT() as mock:
        mock.on(user="a").error(status=429)
        mock.script(expect(user="b").error(status=418, message="a teapot"))
        assert chat(mock, "b") == (418, "a teapot")
        assert chat(mock, "a")[0] == 429
        assert "status: 429" in mock.to_yaml()


def test_conditions_may_be_mappings(chat):
    with MockGPT() as mock:
        mock.on(
            user={"contains": "a"}, not_={"stream": True}, any_=[{"user": "a"}, {"user": "ab"}],
            headers={"host": {"contains": "127"}},
        ).reply("x")  # fmt: skip
        assert chat(mock, "ab") == "x"


def test_values_are_data():
    mock = MockGPT()
    with pytest.raises(TypeError, match=r"^body\.a\[0\]: expected text, .*, found <object"):
        mock.on(body={"a": [object()]})
    mock.on(endpoint=StrEnum("Endpoint", ["CHAT"]).CHAT, headers=MappingProxyType({"x": "y"}))


def test_an_id_is_had_once():
    mock = MockGPT("overloaded")
    with pytest.raises(
        ValueError, match="id='busy': expected an id of its own, found another rule"
    ):
        mock.on(id="busy")
    mock.on(id="on-2")
    with pytest.raises(ValueError, match="id='on-2'"):
        mock.script(expect(id="on-2").reply("a"))
    with pytest.raises(ValueError, match="id='a'"):
        mock.script(expect(id="a").reply("a"), any_order(expect(id="a").reply("b")))
    assert (mock.on().id, mock.on().id) == ("on-1", "on-3")


def test_a_rule_is_tried_from_its_first_reply_on(chat):
    with MockGPT("overloaded") as mock:
        weather = mock.on(user=contains("weather"), id="weather")
        assert repr(weather) == (
            "<rule 'weather' when {'user': {'contains': 'weather'}}: no reply yet, not tried>"
        )
        assert "weather" not in mock.to_yaml()
        assert chat(mock, "weather?")[0] == 429
        assert weather.reply("Sunny") is weather
        assert repr(weather).endswith("'weather'}}: 1 reply>")
        assert chat(mock, "The weather?") == chat(mock, "And the weather now?") == "Sunny"
        assert [exchange.request.user for exchange in weather.calls] == [
            "The weather?",
            "And the weather now?",
        ]
        assert mock.on().calls == ()


def test_rules_are_tried_in_the_order_of_their_making_before_those_of_files(chat):
    with MockGPT("overloaded") as mock:
        first = mock.on(user=contains("a"))
        mock.on(user=contains("b")).reply("second")
        mock.on().reply("third")
        first.reply("first")
        assert [chat(mock, text) for text in ("ab", "b", "c")] == ["first", "second", "third"]


def test_replies_are_of_calls_and_attempts(chat):
    with MockGPT() as mock:
        mock.on(user=contains("a")).reply("one").then("two", "three", after_last="cycle")
        assert [chat(mock, f"a{n}") for n in range(4)] == ["one", "two", "three", "one"]
        mock.on(user="b").attempts(Reply(error="overloaded"), "at last")
        assert chat(mock, "b")[0] == 529
        assert chat(mock, "b") == "at last"


def test_templates_and_files_are_checked_and_read_as_those_of_scenarios(chat, tmp_path):
    (tmp_path / "answer.txt").write_bytes(b"From a file\r\n")
    with MockGPT() as mock:
        city = mock.on(user=matches(r"in (?P<city>\w+)"))
        city.reply(template="Sunny in {{ city }}").then(file=str(tmp_path / "answer.txt"))
        assert [chat(mock, "in Oslo"), chat(mock, "in Bonn")] == [
            "Sunny in Oslo",
            "From a file\r\n",
        ]
        with pytest.raises(ScenarioError, match=r"rules\[0\].reply.template: expected"):
            city.reply(template="{{ country }}")
        with pytest.raises(ScenarioError, match=r"rules\[0\].reply.file: expected a text file"):
            city.reply(file=str(tmp_path / "none.txt"))


def test_a_rule_may_be_changed_and_its_calls_go_on(chat):
    with MockGPT() as mock:
        rule = mock.on(user=glob("?")).reply("one").then("two")
        assert chat(mock, "a") == "one"
        rule.then("three")
        mock.on(user="other").reply("other")
        assert [chat(mock, "b"), chat(mock, "other"), chat(mock, "c")] == ["two", "other", "three"]
        rule.reply("anew")
        assert chat(mock, "d") == "anew"


def test_a_refused_change_leaves_a_rule_as_it_was(chat):
    with MockGPT() as mock:
        rule = mock.on().reply("one")
        with pytest.raises(ScenarioError):
            rule.then(error="nothing")
        rule.then("two")
        assert [chat(mock, "a"), chat(mock, "b")] == ["one", "two"]


def test_a_script_is_continued_and_misses_name_its_line(chat):
    with MockGPT() as mock:
        mock.script(expect(user="1").reply("first"))
        mock.on(user="x").reply("never")
        assert chat(mock, "1") == "first"
        mock.script(any_order(expect(user="3").reply("third"), expect(user="2").reply("second")))
        assert chat(mock, "2") == "second"
        status, message = chat(mock, "4")
        assert status == 400
        number = test_a_script_is_continued_and_misses_name_its_line.__code__.co_firstlineno
        assert f"test_spelling.py:{number + 5} step 'expect-2'" in message
        assert f"test_spelling.py:{number + 3} rule 'on-1'" in message
        codes = [finding.code for finding in mock.findings]
        assert codes == ["unmatched_request", "unmet_step"]


def test_a_rule_that_was_made_for_nothing_is_told_by_its_line(chat):
    with MockGPT() as mock:
        first = test_a_rule_that_was_made_for_nothing_is_told_by_its_line.__code__.co_firstlineno
        line, after = (f"test_spelling.py:{first + n}" for n in (4, 5))
        bare = mock.on(user="bare")
        mock.on(id="unused", user="unused").reply("a")
        mock.on(user="asked").reply("a")
        chat(mock, "asked")
        assert list(map(str, mock.findings)) == [
            f"no_reply: {line} rule 'on-1' has no reply, so it is not tried; give it one: .reply(…)",
            f"never_asked: {after} rule 'unused' was never asked; ask what it answers, or leave it out",
        ]
        with pytest.raises(AssertionError, match="no_reply"):
            mock.check()
        bare.reply("b")
        mock.check()
        mock.reset()
        assert [one.code for one in mock.findings] == ["never_asked"] * 3
        mock.load("documentation")  # whose rules may be for others
        assert mock.findings == ()


def test_a_mapping_is_what_a_file_may_say(chat):
    data = {"mockgpt": 1, "name": "m", "rules": ({"reply": "one"},)}
    with (
        MockGPT(MappingProxyType(data)) as mock,
        mock.session("s", {"rules": [{"reply": "two"}]}) as session,
    ):
        assert [chat(mock, "a"), chat(session, "a")] == ["one", "two"]
        mock.load({"script": [{"expect": {"user": "a"}, "reply": "three"}]})
        assert chat(mock, "a") == "three"
        with pytest.raises(ScenarioError) as caught:
            mock.load({"rules": [{"when": {"usr": "x"}, "reply": "a"}]})
    assert str(caught.value) == (
        "scenario 'in Python': rules[0].when.usr: expected a known key, found 'usr'; "
        "did you mean 'user'?"
    )


def test_what_is_no_step_is_refused_with_what_takes_it():
    step = {"expect": {"user": "a"}, "reply": "b"}
    with pytest.raises(
        TypeError, match=r"^expected expect\(…\) or any_order\(…\), found \{'expect'"
    ):
        MockGPT().script(step)


def test_a_loaded_scenario_stands_instead_of_all_that_was_there(chat):
    with MockGPT("documentation") as mock:
        rule = mock.on().reply("old")
        mock.script(expect(user="plan").reply("old"))
        assert chat(mock, "a") == "old"
        mock.load("overloaded")
        assert chat(mock, "a")[0] == 429
        assert len(mock.journal) == len(rule.calls) + 1 == 2
        with pytest.raises(RuntimeError, match=r"load\(\) has replaced <rule 'on-1' .* anew with"):
            rule.then("more")
        mock.on(user="b").reply("new")
        assert chat(mock, "b") == "new"
        mock.load("overloaded")
        assert mock.to_yaml() == MockGPT("overloaded").to_yaml()


def test_a_scenario_that_others_load_stays_behind_the_rules(chat):
    with MockGPT() as mock:  # as the control API may
        mock.on(user="a").reply("mine")
        mock._handler.engine.default.load(load_scenarios(["overloaded"], load_service("pgpt")))
        mock.on(user="b").reply("also mine")
        assert [chat(mock, "a"), chat(mock, "b"), chat(mock, "c")[0]] == ["mine", "also mine", 429]


def test_a_reset_keeps_the_rules_at_their_first_calls(chat):
    with MockGPT() as mock:
        mock.on().reply("one", "two")
        assert chat(mock, "a") == "one"
        mock.reset()
        assert chat(mock, "b") == "one"


def test_the_engine_is_asked_and_changed_by_one_thread_at_a_time(chat, monkeypatch):
    mock = MockGPT()
    locked = []

    def watched(function):
        def call(*arguments, **options):
            locked.append(mock._handler.lock.locked())
            return function(*arguments, **options)

        return call

    for name in ("answer", "refuse", "fail", "record", "amend", "load", "reset", "findings"):
        monkeypatch.setattr(Session, name, watched(getattr(Session, name)))
    with mock:
        mock.on().reply("a")
        chat(mock, "b")
        mock.load()
        mock.check()
        mock.reset()
    assert len(locked) == 6
    assert all(locked)


def test_many_threads_make_rules_while_others_ask(chat):
    texts = [f"{thread}-{number}" for thread in range(4) for number in range(15)]
    answers = {}

    def work(mock, mine):
        for text in mine:
            mock.on(user=text).reply(f"to {text}")
            answers[text] = chat(mock, text)

    with MockGPT() as mock:
        threads = [threading.Thread(target=work, args=(mock, texts[n::4])) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        mock.check()
    assert answers == {text: f"to {text}" for text in texts}
