"""The soak, for a moment: that it runs, judges and writes its results."""

import importlib.util
import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest


@pytest.fixture
def soak(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    spec = importlib.util.spec_from_file_location("soak", root / "benchmarks/soak.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_short_soak(root, tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, str(root / "benchmarks/soak.py")),
            *("--seconds", "3", "--sessions", "5", "--rate", "20", "--results", str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "soak.json").read_text("utf-8"))
    assert sum(found["actions"].values()) >= 50
    assert found["trouble"] == []
    assert "Nothing was amiss." in (tmp_path / "soak.md").read_text("utf-8")
    drawing = ET.parse(tmp_path / "soak.svg").getroot()
    assert len(drawing.findall("{http://www.w3.org/2000/svg}polyline")) == 5


@pytest.mark.parametrize(
    ("figures", "grown"),
    [
        ([100] * 50, 0),
        ([100, 100, 300, 100, 100] * 10, 0),
        ([*range(100, 150)], pytest.approx(49 / 124.5)),
    ],
    ids=["flat", "peaks", "a leak"],
)
def test_growth_is_told_from_peaks(soak, figures, grown):
    samples = [{"at": float(at), "memory": figure} for at, figure in enumerate(figures)]
    assert soak.growth(samples, "memory") == grown


def test_what_is_not_flat_is_trouble(soak, monkeypatch):
    monkeypatch.setattr(soak, "THREADS", 7)
    before, after = {"descriptors": 7, "threads": 1}, {"descriptors": 9, "threads": 34}
    found = {
        "growth": {"memory": 0.2, "descriptors": 0.01},
        "before": before,
        "after": after,
        "failures": {"plain: EOFError()": 3},
        "log": ["bug in mockgpt"],
    }
    assert list(soak.trouble(found)) == [
        "memory grew by 20.0% in the second half, expected at most 5%",
        "9 descriptors at the end, expected 7",
        "34 threads at the end, expected at most 7",
        "3 times plain: EOFError()",
        "the server said: bug in mockgpt",
    ]
