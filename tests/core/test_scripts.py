"""Scripts: steps in their order, groups in any, what falls through and what is left over."""

import pytest
from msgspec import convert

from mockgpt.core.scenario import Scenario, due
from mockgpt.core.scenario_problems import problems
from mockgpt.files.services import load_service

PLAN = [
    {"id": "plan", "expect": {"user": {"contains": "plan"}}, "reply": "First, the weather."},
    {
        "any_order": [
            {"id": "weather", "expect": {"user": {"contains": "weather"}}, "reply": "Sunny"},
            {"id": "news", "expect": {"user": {"contains": "news"}}, "reply": "No news"},
        ]
    },
    {"id": "thanks", "expect": {"user": "Thanks"}, "reply": "Welcome", "optional": True},
    {"id": "bye", "expect": {"user": {"contains": "bye"}}, "reply": "Bye"},
]


def scripted(script, rules=()):
    return convert({"script": script, "rules": rules}, Scenario)


@pytest.mark.parametrize(
    ("met", "wanted"),
    [
        ([], ["plan"]),
        (["plan"], ["weather", "news"]),
        (["plan", "news"], ["weather"]),
        (["plan", "news", "weather"], ["thanks", "bye"]),
        (["plan", "news", "weather", "thanks"], ["bye"]),
        (["plan", "news", "weather", "bye"], []),
    ],
)
def test_what_is_due(met, wanted):
    assert [step.id for step in due(scripted(PLAN).script, frozenset(met))] == wanted


@pytest.mark.parametrize("order", [["weather?", "news?"], ["news?", "weather?"]])
def test_a_group_is_met_in_any_order(desk, order):
    ask = desk(scripted(PLAN))
    said = [ask(text).said for text in ["plan it", *order, "Thanks", "good bye"]]
    assert set(said[1:3]) == {"Sunny", "No news"}
    assert [said[0], *said[3:]] == ["First, the weather.", "Welcome", "Bye"]
    assert ask.codes == []


def test_an_optional_step_may_be_left_out_and_not_made_up_for(desk):
    ask = desk(scripted(PLAN))
    for text in ("plan", "news", "weather", "bye"):
        ask(text)
    assert ask.codes == []
    assert ask("Thanks").error["code"] == "script_over"
    assert ask.codes == ["beyond_script"]


OPTIONAL = [
    {"id": "o", "expect": {"user": "o"}, "reply": "O", "optional": True},
    {"id": "p", "expect": {"user": "p"}, "reply": "P", "optional": True, "after": ["o"]},
]


@pytest.mark.parametrize("script", [OPTIONAL, [{"any_order": OPTIONAL[::-1]}]])
def test_an_optional_step_may_come_after_another(desk, script):
    steps = [*script, {"id": "q", "expect": {"user": "q"}, "reply": "Q"}]
    assert list(problems(scripted(steps), load_service("pgpt"))) == []
    ask = desk(scripted(steps))
    assert [ask(text).said for text in "opq"] == ["O", "P", "Q"]


def test_a_step_that_waits_for_what_was_passed_is_no_end_of_the_script(desk):
    ask = desk(
        scripted(
            [
                {"id": "o", "expect": {"user": "o"}, "reply": "O", "optional": True},
                {"id": "q", "expect": {"user": "q"}, "reply": "Q"},
                {"id": "p", "expect": {"user": "p"}, "reply": "P", "after": ["o"]},
            ]
        )
    )
    assert ask("q").said == "Q"
    refused = ask("p")
    assert refused.error["code"] == "no_rule_answers"
    assert "step 'p' waits for 'o', which others have passed" in refused.error["message"]


def test_what_is_not_the_next_step_is_a_miss_that_names_it(desk):
    ask = desk(scripted(PLAN))
    refused = ask("bye")
    assert refused.status == 400
    assert refused.error["message"] == (
        "No rule of the scenario answers this request: due is step 'plan' "
        "(user: wanted contains 'plan', got 'bye')."
    )
    assert ask.codes == ["unmatched_request", *["unmet_step"] * 4]


def test_what_is_not_the_next_step_falls_through_to_rules(desk):
    ask = desk(scripted(PLAN, [{"id": "else", "when": {"user": "Hello!"}, "reply": "Hi"}]))
    assert ask("Hello!").said == "Hi"
    assert ask("plan").said == "First, the weather."
    message = ask("bye").error["message"]
    assert "due is step 'weather' (user: " in message
    assert "nearest is rule 'else' (user: " in message


def test_a_retry_stays_with_its_step(desk):
    script = [
        {"expect": {}, "reply": {"attempts": [{"error": "overloaded"}, "One"]}},
        {"expect": {}, "reply": "Two"},
    ]
    ask = desk(scripted(script))
    assert ask("a").status == 529
    assert [ask("a").said, ask("a").said] == ["One", "Two"]
    assert [exchange.rule for exchange in ask.engine.default.journal] == [
        "step-1",
        "step-1",
        "step-2",
    ]


def test_steps_that_nothing_met_are_findings_with_their_places(desk, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chat.yaml").write_text(
        "mockgpt: 1\nscript:\n- expect: {user: a}\n  reply: A\n"
        "- any_order:\n  - {expect: {user: b}, reply: B}\n  - {expect: {user: c}, reply: C}\n"
        "- {expect: {user: d}, reply: D, optional: true}\n"
    )
    ask = desk("chat.yaml")
    ask("a")
    ask("c")
    (finding,) = ask.engine.default.findings()
    assert finding.message == (
        "chat.yaml:6 step 'step-2' was never met; send what it expects, or make it optional: true"
    )


def test_a_reset_begins_the_script_anew(desk):
    ask = desk(scripted(PLAN))
    assert ask("plan").said == "First, the weather."
    ask.engine.default.reset()
    assert ask("plan").said == "First, the weather."


GROUP = [
    {
        "any_order": [
            {"id": "search", "expect": {"user": "search"}, "reply": "found"},
            {"id": "news", "expect": {"user": "news"}, "reply": "none"},
            {"id": "sum up", "expect": {"user": "sum"}, "reply": "so", "after": ["search"]},
        ]
    }
]


def test_a_step_comes_after_those_that_cause_it(desk):
    ask = desk(scripted(GROUP))
    assert "due is step 'search'" in ask("sum").error["message"]
    assert [ask(text).said for text in ("search", "sum", "news")] == ["found", "so", "none"]


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (["serch"], "expected ids of steps, found 'serch'; did you mean 'search'?"),
        (["sum up"], "expected steps that may come before it, found sum up"),
        (["later"], "expected steps that may come before it, found later"),
    ],
)
def test_what_cannot_come_before_is_refused(after, message):
    group = [GROUP[0]["any_order"][0], {**GROUP[0]["any_order"][2], "after": after}]
    later = {"id": "later", "expect": {}, "reply": "x"}
    scenario = scripted([{"any_order": group}, later])
    found = [text for _, text in problems(scenario, load_service("pgpt"))]
    assert found == [message]
