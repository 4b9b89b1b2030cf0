"""Everything that the READMEs show is run as it stands."""

import json
import re
import shlex
import subprocess
import sys
from typing import get_args

import openai
import pytest
import yaml

from mockgpt import MockGPT
from mockgpt.cli import main
from mockgpt.core.bodies import _OPERATORS
from mockgpt.core.codes import ErrorCode, WarningCode, severity
from mockgpt.core.conditions import TextMatch, When
from mockgpt.core.faults import Fault, Place
from mockgpt.core.limits import Limits
from mockgpt.core.pace import Pace
from mockgpt.core.replies import ErrorReply, Reply
from mockgpt.core.scenario import Rule, Scenario, Step
from mockgpt.files.scenarios import shipped
from mockgpt.files.services import load_service
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
    known |= {"run", "intercept", "workflow", "service"}
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


def test_the_tests_pass(blocks, pytester, monkeypatch, as_users):
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    tests = marked(blocks, "pytest")
    pytester.makepyfile(**{f"test_{number}": text for number, text in enumerate(tests)})
    result = pytester.runpytest_subprocess(*as_users, "--strict-markers", timeout=60)
    result.assert_outcomes(passed=len(tests))


def test_the_python_prints_what_its_comments_say(blocks, tmp_path):
    for code in marked(blocks, "python"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path,
        )  # fmt: skip
        said = re.findall(r"print\(.*\)  # (.*)", code)
        assert done.stdout.splitlines() == [line.strip('"') for line in said]


def test_the_service_has_the_model_that_it_adds(blocks, tmp_path):
    (text,) = marked(blocks, "service")
    (tmp_path / "gateway.yaml").write_text(text, "utf-8")
    with MockGPT(service=str(tmp_path / "gateway.yaml")) as mock:
        client = openai.OpenAI(base_url=mock.base_url, api_key="k")
        question = [{"role": "user", "content": "Hello!"}]
        for asked, answers in (("gpt-4o-mini", "gpt-4o-mini-2024-07-18"), ("gpt-4", "gpt-4")):
            answer = client.chat.completions.create(model=asked, messages=question)
            assert answer.model == answers
        mock.on(user="Hello!").reply("scripted")
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=question)
        assert answer.choices[0].message.content == "scripted"


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
    question = "How is the weather in Oslo?"
    with MockGPT(tmp_path / "retries.yaml", speed=100) as mock:
        assert ask(mock, question)["error"]["type"] == "requests"
        with pytest.raises(subprocess.CalledProcessError):
            ask(mock, question)
        answer = ask(mock, question)["choices"][0]["message"]["content"]
        assert answer == "Oslo is sunny, at attempt 3."
        for _ in range(2):
            answer = ask(mock, question)["choices"][0]["message"]["content"]
            assert answer == "One word at a time"
        assert [(e.call, e.attempt) for e in mock.journal] == [
            (1, 1),
            (1, 2),
            (1, 3),
            (2, 1),
            (3, 1),
        ]
        mock.check(allow=["retry_after_ignored"])  # this client waits for nothing


TABLES = {  # types of the language whose keys are a table's rows, by the head of its first column
    "scenario": Scenario, "rule": Rule, "when": When, "text": TextMatch, "reply": Reply,
    "error": ErrorReply, "pace": Pace, "limits": Limits, "step": Step,
}  # fmt: skip
FAULTS = {fault.__struct_config__.tag: fault for fault in get_args(Fault)}
OF_ALL_FAULTS = {"chance", "on_call", "on_attempt"}
_TABLE = re.compile(r"^\| (\S+) \|.*\n\|[-|]+\n((?:\|.*\n)+)", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


@pytest.fixture(scope="module")
def tables(root):
    """Return the README's tables by their first head: pairs of a row's keys and the rest of it."""
    return {
        head: [
            (set(_CODE.findall(row.split("|")[1])), row.split("|", 2)[2])
            for row in rows.splitlines()
        ]
        for head, rows in _TABLE.findall((root / "README.md").read_text("utf-8"))
    }


def held(language, kind, key):
    """Return what a key may hold: texts, and the keys of types that have no table of their own."""
    values, keys = set(), set()
    for one in language[kind][key]:
        if not isinstance(one, type):
            values.add(str(one))
        elif one not in TABLES.values() and one not in FAULTS.values():
            keys |= language[one].keys()
            for name in language[one]:
                inner_values, inner_keys = held(language, one, name)
                values |= inner_values
                keys |= inner_keys
    return values, keys


@pytest.mark.parametrize("head", TABLES)
def test_the_tables_have_every_key_of_the_language(head, tables, language):
    kind, rows = TABLES[head], tables[head]
    everywhere = {key for table in tables.values() for keys, _ in table for key in keys}
    assert sorted(key for keys, _ in rows for key in keys) == sorted(language[kind])
    for keys, rest in rows:
        found = [held(language, kind, key) for key in keys]
        values, inner = (set().union(*sets) for sets in zip(*found, strict=True))
        assert values <= everywhere | set(_CODE.findall(rest)), keys
        braces = re.findall(r"\{([\w, ]+)\}", rest)
        assert {name for text in braces for name in text.split(", ")} == inner, keys


def test_the_table_has_every_fault_and_its_options(tables, language):
    (_, shared), *rows = tables["fault"]
    assert set(_CODE.findall(shared)) == OF_ALL_FAULTS
    assert sorted(kind for kinds, _ in rows for kind in kinds) == sorted(FAULTS)
    for kinds, rest in rows:
        shown = set(_CODE.findall(rest.split("|")[1]))
        for kind in kinds:
            options = language[FAULTS[kind]].keys() - OF_ALL_FAULTS
            values = {v for one in options for v in language[FAULTS[kind]][one] if v is not Place}
            assert options | values == shown, kind


def test_the_places_of_faults_and_the_operators_of_bodies_are_told(root, language):
    text = (root / "README.md").read_text("utf-8")
    assert all(f"`{{{key}: N}}`" in text for key in language[Place])
    assert all(f"`{name}`" in text for name in _OPERATORS)


def test_the_error_presets_are_the_service_s(tables):
    (told,) = (rest for keys, rest in tables["error"] if keys == {"preset"})
    assert set(_CODE.findall(told)) <= load_service("pgpt").presets


def test_every_shipped_scenario_has_a_line(tables):
    assert sorted(name for names, _ in tables["name"] for name in names) == sorted(shipped())


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_table_has_every_finding_and_its_severity(page, root):
    rows = re.findall(
        r"^\| `(\w+)` \| (error|warning) \| .+ \|$", (root / page).read_text("utf-8"), re.MULTILINE
    )
    assert rows == [
        (code, severity(code, frozenset()))
        for code in (*get_args(ErrorCode), *get_args(WarningCode))
    ]


def ask(mock, text):
    return post(mock, "/chat/completions", {"messages": [{"role": "user", "content": text}]})


def post(mock, path, body):
    command = ["curl", "-sS", mock.base_url + path, "-H", "api-key: k"]
    command += ["-H", "content-type: application/json", "-d", json.dumps(body)]
    done = subprocess.run(command, capture_output=True, timeout=20, check=True)
    return json.loads(done.stdout)


def options_of(command):
    """Return the options of a command, and what each says of itself."""
    return {
        (option, parameter.help)
        for parameter in main.commands[command].params
        for option in parameter.opts
        if option.startswith("--")
    }


@pytest.mark.parametrize(
    ("section", "options"),
    [
        ("Command line", options_of("serve")),
        ("In any language", options_of("run") - options_of("serve")),
    ],
)
def test_the_table_has_every_option_of_the_command(section, options, root):
    text = (root / "README.md").read_text("utf-8")
    (table,) = re.findall(rf"^## {section}\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    shown = {
        name
        for cell in re.findall(r"^\| (`-.*?) \| ", table, re.MULTILINE)
        for name in re.findall(r"--[\w-]+", cell)
    }
    assert shown == {name for name, _ in options}


CLIENT = """
import json, os, urllib.request
body = {"messages": [{"role": "user", "content": "What is the weather?"}]}
headers = {"content-type": "application/json", "api-key": os.environ["OPENAI_API_KEY"]}
url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
for attempt in range(3):
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            print(json.load(response)["choices"][0]["message"]["content"])
        break
    except urllib.error.HTTPError as error:
        error.close()
"""


def run(line, folder, client=CLIENT):
    """Run a line with a client of ours in place of the command after its dashes."""
    program, *words = shlex.split(line)
    assert program == "mockgpt"
    words = words[: words.index("--") + 1]
    return subprocess.run(
        [sys.executable, "-m", "mockgpt", *words, sys.executable, "-c", client],
        capture_output=True, text=True, timeout=60, check=False, cwd=folder,
    )  # fmt: skip


def test_a_command_in_any_language_is_run(blocks, tmp_path):
    (line,) = marked(blocks, "run")
    done = run(line, tmp_path)
    assert done.returncode == 1  # this client waits for nothing
    assert done.stderr.splitlines()[-1] == (
        "mockgpt: 3 requests, 1 call, 1 error (retry_after_ignored), 1 warning (no_backoff)"
    )
    assert len(done.stdout) > 20


def test_a_client_with_a_hard_coded_host_is_answered(blocks, tmp_path):
    (line,) = marked(blocks, "intercept")
    asked = re.search("-d '(.*)'", *marked(blocks, "curl"))[1]
    hard_coded = f"""
import urllib.request
headers = {{"content-type": "application/json", "api-key": "k"}}
url = "https://openai.pgpt.cloud/v1/chat/completions"
with urllib.request.urlopen(urllib.request.Request(url, {asked.encode()}, headers)) as response:
    print(response.read().decode(), end="")
"""
    done = run(line, tmp_path, hard_coded)
    assert (done.returncode, done.stdout) == (0, marked_answer(blocks)), done.stderr


def test_the_workflow_runs(blocks, tmp_path):
    workflow = yaml.safe_load(*marked(blocks, "workflow"))
    assert workflow.keys() == {"name", True, "jobs"}  # `on` is a boolean of YAML 1.1
    assert workflow[True] == ["push", "pull_request"]
    (job,) = workflow["jobs"].values()
    assert job.keys() == {"runs-on", "steps"}
    steps = job["steps"]
    for step in steps:
        assert ("uses" in step) != ("run" in step)
        assert step.keys() <= {"uses", "run", "with", "if"}
        assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/x@v1"))
    (scenario,) = marked(blocks, "scenario")
    (tmp_path / "weather.yaml").write_text(scenario, "utf-8")
    (line,) = (step["run"] for step in steps if step.get("run", "").startswith("mockgpt "))
    done = run(line, tmp_path)
    assert (done.returncode, done.stdout) == (0, "Sunny.\n"), done.stderr
    kept = steps[-1]
    assert kept["if"] == "always()"
    assert (tmp_path / kept["with"]["path"] / "report.html").is_file()


def test_python_takes_the_command_s_options():
    command = {p.name for p in main.commands["serve"].params} - {
        *("scenarios", "listen", "quiet", "watch", "workers", "tls", "certificate", "key_file")
    }
    python = set(Options.__annotations__) - {"observer", "allow", "deny"}
    assert {name + "s" if name == "api_key" else name for name in command} == python


PAGES = ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "SECURITY.md"]
PAGES += [
    "docs/tutorial.md",
    "docs/tutorial.zh-CN.md",
    "docs/clients-and-faults.md",
    "docs/reliability.md",
]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page, root):
    """To files that are there, and to headings that the page has."""
    text = (root / page).read_text("utf-8")
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for path, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text):
        if not path:
            assert anchor in anchors
        elif not path.startswith("https://"):
            assert ((root / page).parent / path).exists(), path


def test_the_chinese_readme_has_the_same_blocks_headings_and_tables(blocks, root):
    chinese = (root / "README.zh-CN.md").read_text("utf-8")
    assert _BLOCK.findall(chinese) == blocks
    english = (root / "README.md").read_text("utf-8")
    heading = re.compile("^(#+) ", re.MULTILINE)
    assert heading.findall(chinese) == heading.findall(english)
    row = re.compile(r"^\|.*", re.MULTILINE)
    codes = [[sorted(_CODE.findall(one)) for one in row.findall(p)] for p in (chinese, english)]
    assert codes[0] == codes[1]
