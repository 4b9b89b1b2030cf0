"""Files that are no YAML because of an input method's full-width punctuation, and such as it is not to blame for."""

import pytest

from mockgpt.files import documents
from mockgpt.files.documents import ScenarioError, read
from mockgpt.files.scenarios import spelt
from mockgpt.files.services import load_service

RULES = "rules:\n  - reply: x\n"
WHEN = "mockgpt: 1\nrules:\n  - when: "


def told(text):
    with pytest.raises(ScenarioError) as caught:
        read(text, "x.yaml")
    return str(caught.value)


@pytest.fixture(params=["libyaml", "Python"])
def loader(request, monkeypatch):
    if request.param == "Python":
        monkeypatch.setattr(documents, "Loader", documents.yaml.SafeLoader)


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("text", "place", "character", "meant"),
    [
        (f"mockgpt：1\n{RULES}", "1:8", "：", ": "),
        (f"{WHEN}\n      user：\n        contains: 天气\n    reply: x\n", "4:11", "：", ": "),
        ("mockgpt: 1\nrules：\n  - reply: x\n", "2:6", "：", ": "),
        ("mockgpt: 1\n\nrules：\n\n  - reply: x\n", "3:6", "：", ": "),
        ("mockgpt：1\nrules：\n  - reply: x\n", "1:8", "：", ": "),
        (f"{WHEN}{{user: a}}\n    reply：你好\n", "4:10", "：", ": "),
        (f"{WHEN}{{user: a}}\n    reply：你好\n  - reply: x\n", "4:10", "：", ": "),
        (f"{WHEN}｛user: 天气｝\n    reply: x\n", "3:11", "｛", "{"),
        (f"{WHEN}{{user: 天气｝\n    reply: x\n", "3:20", "｝", "}"),
        (f"{WHEN}{{user: 天气，model: gpt-4}}\n    reply: x\n", "3:20", "，", ", "),
        (f"{WHEN}{{user: 天气， model: gpt-4｝\n    reply: x\n", "3:20", "，", ", "),
        ("mockgpt: 1\nrules: ［{reply: x}]\n", "2:8", "［", "["),
        ("mockgpt: 1\nrules: [{reply: x}］\n", "2:19", "］", "]"),
    ],
)
def test_full_width_punctuation_in_the_place_of_syntax_is_told(text, place, character, meant):
    assert told(text) == (
        f"x.yaml:{place}: expected YAML, found the full-width '{character}'; write '{meant}'"
    )


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("mockgpt: 1\nrules:\n  - reply: |\n      note：this\n    when: x: y\n", "5:12"),
        ("mockgpt: 1\nrules:\n  - reply: 他说：你好: x\n", "3:17"),
        ("mockgpt: 1\nrules:\n  - reply: 你好\n      note：x\n      y: z\n", "5:8"),
        ("mockgpt: 1\nrules:\n  - reply: 'user：b\n", "4:1"),
        ("mockgpt: 1\nrules:\n  - reply: 天气，model: gpt-4\n", "3:20"),
        ("mockgpt: 1\nrules:\n  - {reply: ok，好｝｝}\n  - {reply: *nobody}\n", "4:13"),
        ("mockgpt: 1\nabout: ｛好｝\nrules: @\n", "3:8"),
    ],
)
def test_full_width_punctuation_in_texts_is_not_to_blame(text, place):
    assert told(text).startswith(f"x.yaml:{place}: expected YAML, found ")
    assert "full-width" not in told(text)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"rules": ["reply：x"]},
            "line: rules[0]: expected a mapping, found 'reply：x'; write ': ' for the full-width '：'",
        ),
        (
            {"rules": [{"when": {"user：天气": None}, "reply": "x"}]},
            (
                "line: rules[0].when.user：天气: expected a known key, found 'user：天气'; "
                "write ': ' for the full-width '：'"
            ),
        ),
    ],
)
def test_what_is_yaml_all_the_same_is_told_too(data, message):
    with pytest.raises(ScenarioError) as caught:
        spelt(data, load_service("pgpt"), "line")
    assert str(caught.value) == message
