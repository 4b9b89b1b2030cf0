"""What is answered by count, and a session that does not count."""

import pytest
from msgspec import convert

from mockgpt.core.counting import counted
from mockgpt.core.scenario import Scenario
from mockgpt.files.documents import ScenarioError
from mockgpt.files.scenarios import check_uncounted, load_scenarios
from mockgpt.files.services import load_service

FAULT = {"kind": "no_done"}


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("Hello", []),
        ({"say": "Hello", "pace": {"each": "1ms", "jitter": 0.5}}, []),
        ({"template": "{{ user }}, {{ model }}, {{ turn }}"}, []),
        ({"say": "Hello", "faults": [FAULT, {**FAULT, "chance": 0}]}, []),
        (["Hello"], ["a list with a reply for each call"]),
        ({"attempts": ["No", "Yes"]}, ["a reply for each attempt"]),
        ({"template": "{{ call }}{{ call }}"}, ["a template with 'call'"]),
        (
            {"template": "{% if attempt > 1 %}{{ call }}{% endif %}"},
            ["a template with 'attempt'", "a template with 'call'"],
        ),
        ({"say": "Hello", "faults": [{**FAULT, "on_call": 2}]}, ["a fault with `on_call`"]),
        ({"say": "Hello", "faults": [{**FAULT, "on_attempt": 1}]}, ["a fault with `on_attempt`"]),
        ({"say": "Hello", "faults": [{**FAULT, "chance": 0.5}] * 2}, ["a fault with a `chance`"]),
    ],
)
def test_a_rule_is_counted_by_what_its_reply_depends_on(reply, found):
    scenario = convert({"rules": [{"id": "one", "reply": reply}]}, Scenario)
    assert list(counted(scenario)) == [("one", what) for what in found]


def test_a_reply_for_one_call_alone_is_counted():
    rule = {"id": "one", "reply": "Hello", "after_last": "fail"}
    found = [("one", "a reply for one call alone")]
    assert list(counted(convert({"rules": [rule]}, Scenario))) == found


def test_a_scenario_is_counted_by_its_limits_its_defaults_and_its_script():
    scenario = {
        "limits": {"total_tokens": 5},
        "defaults": {"faults": [{**FAULT, "on_call": 1}]},
        "script": [{"any_order": [{"id": "hi", "expect": {"user": "Hi"}, "reply": "Hello"}]}],
    }
    assert list(counted(convert(scenario, Scenario))) == [
        ("", "limits"),
        ("", "in its defaults a fault with `on_call`"),
        ("hi", "a step of a script"),
    ]


def test_what_is_counted_is_refused_with_its_place(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(
        "mockgpt: 1\nname: a\nlimits: {total_tokens: 5}\nrules:\n  - {id: hi, reply: [one, two]}\n"
    )
    with pytest.raises(ScenarioError) as raised:
        check_uncounted(load_scenarios([str(path)], load_service("pgpt")))
    found = "which each would count by itself; serve it by one process"
    assert str(raised.value) == (
        f"scenario 'a': expected what several workers answer alike, found limits, {found}\n"
        f"{path}:5: hi: expected what several workers answer alike, found a list with a reply for "
        f"each call, {found}"
    )


def test_without_a_count_equal_requests_have_equal_answers(desk):
    counting, other = desk(), desk(counts=False)
    first = other()
    assert first.body == other().body == counting().body != counting().body
    assert first.headers == other().headers


def test_without_a_count_no_request_is_a_retry(desk):
    scenario = convert({"rules": [{"reply": {"error": "overloaded"}}]}, Scenario)
    for counts, then in ((True, 2), (False, 1)):
        ask = desk(scenario, counts=counts)
        assert [ask().outcome.exchange.attempt for _ in range(2)] == [1, then]
