"""A corpus of scenarios with a mistake: every error of each, and whether the JSON Schema sees it too.

A file of `broken/` begins with the lines that are expected, in the order of the file. Where the
schema accepts what the loader refuses, the file says so, and why.
"""

import re
from pathlib import Path

import jsonschema
import msgspec
import pytest

from mockgpt.files.documents import ScenarioError, read
from mockgpt.files.scenarios import load_scenarios, shipped, spelt
from mockgpt.files.schema import scenario_schema
from mockgpt.files.services import load_service

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(scenario_schema())


def said(text, key):
    return [line.split(": ", 1)[1] for line in text.splitlines() if line.startswith(f"# {key}: ")]


def data_of(text):
    """Return a file's data, or None where YAML's own rules are broken."""
    try:
        document = read(text, "s.yaml")
    except ScenarioError:
        return None
    return None if document.complaints else document.data


def test_the_corpus_is_there():
    assert len(BROKEN) >= 60


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_every_error_of_a_file_is_told(path):
    with pytest.raises(ScenarioError) as caught:
        load_scenarios([path], load_service("pgpt"))
    lines = [str(error).removeprefix(f"{path}:") for error in caught.value.errors]
    assert lines == said(path.read_text("utf-8"), "expects")
    assert str(caught.value).splitlines() == [f"{path}:{line}" for line in lines]
    printed = msgspec.json.decode(msgspec.json.encode(caught.value.errors))  # as `check --json`
    assert [one["message"] for one in printed] == [one.message for one in caught.value.errors]


TYPO = {"when": {"usr": "x"}, "reply": "a"}
UNKNOWN = {"reply": {"error": "overload"}}


def told(data):
    """Return the errors of a scenario's data, as paths and messages."""
    with pytest.raises(ScenarioError) as caught:
        spelt(data, load_service("pgpt"), "line")
    return sorted((error.path, error.message) for error in caught.value.errors)


def with_rule(data, rule):
    return {**data, "rules": [*data.get("rules", []), rule]}


def with_typo(value):
    """Return data with a key that is not known in each rule, step, condition and reply."""
    match value:
        case dict() if value.keys() & {"when", "expect", "reply", "any_order"}:
            beside = {key: with_typo(one) for key, one in value.items() if key in ENTRIES}
            return {**value, **beside, "qqq": 1}
        case dict():
            return {**value, "qqq": 1}
        case list():
            return [with_typo(one) for one in value]
        case _:
            return value


ENTRIES = {"rules", "script", "when", "expect", "reply", "any_order", "attempts"}
# Where a key that is not known leaves open whether what is missing was meant by it.
MISSING = re.compile(r"found (none|none of them|neither|it alone)$|^expected ids of steps, ")


def judged():
    """Yield the files of the corpus that are mappings of YAML, with their data."""
    for path in BROKEN:
        data = data_of(path.read_text("utf-8"))
        if isinstance(data, dict) and "mockgpt" in data and isinstance(data.get("rules", []), list):
            yield pytest.param(data, id=path.stem)


@pytest.mark.parametrize("data", [*judged()])
def test_no_error_hides_one_of_another_kind_elsewhere(data):
    alone = told(with_rule(data, {"reply": "a"}))
    for rule in (TYPO, UNKNOWN):
        place = f"rules[{len(data.get('rules', []))}]"
        ((path, message),) = told({"rules": [rule]})
        beside = (path.replace("rules[0]", place), message)
        assert told(with_rule(data, rule)) == sorted([*alone, beside])


@pytest.mark.parametrize("data", [*judged()])
def test_no_error_hides_one_of_another_kind_beside_it(data):
    mistyped = {key: with_typo(one) if key in ENTRIES else one for key, one in data.items()}
    beside = told(mistyped)
    assert all(error in beside for error in told(data) if not MISSING.search(error[1]))
    assert all(error in told(data) or "'qqq'" in error[1] for error in beside)


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_the_schema_refuses_it_too_or_the_file_says_why_not(path):
    text = path.read_text("utf-8")
    data = data_of(text)
    reasons = said(text, "schema")
    if data is None:
        assert not reasons
    else:
        assert VALIDATOR.is_valid(data) is bool(reasons)
        assert all(reason.startswith("accepts, ") for reason in reasons)


@pytest.mark.parametrize("name", shipped())
def test_what_is_shipped_is_accepted_by_both(name):
    VALIDATOR.validate(data_of(shipped()[name].read_text("utf-8")))
    scenario = load_scenarios([name], load_service("pgpt")).scenario
    assert scenario.rules or scenario.script


def test_the_schema_is_one_and_says_what_each_key_is_for():
    schema = scenario_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["mockgpt"]
    mappings = [schema, *schema["$defs"].values()]
    bare = {
        f"{mapping['title']}.{key}"
        for mapping in mappings
        for key, value in mapping["properties"].items()
        if "description" not in value and "const" not in value
    }
    assert not bare
    kinds = [one["properties"]["kind"] for one in mappings if "kind" in one["properties"]]
    assert {"const": "stall"} in kinds


def test_what_only_the_converter_refuses_is_told_in_its_words(tmp_path):
    path = tmp_path / "s.yaml"
    number = f"1{'0' * 400}"
    path.write_text(f"mockgpt: 1\nrules: [{{reply: {{vectors: [{number}]}}}}]\n", "utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenarios([path], load_service("pgpt"))
    assert str(caught.value) == (
        f"{path}:1:1: expected values that fit, found an error: "
        "Number out of range - at `$.rules[0].reply.vectors[0]`"
    )
