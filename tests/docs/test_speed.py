"""What the READMEs say of speed, beside the run that they name."""

import json
import re
from statistics import median

import pytest

CEILINGS = {"mockgpt", "aiohttp", "aiohttp stream", "aiohttp + json.loads", "asyncio.Protocol"}
CASES = [  # the rows of the table: a workload, its case, what aiohttp does there
    ("W1", "16 connections", "aiohttp"),
    ("W1", "128 connections", "aiohttp"),
    ("W2", "20 tokens", "aiohttp stream"),
    ("W2", "1000 tokens", "aiohttp stream"),
    ("W4", "1 new text, floats", "aiohttp"),
    ("W4", "1 repeated text, floats", "aiohttp"),
    ("W5", "first answer", "aiohttp"),
    ("W7", "10,000 rules", None),
]


def told(ratio):
    """Return a ratio in two significant figures."""
    rounded = float(f"{ratio:.2g}")
    return (
        f"{rounded:,.0f}"
        if rounded >= 10
        else f"{rounded:.2g}"
        if rounded < 1
        else f"{rounded:.1f}"
    )


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_table_has_the_figures_of_the_run(root, page):
    text = (root / page).read_text("utf-8")
    (run,) = set(re.findall(r"benchmarks/results/([\w-]+)\.md", text))
    results = json.loads((root / f"benchmarks/results/{run}.json").read_text("utf-8"))["results"]
    wanted = []
    for workload, case, aiohttp in CASES:
        taken = {
            one["subject"]: median(one["samples"].get("cpu_per_event", one["samples"]["cpu"]))
            for one in results
            if (one["workload"], one["case"]) == (workload, case)
        }
        ours = taken["mockgpt"]
        others = [cpu for subject, cpu in taken.items() if subject not in CEILINGS]
        wanted.append(
            [
                told(taken[aiohttp] / ours) if aiohttp else "",
                told(min(others) / ours),
                told(max(others) / ours),
            ]
        )
    rows = re.findall(r"^\| [^|]+ \| ([\d.,]*) ?\| ([\d.,]+) \| ([\d.,]+) \|$", text, re.MULTILINE)
    assert [list(row) for row in rows] == wanted
