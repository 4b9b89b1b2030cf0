"""Reports of what a real server saw, and the files that hold them."""

import json

import pytest

from mockgpt import MockGPT, har, json_lines, transcript, write_reports
from mockgpt.files.reports import write_whole


@pytest.fixture
def records(chat):
    with MockGPT(seed=7) as mock, mock.session("other") as other:
        mock.on(id="a", user="a").reply("你好", faults=[{"kind": "slice", "bytes": 10}])
        chat(mock, "a")
        chat(mock, "b")
        chat(other, "c")
        return [mock.record("test_a", "failed"), other.record()]


def test_a_record_is_what_reports_are_made_of(records):
    first, second = records
    assert (first.name, first.outcome, first.seed) == ("test_a", "failed", 7)
    assert (second.name, second.session, len(second.exchanges)) == ("", "other", 1)
    lines = transcript(first).splitlines()
    assert lines[0] == "test_a (failed): 2 requests, 1 finding"
    assert lines[1].startswith("  error unmatched_request (#2): POST /v1/chat/completions: No rule")
    assert [json.loads(line)["rule"] for line in json_lines(first.exchanges)] == ["a", None]
    assert len(json.loads(har(first.exchanges))["log"]["entries"]) == 2


def test_reports_are_written_into_a_folder_that_is_made(records, tmp_path):
    folder = tmp_path / "a" / "b"
    for _ in range(2):  # again over what is there
        paths = write_reports(records, folder)
    assert paths == [folder / "report.json", folder / "report.html"]
    assert sorted(folder.iterdir()) == sorted(paths)
    shown = json.loads(paths[0].read_bytes())["records"]
    assert [one["session"] for one in shown] == ["default", "other"]
    assert "<h2>test_a</h2>" in paths[1].read_text("utf-8")


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(tmp_path / "taken", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
