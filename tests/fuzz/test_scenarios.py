"""Files that are nearly scenarios, and those that are none: loaded, or told what to mend and where."""

import pytest
from fuzz import strategies
from hypothesis import note

from mockgpt.files.documents import ScenarioError
from mockgpt.files.scenarios import complaints_of, dump, load_scenarios


@pytest.fixture
def law(tmp_path):
    path = tmp_path / "tried.yaml"
    (tmp_path / "tour.txt").write_text("Text.")

    def hold(data):
        note(repr(data))
        path.write_bytes(data)
        complaints = complaints_of(str(path), strategies.SERVICE)
        for complaint in complaints:
            assert complaint.line or complaint.more or "UTF-8" in complaint.message
            assert str(complaint).isprintable()
            assert len(str(complaint)) < 1_500
        if not all(complaint.code for complaint in complaints):
            with pytest.raises(ScenarioError) as refused:
                load_scenarios([path], strategies.SERVICE)
            assert refused.value.errors == complaints
            return
        scenario = load_scenarios([path], strategies.SERVICE).scenario
        path.write_text(dump(scenario), "utf-8")
        assert load_scenarios([path], strategies.SERVICE).scenario == scenario

    return hold


def test_one_change_away(fuzz, law):
    fuzz("scenarios, one change away", law, data=strategies.changed_scenarios)


def test_any_data(fuzz, law):
    fuzz("scenarios of any data", law, data=strategies.random_data)


def test_any_text(fuzz, law):
    fuzz("scenarios of any text", law, data=strategies.random_texts)
