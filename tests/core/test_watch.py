"""Hot reload, look by look: what counts as a change, and what is done with it."""

import os

import pytest

from mockgpt.files.documents import ScenarioError
from mockgpt.files.scenarios import load_scenarios, shipped
from mockgpt.files.services import load_service
from mockgpt.files.watch import Watch

SERVICE = load_service("pgpt")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "x.yaml"
    write(path, "before")
    return path


def write(path, reply):
    path.write_text(f"mockgpt: 1\nrules: [{{reply: {reply}}}]\n", "utf-8")


@pytest.fixture
def watch(path):
    def load():
        return load_scenarios(["documentation", path], SERVICE)

    return Watch(load, load())


def replies(reload):
    return [rule.reply for rule in reload.result.scenario.rules][-1]


def test_nothing_happens_while_nothing_changes(watch):
    assert [watch.look() for _ in range(3)] == [None, None, None]


def test_a_change_is_loaded_once_it_has_settled(watch, path):
    write(path, "after")
    assert watch.look() is None
    found = watch.look()
    assert found.changed == (str(path),)
    assert replies(found) == "after"
    assert [watch.look(), watch.look()] == [None, None]


def test_a_file_that_is_still_being_written_is_left_alone(watch, path):
    path.write_text("mockgpt: 1\nrul", "utf-8")
    assert watch.look() is None
    write(path, "after")
    assert watch.look() is None
    assert replies(watch.look()) == "after"


def test_a_file_that_is_missing_for_a_moment_is_waited_for(watch, path, tmp_path):
    path.unlink()
    assert watch.look() is None
    write(tmp_path / "new", "after")
    (tmp_path / "new").replace(path)
    assert watch.look() is None
    assert replies(watch.look()) == "after"


def test_a_change_of_equal_length_and_time_in_another_file_is_noticed(watch, path, tmp_path):
    stat = path.stat()
    write(tmp_path / "new", "behind")
    os.utime(tmp_path / "new", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (tmp_path / "new").replace(path)
    assert watch.look() is None
    assert replies(watch.look()) == "behind"


def test_what_is_broken_is_told_once_and_mended_later(watch, path):
    path.write_text("mockgpt: 1\nrulez: []\n", "utf-8")
    assert watch.look() is None
    found = watch.look()
    assert isinstance(found.result, ScenarioError)
    assert str(found.result).startswith(f"{path}:2:1: rulez: expected a known key")
    assert [watch.look(), watch.look()] == [None, None]
    path.unlink()
    assert watch.look() is None
    assert "expected a scenario file, found none" in str(watch.look().result)
    write(path, "after")
    assert watch.look() is None
    assert replies(watch.look()) == "after"


def test_a_change_while_it_is_loaded_is_loaded_next(path):
    written = ["first", "second", "third"]

    def load():
        loaded = load_scenarios([path], SERVICE)
        if written:
            write(path, written.pop() + "!" * len(written))
        return loaded

    watch = Watch(load, load_scenarios([path], SERVICE))
    write(path, "begun")
    found = [watch.look() for _ in range(12)]
    assert [replies(one) for one in found if one] == ["begun", "third!!", "second!", "first"]


def test_a_text_beside_a_scenario_is_watched_too(path):
    text = path.with_name("text.txt")
    text.write_text("before", "utf-8")
    write(path, "{file: text.txt}")

    def load():
        return load_scenarios([path], SERVICE)

    watch = Watch(load, load())
    text.write_text("after", "utf-8")
    assert watch.look() is None
    found = watch.look()
    assert found.changed == (str(text),)
    assert replies(found).say == "after"


def test_a_text_that_is_missing_is_noticed_when_it_is_there(path):
    def load():
        return load_scenarios([path], SERVICE)

    watch = Watch(load, load())
    write(path, "{file: text.txt}")
    assert watch.look() is None
    assert "found none at 'text.txt'" in str(watch.look().result)
    text = path.with_name("text.txt")
    text.write_text("here", "utf-8")
    assert watch.look() is None
    found = watch.look()
    assert found.changed == (str(text),)
    assert replies(found).say == "here"
    assert [watch.look(), watch.look()] == [None, None]


@pytest.mark.parametrize("name", ["latin.txt", '"a\\0"'])
def test_a_text_that_cannot_be_read_is_told_once(path, name):
    def load():
        return load_scenarios([path], SERVICE)

    path.with_name("latin.txt").write_bytes(b"\xe9")
    watch = Watch(load, load())
    write(path, f"{{file: {name}}}")
    assert watch.look() is None
    assert "expected a text file" in str(watch.look().result)
    assert [watch.look(), watch.look()] == [None, None]
    write(path, "mended")
    assert watch.look() is None
    assert replies(watch.look()) == "mended"


def test_files_are_those_of_names_and_paths(path):
    loaded = load_scenarios(["documentation", path], SERVICE)
    assert loaded.files == (str(shipped()["documentation"].absolute()), str(path))
