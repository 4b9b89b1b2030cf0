"""`mockgpt check` as its users meet it: on a terminal, in a script, and in a job at GitHub."""

import json

import pytest
from click.testing import CliRunner

from mockgpt.cli import main

BROKEN = "mockgpt: 1\nrules:\n- reply: {say: a}\n  when: {usr: x}\n"
DUBIOUS = "mockgpt: 1\nrules:\n- {id: any, reply: a}\n- {reply: b}\n"
ERROR = "rules[0].when.usr: expected a known key, found 'usr'; did you mean 'user'?"
WARNING = (
    "rule 'any' stands before it and answers all that it would; put this one first, or remove it"
)


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Check files of a folder; return the exit code and what was printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/broken.yaml").write_text(BROKEN)
    (tmp_path / "inner/dubious.yml").write_text(DUBIOUS)
    (tmp_path / "inner/workflow.yaml").write_text("on: push\n")
    (tmp_path / "inner/lost.yaml").symlink_to("nowhere")
    (tmp_path / "inner/loop").symlink_to(".")
    (tmp_path / "empty").mkdir()
    for elsewhere in (".venv/lib", "node_modules/x"):
        (tmp_path / "inner" / elsewhere).mkdir(parents=True)
        (tmp_path / "inner" / elsewhere / "other.yaml").write_text(BROKEN)

    def run(*arguments, **env):
        env = {"GITHUB_ACTIONS": None, **env}
        done = CliRunner().invoke(main, ["check", *arguments], env=env, prog_name="mockgpt")
        return done.exit_code, done.output

    return run


def test_shipped_scenarios_have_nothing_to_be_told(check, root):
    assert check(str(root / "scenarios")) == (0, check(str(root / "scenarios"))[1])
    assert ", 0 errors, 0 warnings\n" in check(str(root / "scenarios"))[1]
    assert check("documentation") == (0, "1 file, 0 errors, 0 warnings\n")


def test_a_folder_s_scenarios_are_checked(check):
    code, printed = check("inner")
    assert code == 1
    assert printed.splitlines() == [
        f"inner/broken.yaml:4:10: {ERROR}",
        f"inner/dubious.yml:4:3: rules[1]: warning shadowed_rule: {WARNING}",
        "2 files, 1 error, 1 warning",
    ]


def test_a_folder_s_scenario_may_begin_with_a_full_width_colon(check, tmp_path):
    (tmp_path / "empty/typo.yaml").write_text("mockgpt：1\nrules: [{reply: a}]\n", "utf-8")
    code, printed = check("empty")
    assert code == 1
    assert printed.startswith(
        "empty/typo.yaml:1:8: expected YAML, found the full-width '：'; write"
    )


def test_warnings_fail_only_where_that_is_asked_for(check):
    assert check("inner/dubious.yml")[0] == 0
    assert check("--strict", "inner/dubious.yml")[0] == 1
    assert check("inner/dubious.yml", MOCKGPT_STRICT="1")[0] == 0  # the server's


def test_what_is_too_much_to_tell_is_counted(check, tmp_path):
    (tmp_path / "many.yaml").write_text("mockgpt: 1\n" + "".join(f"k{i}: 1\n" for i in range(1300)))
    rules = "".join(f"- {{reply: {{say: '{i}'}}}}\n" for i in range(300))
    faults = "- {when: {stream: false}, reply: {say: a, faults: [{kind: no_done}]}}\n"
    (tmp_path / "dubious.yaml").write_text(f"mockgpt: 1\nrules:\n{faults}{rules}")
    code, printed = check("many.yaml", "dubious.yaml")
    *_, errors, first, last = printed.splitlines()[:102]
    assert code == 1
    assert errors.startswith("many.yaml:101:1: k99: expected a known key, found 'k99'")
    assert first == "many.yaml: … and 1,200 more"
    assert last.startswith("dubious.yaml:3:")
    assert printed.splitlines()[-2:] == [
        "dubious.yaml: warning shadowed_rule: … and 200 more",
        "2 files, 1,300 errors, 300 warnings",
    ]


def test_json_counts_what_is_too_much_to_tell(check, tmp_path):
    rules = "- {reply: a}\n" * 300
    (tmp_path / "dubious.yaml").write_text(f"mockgpt: 1\nrules:\n{rules}")
    *told, last = json.loads(check("--json", "dubious.yaml")[1])
    assert len(told) == 100
    assert last == {
        "message": "… and 199 more",
        "file": "dubious.yaml",
        "line": None,
        "column": None,
        "path": "",
        "code": "shadowed_rule",
        "more": 199,
    }
    _, printed = check("dubious.yaml", GITHUB_ACTIONS="1")
    assert printed.splitlines()[100:] == [
        "::warning file=dubious.yaml,title=shadowed_rule::… and 199 more",
        "1 file, 0 errors, 299 warnings",
    ]


def test_json_is_for_programs(check):
    code, printed = check("--json", "inner")
    assert code == 1
    assert json.loads(printed)[1] == {
        "message": WARNING,
        "file": "inner/dubious.yml",
        "line": 4,
        "column": 3,
        "path": "rules[1]",
        "code": "shadowed_rule",
    }


def test_github_gets_annotations(check):
    _, printed = check("inner", GITHUB_ACTIONS="true")
    assert printed.splitlines()[:2] == [
        f"::error file=inner/broken.yaml,line=4,col=10,title=rules[0].when.usr::{ERROR}",
        f"::warning file=inner/dubious.yml,line=4,col=3,title=shadowed_rule::rules[1]: {WARNING}",
    ]


def test_what_github_would_read_as_its_own_is_escaped(check, tmp_path):
    (tmp_path / "a,b%.yaml").write_text('mockgpt: 1\nseed: "1%0A::error::no"\n')
    _, printed = check("a,b%.yaml", GITHUB_ACTIONS="1")
    assert printed.splitlines()[0] == (
        "::error file=a%2Cb%25.yaml,line=2,col=7,title=seed::seed: expected an integer, "
        "found '1%250A::error::no'"
    )


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("missing.yaml", 1, "missing.yaml: expected a scenario file, found none"),
        ("empty", 2, "empty: expected .yaml files with a line 'mockgpt: 1', found none"),
        ("nowhere", 1, "expected a shipped scenario ("),
    ],
)
def test_what_is_not_there_is_told(check, path, code, message):
    found, printed = check(path)
    assert found == code
    assert message in printed
