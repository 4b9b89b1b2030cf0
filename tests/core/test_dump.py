"""Scenarios as files again: what is printed loads to an equal value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert

from mockgpt import Reply, Rule, Scenario, TextMatch, When
from mockgpt.core.faults import Disconnect, Latency
from mockgpt.core.pace import Pace
from mockgpt.core.replies import Usage
from mockgpt.core.scenario import Step
from mockgpt.files import documents
from mockgpt.files.scenarios import dump, load_scenarios, shipped
from mockgpt.files.services import load_service

PGPT = load_service("pgpt")
USAGE = convert({}, Usage)  # equal to the default, and another object

MATCHES = st.text() | st.builds(TextMatch, contains=st.text(), ignore_case=st.booleans())
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
WHENS = st.deferred(
    lambda: st.builds(
        When,
        user=MATCHES,
        headers=st.dictionaries(st.text(), MATCHES, max_size=2),
        body=st.dictionaries(st.text(), BODIES, max_size=3),
        any_=st.lists(WHENS, max_size=1).map(tuple),
    )
)
REPLIES = st.text() | st.builds(
    Reply,
    say=st.text(),
    pace=st.builds(Pace, first=st.floats(0, 9) | st.just("200ms")),
    faults=st.lists(
        st.builds(Disconnect, chance=st.floats(0, 1)) | st.builds(Latency, delay=st.integers(0, 9))
    ).map(tuple),
)
SCENARIOS = st.builds(
    Scenario,
    name=st.text(),
    seed=st.integers(),
    script=st.lists(st.builds(Step, expect=WHENS, reply=REPLIES), max_size=1).map(tuple),
    rules=st.lists(
        st.builds(
            Rule, when=WHENS, reply=REPLIES | st.lists(REPLIES, min_size=1, max_size=3).map(tuple)
        ),
        max_size=2,
    ).map(tuple),
)


def again(scenario):
    return convert(documents.read(dump(scenario), "again.yaml").data, Scenario)


@given(SCENARIOS)
def test_every_scenario_loads_to_an_equal_one(scenario):
    assert again(scenario) == scenario


@pytest.mark.parametrize("name", shipped())
def test_the_shipped_scenarios_load_to_equal_ones(name, tmp_path):
    scenario = load_scenarios([name], PGPT).scenario
    assert again(scenario) == scenario
    path = tmp_path / "again.yaml"
    path.write_text(dump(scenario), "utf-8")
    assert load_scenarios([path], PGPT).scenario == scenario


@pytest.mark.parametrize(
    "text",
    [
        "a\x85b", "a\nb\x85c", "a\u2028b", " a\n b\n", "\n\na", "a \nb", "a\r\nb", "\ufeffa\nb",
        "a\n\n\n", "# a\n- b", "---\n...\n", "\ta\n", "2020-01-01", "null", "=", "<<", "🂡\n你好", "",
    ],
)  # fmt: skip
def test_every_text_stays_what_it_is(text):
    scenario = Scenario(rules=(Rule(when=When(body={text: [text]}), reply=text),))
    assert again(scenario) == scenario


def test_it_reads_as_one_would_write_it():
    scenario = Scenario(
        name="poem",
        rules=(
            Rule(
                id="haiku",
                when=When(endpoint="chat", user=TextMatch(contains="你好"), not_=When(stream=True)),
                reply=Reply(
                    say="An old silent pond\nA frog\n", faults=(Disconnect(after=3),), usage=USAGE
                ),
            ),
        ),
    )
    assert dump(scenario) == (
        "mockgpt: 1\n"
        "name: poem\n"
        "rules:\n"
        "- id: haiku\n"
        "  when:\n"
        "    endpoint: chat\n"
        "    user:\n"
        "      contains: 你好\n"
        "    not:\n"
        "      stream: true\n"
        "  reply:\n"
        "    say: |\n"
        "      An old silent pond\n"
        "      A frog\n"
        "    faults:\n"
        "    - kind: disconnect\n"
        "      after: 3\n"
    )
