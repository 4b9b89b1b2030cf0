"""Everything that the READMEs show is run as it stands."""

import json
import re
import subprocess
import sys
from typing import get_args

import pytest

from mockgpt import MockGPT
from mockgpt.cli import main
from mockgpt.core.faults import Fault
from mockgpt.options import Options

_BLOCK = re.compile(r"^(?:<!-- ([\w ]+) -->\n)?```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def blocks(root):
    """Return the code blocks of the README: (marker, language, text)."""
    return _BLOCK.findall((root / "README.md").read_text("utf-8"))


def marked(blocks, marker):
    found = [text for name, _, text in blocks if name == marker]
    assert found, f"no block is marked {marker}"
    return found


def test_every_block_is_run_or_shown_beside_one_that_is(blocks):
    known = {"run command", "test command", "curl", "pytest", "scenario", "retries", "python"}
    assert {marker for marker, _, _ in blocks} - {""} == known
    assert [text for marker, _, text in blocks if not marker] == [
        marked_answer(blocks),
        "mockgpt serve weather.yaml\n",
    ]


def marked_answer(blocks):
    return next(text for _, language, text in blocks if language == "json")


def test_the_set_up_commands_are_single_lines_for_a_fresh_clone(blocks):
    for marker in ("run command", "test command"):
        (command,) = marked(blocks, marker)
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -q")
        assert command.count("\n") == 1


def test_curl_gets_the_answer_that_is_shown(blocks):
    (command,) = marked(blocks, "curl")
    with MockGPT("documentation") as mock:
        assert "http://127.0.0.1:8080" in command
        here = command.replace("http://127.0.0.1:8080", mock.url).replace("curl ", "curl -sS ")
        done = subprocess.run(
            ["bash", "-c", here], capture_output=True, text=True, timeout=20, check=False
        )
    assert done.stderr == ""
    assert done.stdout == marked_answer(blocks)


def test_the_tests_pass(blocks, pytester, monkeypatch):
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    tests = marked(blocks, "pytest")
    pytester.makepyfile(**{f"test_{number}": text for number, text in enumerate(tests)})
    result = pytester.runpytest_subprocess(
        "--strict-markers", "-o", "asyncio_default_fixture_loop_scope=function", timeout=60
    )
    result.assert_outcomes(passed=len(tests))


def test_the_python_prints_what_its_comments_say(blocks, tmp_path):
    (code,) = marked(blocks, "python")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path,
    )  # fmt: skip
    said = re.findall(r"print\(.*\)  # (.*)", code)
    assert done.stdout.splitlines() == [line.strip('"') for line in said]


def test_the_scenario_answers_as_it_reads(blocks, tmp_path):
    (text,) = marked(blocks, "scenario")
    (tmp_path / "weather.yaml").write_text(text, "utf-8")
    with MockGPT(tmp_path / "weather.yaml") as mock:
        assert ask(mock, "What is the weather?")["choices"][0]["message"]["content"] == "Sunny."
        assert ask(mock, "My quota?")["error"]["type"] == "requests"
        filler = ask(mock, "Hello!")
        assert filler["usage"]["completion_tokens"] <= 20
        assert re.search("[\u4e00-\u9fff]", filler["choices"][0]["message"]["content"])
        vector = post(mock, "/embeddings", {"model": "text-embedding-ada-002", "input": "cat"})
        assert vector["data"][0]["embedding"][:2] == [0.25, -0.5]
        assert sum(x * x for x in vector["data"][0]["embedding"]) == pytest.approx(1, abs=1e-6)


def test_the_retries_go_as_it_reads(blocks, tmp_path):
    (text,) = marked(blocks, "retries")
    (tmp_path / "retries.yaml").write_text(text, "utf-8")
    with MockGPT(tmp_path / "retries.yaml", speed=100) as mock:
        assert ask(mock, "a")["error"]["type"] == "requests"
        with pytest.raises(subprocess.CalledProcessError):
            ask(mock, "a")
        assert ask(mock, "a")["choices"][0]["message"]["content"] == "It came through."
        for _ in range(2):
            assert ask(mock, "a")["choices"][0]["message"]["content"] == "One word at a time"
        assert [(e.call, e.attempt) for e in mock.journal] == [
            (1, 1),
            (1, 2),
            (1, 3),
            (2, 1),
            (3, 1),
        ]
        mock.check(allow=["retry_after_ignored"])  # this client waits for nothing


def test_the_table_has_every_fault_and_its_options(root):
    rows = re.findall(
        r"^\| (`[\w`, ]+) \| .* \| (.*)\|$", (root / "README.md").read_text("utf-8"), re.MULTILINE
    )
    shown = {
        kind: set(re.findall(r"`(\w+)`", options))
        for kinds, options in rows
        for kind in re.findall(r"`(\w+)`", kinds)
    }
    for fault in get_args(Fault):
        options = {name.rstrip("_") for name in fault.__struct_fields__}
        assert options - {"chance", "on_call", "on_attempt"} <= shown[fault.__struct_config__.tag]


def ask(mock, text):
    return post(mock, "/chat/completions", {"messages": [{"role": "user", "content": text}]})


def post(mock, path, body):
    command = ["curl", "-sS", mock.base_url + path, "-H", "api-key: k"]
    command += ["-H", "content-type: application/json", "-d", json.dumps(body)]
    done = subprocess.run(command, capture_output=True, timeout=20, check=True)
    return json.loads(done.stdout)


def test_the_table_has_every_option_of_the_command(root):
    text = (root / "README.md").read_text("utf-8")
    shown = {
        name
        for cell in re.findall(r"^\| (`-.*?) \| ", text, re.MULTILINE)
        for name in re.findall(r"--[\w-]+", cell)
    }
    options = {
        option
        for parameter in main.commands["serve"].params
        for option in parameter.opts
        if option.startswith("--")
    }
    assert shown == options


def test_python_takes_the_command_s_options():
    command = {p.name for p in main.commands["serve"].params} - {
        *("scenarios", "listen", "quiet", "watch")
    }
    python = set(Options.__annotations__) - {"observer"}
    assert {name + "s" if name == "api_key" else name for name in command} == python


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_links_lead_somewhere(page, root):
    for target in re.findall(r"\]\(([^)#]+)\)", (root / page).read_text("utf-8")):
        assert target.startswith("https://") or (root / target).exists(), target


def test_the_chinese_readme_has_the_same_blocks_and_options(blocks, root):
    chinese = (root / "README.zh-CN.md").read_text("utf-8")
    assert _BLOCK.findall(chinese) == blocks
    english = (root / "README.md").read_text("utf-8")
    heading = re.compile("^#+ ", re.MULTILINE)
    assert len(heading.findall(chinese)) == len(heading.findall(english))
    cell = re.compile(r"^\| (`-.*?) \| ", re.MULTILINE)
    assert cell.findall(chinese) == cell.findall(english)
