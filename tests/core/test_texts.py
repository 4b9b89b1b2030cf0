"""Texts beside a scenario: every `file` is read when the scenario is loaded."""

import os

import pytest

from mockgpt.core.replies import Reply
from mockgpt.core.scenario import Rule, Scenario, Step
from mockgpt.files.documents import ScenarioError
from mockgpt.files.scenarios import load_scenarios
from mockgpt.files.services import load_service
from mockgpt.files.texts import Reading, with_texts

EVERYWHERE = """mockgpt: 1
rules:
- reply: {file: texts/a.txt}
- reply:
  - say
  - {file: b.txt, finish: length}
  - attempts: [{error: overloaded}, {file: b.txt}]
"""


@pytest.fixture
def service():
    return load_service("pgpt")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/a.txt").write_bytes("é\r\nüber\n".encode())
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbfb")  # as some editors of Windows begin
    return tmp_path


def test_a_file_becomes_what_the_reply_says(folder, service):
    path = folder / "s.yaml"
    path.write_text(EVERYWHERE, "utf-8")
    loaded = load_scenarios([path], service)
    first, second = loaded.scenario.rules
    assert first.reply == Reply(say="é\r\nüber\n")
    assert second.reply == (
        "say",
        Reply(say="b", finish="length"),
        Reply(attempts=(Reply(error="overloaded"), Reply(say="b"))),
    )
    assert loaded.files == (str(path), str(folder / "texts/a.txt"), str(folder / "b.txt"))


def test_a_file_in_a_script_becomes_what_the_step_says(folder):
    scenario = Scenario(
        script=(
            Step(reply=Reply(file="b.txt")),
            Step(any_order=(Step(reply="x"), Step(reply=Reply(file="texts/a.txt")))),
        )
    )
    reading = Reading(folder)
    first, group = with_texts(scenario, reading).script
    assert first.reply == Reply(say="b")
    assert [step.reply for step in group.any_order] == ["x", Reply(say="é\r\nüber\n")]
    assert reading.files == [str(folder / "b.txt"), str(folder / "texts/a.txt")]
    missing = Reading(folder / "texts")
    with_texts(scenario, missing)
    places = [place for place, _ in missing.problems]
    assert places == [
        ("script", 0, "reply", "file"),
        ("script", 1, "any_order", 1, "reply", "file"),
    ]


def test_paths_of_values_are_relative_to_the_working_directory(folder, service, monkeypatch):
    monkeypatch.chdir(folder)
    loaded = load_scenarios([Scenario(rules=(Rule(reply=Reply(file="b.txt")),))], service)
    assert loaded.scenario.rules[0].reply == Reply(say="b")
    assert loaded.files == (str(folder / "b.txt"),)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.txt", "expected a text file, found none at 'none.txt' (No such file or directory)"),
        ("texts", "expected a text file, found none at 'texts' (Is a directory)"),
        ('"a\\0"', "expected a text file, found none at 'a\\x00' (no file has such a name)"),
        (
            "latin.txt",
            "expected a text file in UTF-8, found the byte 0xe9, at 'latin.txt:1:2'; save it as UTF-8",
        ),
        (
            "gbk.txt",
            "expected a text file in UTF-8, found the byte 0xc4, as GBK has it, at 'gbk.txt:2:3'; save it as UTF-8",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_place(
    name, message, folder, service, monkeypatch
):
    monkeypatch.chdir(folder)
    (folder / "latin.txt").write_bytes("aé".encode("latin-1"))
    (folder / "gbk.txt").write_bytes("ab\r\nc 你好".encode("gbk"))
    (folder / "s.yaml").write_text(f"mockgpt: 1\nrules:\n- reply: [a, {{file: {name}}}]\n", "utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenarios(["s.yaml"], service)
    assert str(caught.value) == f"s.yaml:3:21: rules[0].reply[1].file: {message}"


@pytest.fixture
def outside(tmp_path_factory):
    path = tmp_path_factory.mktemp("outside") / "secret.txt"
    path.write_text("secret", "utf-8")
    return path


def told(folder, name, service):
    path = folder / "s.yaml"
    path.write_text(f"mockgpt: 1\nrules:\n- reply: {{file: {name}}}\n", "utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenarios([path], service)
    place, message = str(caught.value).split(": rules[0].reply.file: ")
    assert place == f"{path}:3:17"
    return message


@pytest.mark.parametrize(
    "way", ["absolute", "dots", "link", "folder's link", "dots through a link"]
)
def test_no_file_leaves_the_scenario_s_folder(way, folder, outside, service):
    (folder / "link.txt").symlink_to(outside)
    (folder / "linked").symlink_to(outside.parent)
    name = {
        "absolute": str(outside),
        "dots": f"texts/../../{folder.name}/../{outside.parent.name}/secret.txt",
        "link": "link.txt",
        "folder's link": "linked/secret.txt",
        "dots through a link": f"linked/../{outside.parent.name}/secret.txt",
    }[way]
    assert told(folder, name, service) == (
        f"expected a file in the scenario's folder, found '{name}', which leads out of it; put it there"
    )


def test_a_way_that_stays_in_the_folder_is_let_pass(folder, service):
    (folder / "link.txt").symlink_to(folder / "b.txt")
    (folder / "s.yaml").write_text(
        f"mockgpt: 1\nrules:\n- reply: [{{file: texts/../b.txt}}, {{file: {folder}/b.txt}}, {{file: link.txt}}]\n",
        "utf-8",
    )
    (rule,) = load_scenarios([folder / "s.yaml"], service).scenario.rules
    assert rule.reply == (Reply(say="b"),) * 3


def test_a_pipe_is_not_waited_for(folder, service):
    os.mkfifo(folder / "pipe")
    assert told(folder, "pipe", service) == (
        "expected a text file of up to 4,194,304 bytes, found a pipe or a device at 'pipe'"
    )


def test_a_large_text_is_refused(folder, service):
    with (folder / "large").open("wb") as file:
        file.truncate(4 * 2**20 + 1)
    assert told(folder, "large", service) == (
        "expected a text file of up to 4,194,304 bytes, found more at 'large'"
    )


def test_a_program_names_any_file_but_no_device(service):
    with pytest.raises(ScenarioError, match="found a pipe or a device at '/dev/zero'"):
        load_scenarios([Scenario(rules=(Rule(reply=Reply(file="/dev/zero")),))], service)


def test_a_file_beside_another_source_is_refused(folder, service):
    path = folder / "s.yaml"
    path.write_text("mockgpt: 1\nrules:\n- reply: {say: a, file: b.txt}\n", "utf-8")
    with pytest.raises(ScenarioError, match="found `say` and `file`"):
        load_scenarios([path], service)


def test_a_template_is_refused_with_its_place(folder, service):
    path = folder / "s.yaml"
    path.write_text(
        "mockgpt: 1\nrules:\n"
        "- when: {user: {matches: '(?P<city>.*)'}}\n"
        "  reply:\n    template: |\n      {{ city }}\n      {{ town }}\n",
        "utf-8",
    )
    with pytest.raises(ScenarioError) as caught:
        load_scenarios([path], service)
    assert str(caught.value) == (
        f"{path}:5:15: rules[0].reply.template: expected a known name, found 'town' in line 2 of the "
        "template; known are attempt, call, city, model, request, system, turn, user"
    )
