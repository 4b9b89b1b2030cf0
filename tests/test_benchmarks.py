"""The benchmark runs and writes what it measured; how fast anything is, is not tested."""

import json
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads other processes' clocks")


def test_a_quick_run_measures_mockgpt_beside_a_ceiling(root, tmp_path):
    command = [sys.executable, "benchmarks/run.py", "--quick", "W1", "--results", str(tmp_path)]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "latest.json").read_bytes())
    assert [result["subject"] for result in data["results"]] == ["mockgpt", "aiohttp"]
    assert all(result["samples"]["cpu"][0] > 0 for result in data["results"])
    targets = [one["target"] for one in data["verdicts"] if one["found"] is not None]
    assert targets == ["128 connections: throughput / aiohttp", "128 connections: CPU / aiohttp"]
    assert "| W1 | 128 connections: CPU / aiohttp |" in (tmp_path / "latest.md").read_text("utf-8")
    plot = ET.parse(tmp_path / "latest-W1.svg")
    assert {"mockgpt", "aiohttp"} < set(plot.getroot().itertext())


def test_a_workload_that_there_is_not_is_refused(root):
    command = [sys.executable, "benchmarks/run.py", "W9"]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 2
    assert "invalid choice: 'W9'" in done.stderr
