"""The command line as a function of its inputs, and a server that is started and stopped for real."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

from mockgpt import __version__
from mockgpt.cli import main
from mockgpt.files.scenarios import shipped
from mockgpt.files.schema import scenario_schema


def run(*arguments, stdin=None, env=None):
    return CliRunner().invoke(main, arguments, input=stdin, env=env, prog_name="mockgpt")


@pytest.mark.parametrize(
    ("arguments", "page"),
    [
        (["--help"], "mockgpt"),
        (["check", "--help"], "check"),
        (["explain", "--help"], "explain"),
        (["run", "--help"], "run"),
        (["serve", "--help"], "serve"),
        (["tokens", "-h"], "tokens"),
        (["schema", "-h"], "schema"),
        (["scenarios", "-h"], "scenarios"),
    ],
)
def test_help_is_the_page_under_review(arguments, page, root):
    done = subprocess.run(
        [sys.executable, "-m", "mockgpt", *arguments],
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert done.stdout == (root / "tests/docs/help" / f"{page}.txt").read_text("utf-8")


def test_shipped_scenarios_are_listed_with_what_they_are_about():
    listed = run("scenarios")
    assert listed.exit_code == 0
    names = [line for line in listed.output.splitlines() if not line.startswith(" ")]
    assert names == list(shipped())
    assert "documentation\n    The examples of the service's own documentation, " in listed.output
    assert max(map(len, listed.output.splitlines())) <= 100


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_scenario_is_printed_to_begin_one_s_own_with(name, tmp_path):
    printed = run("scenarios", name).output
    assert printed == shipped()[name].read_text("utf-8")
    (tmp_path / "mine.yaml").write_text(printed, "utf-8")
    for other in shipped()[name].parent.glob("*.txt"):  # that a scenario takes texts from
        (tmp_path / other.name).write_bytes(other.read_bytes())
    assert run("check", str(tmp_path / "mine.yaml")).output == "1 file, 0 errors, 0 warnings\n"


def test_a_scenario_that_is_not_shipped_is_told_with_those_that_are():
    done = run("scenarios", "tuor")
    assert done.exit_code == 2
    assert done.output == f"Error: expected one of {', '.join(shipped())}; found 'tuor'\n"


def test_version():
    assert run("--version").stdout == f"mockgpt {__version__}\n"


@pytest.mark.parametrize("given", ["argument", "stdin"])
def test_tokens_shows_the_pieces_and_their_number(given):
    text = "Say this message is from apigpt.cloud!"
    result = run("tokens", text) if given == "argument" else run("tokens", stdin=text)
    shown, counted = result.stdout.splitlines()
    assert shown.replace("|", "") == text
    assert counted == "10 tokens"
    assert shown.count("|") == 9


def test_what_an_output_cannot_show_is_escaped():
    done = subprocess.run(
        [sys.executable, "-m", "mockgpt", "tokens", "你好😀"],
        env={**os.environ, "PYTHONIOENCODING": "gbk"},
        capture_output=True,
        check=True,
    )
    assert "你" in done.stdout.decode("gbk")
    assert rb"\U0001f600" in done.stdout


def test_tokens_counts_no_text_that_it_cannot_read():
    result = run("tokens", stdin="今天天气".encode("gbk"))
    assert result.exit_code == 2
    assert "expected text in UTF-8, found 'utf-8' codec can't decode byte 0xbd" in result.output


HI = '{"messages": [{"role": "user", "content": "Hi"}]}'


@pytest.fixture
def scenario(tmp_path, monkeypatch):
    """Return the name of a scenario whose second rule answers a greeting."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.yaml").write_text(
        "mockgpt: 1\nrules:\n"
        "- {id: bye, when: {user: Bye}, reply: a}\n"
        "- {id: hi, when: {headers: {x-a: '1'}}, reply: b}\n"
        "- {id: rest, when: {endpoint: chat}, reply: c}\n",
        "utf-8",
    )
    return "two.yaml"


def test_explain_says_what_answers_and_why_the_rest_does_not(scenario):
    result = run("explain", scenario, "-", "--header", "X-A: 1", stdin=HI)
    assert result.exit_code == 0
    assert result.stdout == (
        "rule hi answers\n"
        "rule bye (two.yaml:3): does not answer\n"
        "  user: wanted equals 'Bye', got 'Hi'\n"
        "rule hi (two.yaml:4): answers\n"
        "rule rest (two.yaml:5): not tried, an earlier one answers; it would match, too\n"
    )


def test_explain_fails_where_nothing_answers(scenario, tmp_path):
    (tmp_path / "request.json").write_text('{"prompt": "Hi", "model": "gpt-4"}', "utf-8")
    result = run("explain", scenario, "request.json")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == "nothing answers"
    assert "  headers.x-a: wanted equals '1', got no such header" in result.stdout.splitlines()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected JSON, found an error: Input data was truncated"),
        ('{"a": "\\ud800"}', "expected JSON, found an error: "),
        (
            "{}",
            "expected `messages`, `prompt` or `input` in the body, found none of them; say --endp",
        ),
    ],
)
def test_explain_names_the_file_of_a_request_that_is_none(text, message, scenario, tmp_path):
    (tmp_path / "request.json").write_text(text, "utf-8")
    result = run("explain", scenario, "request.json")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: request.json: {message}")


@pytest.mark.parametrize("options", [(), ("--endpoint", "chat")])
def test_explain_takes_a_file_that_an_editor_of_windows_wrote(options, scenario, tmp_path):
    (tmp_path / "request.json").write_text(HI, "utf-8-sig")
    result = run("explain", scenario, "request.json", *options)
    assert result.stdout.startswith("rule rest answers\n")


def test_explain_repeats_what_the_service_would_refuse_with(scenario):
    result = run("explain", scenario, "-", stdin=HI.replace("user", "nobody"))
    assert result.exit_code == 1
    assert result.stdout.startswith("the service refuses it with 400: 'nobody' is not one of")


def test_explain_prints_json(scenario):
    result = run("explain", scenario, "-", "--json", stdin=HI)
    told = json.loads(result.stdout)
    assert (told["answered"], told["verdict"]) == (True, "rule rest answers")
    assert [tried["state"] for tried in told["tried"]] == ["differs", "differs", "answers"]


def test_explain_takes_headers_from_a_variable(scenario):
    result = run("explain", scenario, "-", stdin=HI, env={"MOCKGPT_HEADER": "x-b: 2\nx-a: 1"})
    assert result.stdout.startswith("rule hi answers\n")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["explain", "nothing", "-"],
            2,
            "Error: expected a shipped scenario (chat-bot, content-filter",
        ),
        (["explain", "documentation", "nowhere.json"], 2, "No such file or directory"),
        (["explain", "documentation", "-"], 2, "Error: standard input: expected JSON, found an"),
        (
            ["explain", "documentation", "-", "--header", "a"],
            2,
            "expected 'name: value', found 'a'",
        ),
        (["serve", "nothing"], 2, "Error: expected a shipped scenario (chat-bot, content-filter"),
        (["serve", "--service", "nothing"], 2, "Error: expected a service's name (pgpt)"),
        (["serve", "--listen", "nowhere"], 2, "expected HOST:PORT with a port from 0 to 65535"),
        (["serve", "--listen", ":99999"], 2, "expected HOST:PORT with a port from 0 to 65535"),
        (
            ["serve", "--max-body", "many"],
            2,
            "expected a size such as 16MiB or 1000000, found 'many'",
        ),
        (["serve", "--max-body", "0"], 2, "expected a size such as 16MiB or 1000000, found '0'"),
        (["serve", "--errors", "french"], 2, "'french' is not one of 'openai', 'azure', 'fastapi'"),
        (["serve", "--clock", "slow"], 2, "'slow' is not one of 'frozen', 'real'"),
        (["serve", "--watch"], 2, "expected a scenario to --watch, found none"),
        (
            ["serve", "--control-token", "a b"],
            2,
            "Error: option control_token (--control-token): expected a token of visible ASCII chara",
        ),
        (
            ["serve", "--api-key", ""],
            2,
            "Error: option api_keys (--api-key): expected keys of at least one character, found an",
        ),
        (["serve", "--nothing"], 2, "No such option"),
        (["nothing"], 2, "No such command"),
    ],
)
def test_what_cannot_be_used_is_one_clear_error(arguments, code, message):
    result = run(*arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_broken_scenario_is_one_line_with_its_place(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("mockgpt: 1\nrulez: []\n", "utf-8")
    result = run("serve", str(path))
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {path}:2:1: rulez: expected a known key, found 'rulez'; did you mean 'rules'?\n"
    )


def test_every_error_of_a_scenario_is_a_line(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("mockgpt: 1\nrulez: []\nseed: a\n", "utf-8")
    result = run("serve", str(path))
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {path}:2:1: rulez: expected a known key, found 'rulez'; did you mean 'rules'?\n"
        f"{path}:3:7: seed: expected an integer, found 'a'\n"
    )


def test_schema_prints_the_schema():
    result = run("schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads(json.dumps(scenario_schema()))
    assert result.stdout.startswith(
        '{\n  "$schema": "https://json-schema.org/draft/2020-12/schema"'
    )


def test_a_taken_port_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("serve", "--listen", f"127.0.0.1:{port}")
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: cannot listen on 127.0.0.1:{port} (Address already in use); "
        "choose another with --listen HOST:PORT, port 0 picks a free one\n"
    )


@pytest.fixture
def start():
    """Start `mockgpt serve` on a free port; return the process and the port that it prints."""
    started = []

    def start(*arguments, **variables):
        process = subprocess.Popen(
            [sys.executable, "-m", "mockgpt", "serve", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "MOCKGPT_LISTEN": "127.0.0.1:0", **variables},
        )
        started.append(process)
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, f"{line!r} {process.stderr.read() if process.poll() is not None else ''}"
        return process, int(found[1])

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=20)


def ask(port, body, path="/v1/chat/completions", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(
        "POST", path, json.dumps(body), {"content-type": "application/json", **headers}
    )
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response, data


HELLO = {"messages": [{"role": "user", "content": "Say this message is from apigpt.cloud!"}]}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_serve_answers_logs_a_line_a_request_and_stops_on_a_signal(start, number):
    process, port = start("documentation")
    response, data = ask(port, HELLO, **{"api-key": "sk-secret-0123456789"})
    assert response.status == 200
    assert json.loads(data)["usage"]["total_tokens"] == 36
    ask(port, {**HELLO, "top_p": 0.5}, authorization="Bearer k")
    ask(port, HELLO)
    ask(
        port,
        {"model": "text-embedding-ada-002", "input": "a"},
        "/v1/embeddings",
        **{"api-key": "k"},
    )
    ask(port, HELLO, "/chat/completions", **{"api-key": "k"})
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 0
    lines = [re.sub(r"[\d.]+ ms", "0 ms", line) for line in stderr.splitlines()]
    assert lines[0] == "POST /v1/chat/completions  200  18+18 tokens  0 ms  rule first-request"
    assert lines[1] == (
        "POST /v1/chat/completions  200  18+18 tokens  0 ms  rule first-request  ignored top_p"
    )
    assert lines[2].startswith(
        "POST /v1/chat/completions  401  0 ms  missing_api_key: You didn't provide an API key."
    )
    assert lines[3] == "POST /v1/embeddings  200  1 tokens  0 ms  rule anything-else"
    assert lines[4] == (
        "POST /chat/completions  404  0 ms  "
        "unknown_url: Invalid URL (POST /chat/completions); let the base URL end in /v1"
    )
    assert len(lines) == 5
    assert "secret" not in stderr + stdout


def test_the_banner_has_what_a_user_copies(start):
    process, port = start("documentation")
    process.terminate()
    rest = process.stdout.read()
    for text in (
        f"export OPENAI_BASE_URL=http://127.0.0.1:{port}/v1\n",
        f"export OPENAI_API_BASE=http://127.0.0.1:{port}/v1\n",
        "export OPENAI_API_KEY=sk-mock\n",
        f"curl http://127.0.0.1:{port}/v1/chat/completions ",
    ):
        assert text in rest


def test_quiet_is_one_line_and_no_log(start):
    process, port = start("-q")
    ask(port, HELLO, **{"api-key": "k"})
    process.terminate()
    assert process.communicate(timeout=20) == ("", "")


def test_watched_files_are_served_as_they_are_now(start, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("mockgpt: 1\nrules: [{reply: before}]\n", "utf-8")
    process, port = start("--watch", "-q", str(path))

    def said():
        _, data = ask(port, HELLO, **{"api-key": "k"})
        return json.loads(data)["choices"][0]["message"]["content"]

    assert said() == "before"
    path.write_text("mockgpt: 1\nrulez: []\n", "utf-8")
    assert process.stderr.readline() == (
        f"not reloaded, what was served before still is: {path}:2:1: rulez: expected a known key, "
        "found 'rulez'; did you mean 'rules'?\n"
    )
    assert said() == "before"
    path.write_text("mockgpt: 1\nrules: [{reply: after}]\n", "utf-8")
    assert process.stderr.readline() == "reloaded x.yaml\n"
    assert said() == "after"
    process.terminate()
    assert process.communicate(timeout=20)[1] == ""
    assert process.returncode == 0


def test_the_control_token_is_an_option_and_never_shown(start):
    process, port = start("--control-token", "open-sesame", "documentation")
    response, _ = ask(port, {"advance": 1}, "/_mockgpt/clock")
    assert response.status == 401
    token = {"authorization": "Bearer open-sesame"}
    response, data = ask(port, {"advance": 1}, "/_mockgpt/clock", **token)
    assert (response.status, json.loads(data)["frozen"]) == (200, True)
    process.terminate()
    assert "sesame" not in "".join(process.communicate(timeout=20))


@pytest.mark.parametrize(("more", "status"), [((), 403), (("--control-token", "t"), 200)])
def test_listening_beyond_this_machine_is_warned_of(more, status):
    command = [sys.executable, "-m", "mockgpt", "serve", "-q", "--listen", "0.0.0.0:0", *more]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        port = int(re.search(r":(\d+)$", process.stdout.readline())[1])
        response, data = ask(port, {"advance": 1}, "/_mockgpt/clock", authorization="Bearer t")
        assert response.status == status, data
        process.terminate()
        assert process.communicate(timeout=20)[1] == (
            f"warning: http://0.0.0.0:{port} is reached from other machines, and answers whoever "
            "asks; listen on\n127.0.0.1 unless that is meant. Without --control-token nobody may "
            "use /_mockgpt/ there.\n"
        )


def test_every_option_is_a_variable_too(start):
    _, port = start(
        MOCKGPT_ERRORS="azure", MOCKGPT_API_KEY="one two", MOCKGPT_STRICT="1", MOCKGPT_SEED="5",
        MOCKGPT_MAX_BODY="1KB", MOCKGPT_CLOCK="real", MOCKGPT_QUIET="1",
    )  # fmt: skip
    response, data = ask(port, HELLO, **{"api-key": "three"})
    assert (response.status, json.loads(data)["error"]["code"]) == (401, "401")
    response, data = ask(port, HELLO, **{"api-key": "two"})
    assert response.status == 200
    assert json.loads(data)["created"] > 1_700_000_000
    response, data = ask(port, {**HELLO, "top_p": 0.5}, **{"api-key": "one"})
    assert response.status == 400
    response, data = ask(port, {"messages": "a" * 1000}, **{"api-key": "one"})
    assert response.status == 413


def test_options_of_the_command_and_variables_agree():
    names = [
        (option, parameter.envvar)
        for command in main.commands.values()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    ]
    strict = ("--strict", None)  # of `check`: the server's has the variable
    names.remove(strict)
    assert strict not in names
    for option, variable in names:
        assert variable == "MOCKGPT_" + option[2:].replace("-", "_").upper()


def test_a_rule_of_redact_that_cannot_be_is_refused():
    result = run("serve", "--redact", "emails", "--redact", "(")
    assert result.exit_code == 2
    assert "Invalid value for '--redact'" in result.stderr
    assert "expected prompts, replies, emails or a regular expression, found '('" in result.stderr


def test_explain_redacts(tmp_path):
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "my secret life"}]}))
    result = run("explain", "documentation", str(path), env={"MOCKGPT_REDACT": "emails\nprompts"})
    assert "got '‹redacted, 14 characters›'" in result.stdout
