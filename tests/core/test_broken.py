"""A corpus of scenarios with a mistake: every error of each, and whether the JSON Schema sees it too.

A file of `broken/` begins with the lines that are expected, in the order of the file. Where the
schema accepts what the loader refuses, the file says so, and why.
"""

from pathlib import Path

import jsonschema
import pytest

from mockgpt.files.documents import ScenarioError, read
from mockgpt.files.scenarios import load_scenarios, shipped
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
