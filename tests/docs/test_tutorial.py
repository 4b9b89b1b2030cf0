"""The tutorial is done as it is written: its files, its commands, and what they print."""

import os
import re
import subprocess
import sys

import pytest

_BLOCK = re.compile(r"^(?:<!-- ([\w. ]+) -->\n)?```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def blocks(root):
    """Return the page's blocks: (marker, language, text)."""
    return _BLOCK.findall((root / "docs/tutorial.md").read_text("utf-8"))


def pattern(shown):
    """Return an output as a pattern in which … is whatever else there is, lines included."""
    return re.escape(shown).replace("…", ".*")


def test_it_goes_as_it_is_written(blocks, tmp_path, as_users):
    outer = ("PYTEST_", "OPENAI_", "MOCKGPT_", "GITHUB_")  # of the run that this test is part of
    plain = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
    for marker, _, text in blocks:
        what, _, name = marker.partition(" ")
        if what == "install":
            assert text == (
                "python3 -m venv .venv && .venv/bin/pip install -q ../mockgpt pytest openai\n"
            )
        elif what == "file":
            (tmp_path / name).write_text(text, "utf-8")
        elif what == "run":
            program, *arguments = text.split()
            module = program.removeprefix(".venv/bin/")
            command = [sys.executable, "-m", module, *arguments]
            if module == "pytest":
                command += as_users
            done = subprocess.run(
                command, cwd=tmp_path, env={**plain, "COLUMNS": "80"}, capture_output=True, text=True,
                timeout=60, check=False,
            )  # fmt: skip
            assert (done.returncode, done.stderr) == (int(name or 0), "")
        else:
            assert what == "output"
            assert re.fullmatch(pattern(text), done.stdout, re.DOTALL), done.stdout


def test_the_chinese_page_has_the_same_blocks_and_headings(blocks, root):
    pages = [(root / f"docs/{n}").read_text("utf-8") for n in ("tutorial.md", "tutorial.zh-CN.md")]
    assert _BLOCK.findall(pages[1]) == blocks
    heading = re.compile("^(#+) ", re.MULTILINE)
    assert heading.findall(pages[0]) == heading.findall(pages[1])
