"""`mockgpt run` with real commands: its environment, codes, signals, timeout and reports."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from mockgpt.cli import child, main

PATIENCE = 30  # seconds until a run that does not end is a failure

# A client without a library: asks for every argument, SESSION=TEXT or TEXT, and prints the statuses.
CLIENT = """
import json, os, sys, urllib.error, urllib.request
for given in sys.argv[1:]:
    session, _, text = given.rpartition("=")
    base = os.environ["OPENAI_BASE_URL"]
    if session:
        base = os.environ["MOCKGPT_URL"] + "/s/" + session + "/v1"
    body = json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
    headers = {"content-type": "application/json"}
    headers["authorization"] = "Bearer " + os.environ["OPENAI_API_KEY"]
    request = urllib.request.Request(base + "/chat/completions", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            response.read()
            print(response.status)
    except urllib.error.HTTPError as error:
        with error:
            print(error.code)
"""
# Says so when it can be signalled, and waits for a minute; a signal is named, and ends it with 5.
CATCHER = """
import signal, sys
def caught(number, frame):
    print(signal.Signals(number).name, flush=True)
    sys.exit(5)
for name in sys.argv[1:]:
    signal.signal(signal.Signals[name], caught)
signal.alarm(60)
print("ready", flush=True)
while True:
    signal.pause()
"""


IDLE = ("--allow", "never_asked")  # the command is to ask nothing


def python(code, *arguments):
    return [sys.executable, "-c", code, *arguments]


def asking(*texts):
    return python(CLIENT, *texts)


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    """Take away what would be read as an option, and signals that whoever runs this ignores."""
    for name in tuple(os.environ):
        if name.startswith(("MOCKGPT_", "OPENAI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    before = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def run(capfd):
    """Run a command; return its code, and what was written to both streams."""

    def run(*arguments, command):
        words = [*map(str, arguments), "--", *map(str, command)]
        result = CliRunner().invoke(main, ["run", *words], catch_exceptions=False)
        return result.exit_code, capfd.readouterr().out, result.stderr

    return run


def started(command):
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    words = [sys.executable, "-m", "mockgpt", "run", *IDLE, "--", *command]
    return subprocess.Popen(words, **streams)


@pytest.fixture
def scenario(tmp_path):
    """Write a scenario that answers `Hi`, throttles `busy` and stalls `stall`; more may come first."""

    def write(script=""):
        path = tmp_path / "s.yaml"
        path.write_text(
            f"mockgpt: 1\n{script}rules:\n"
            "- {id: hi, when: {user: Hi}, reply: Hello, after_last: repeat}\n"
            "- {id: busy, when: {user: busy}, reply: {error: rate_limit_requests}}\n"
            "- {id: stall, when: {user: stall}, reply: {say: a, faults: [{kind: stall}]}}\n",
            "utf-8",
        )
        return path

    return write


SCRIPT = "script: [{id: first, expect: {user: first}, reply: ok}]\n"
VARIABLES = ("OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_API_KEY", "MOCKGPT_URL")
SHOW = f"import json, os; print(json.dumps([os.environ[name] for name in {VARIABLES}]))"


@pytest.mark.parametrize(
    ("arguments", "path", "key"),
    [
        ([], "/v1", "sk-mock"),
        (["--session", "mine"], "/s/mine/v1", "sk-mock-mine"),
        (["--api-key", "one", "--api-key", "two"], "/v1", "one"),
    ],
)
def test_the_command_is_pointed_to_the_server(run, arguments, path, key):
    code, out, err = run(*IDLE, *arguments, command=python(SHOW))
    base, old, shown, url = json.loads(out)
    assert (code, err) == (0, "mockgpt: 0 requests, 0 calls, no findings\n")
    assert url.startswith("http://127.0.0.1:")
    assert (base, old, shown) == (url + path, url + path, key)


def test_its_scenario_may_be_a_variable(run, scenario, monkeypatch):
    monkeypatch.setenv("MOCKGPT_SCENARIO", str(scenario(SCRIPT)))
    code, _, err = run(command=["true"])
    assert (code, err.splitlines()[-1]) == (
        1,
        "mockgpt: 0 requests, 0 calls, 1 error (unmet_step), 1 warning (never_asked)",
    )


def test_its_streams_are_its_own():
    with started(["sh", "-c", "cat; echo err >&2"]) as process:
        out, err = process.communicate(b"in\xff\n", timeout=PATIENCE)
    assert (process.returncode, out) == (0, b"in\xff\n")
    assert err == b"err\nmockgpt: 0 requests, 0 calls, no findings\n"


@pytest.mark.parametrize(
    ("program", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -15 $$", 143)]
)
def test_the_code_is_the_command_s(run, program, code):
    found, _, err = run(*IDLE, command=["sh", "-c", program])
    assert (found, err) == (code, "mockgpt: 0 requests, 0 calls, no findings\n")


def test_words_after_the_dashes_are_no_options_of_ours(run):
    _, out, _ = run("-q", command=["echo", "-q", "--seed", "--", "--help"])
    assert out == "-q --seed -- --help\n"


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("nothing", 127, "No such file or directory"),
        ("text", 126, "Permission denied"),
        ("garbage", 126, "Exec format error"),
    ],
)
def test_what_cannot_be_started_is_told(run, tmp_path, name, code, reason):
    (tmp_path / "text").write_text("text")
    (tmp_path / "garbage").write_bytes(b"\x00\x01")
    (tmp_path / "garbage").chmod(0o755)
    path = tmp_path / name
    assert run(command=[path]) == (
        code,
        "",
        f"mockgpt: cannot run '{path}' ({reason}); expected a program on PATH, or a path\n",
    )


@pytest.mark.parametrize(
    ("arguments", "asked", "told"),
    [
        ([], ["Hi", "Hi"], (0, "2 requests, 2 calls, no findings")),
        ([], ["busy"], (0, "1 request, 1 call, 1 warning (gave_up)")),
        (["--deny", "gave_up"], ["busy"], (1, "1 request, 1 call, 1 error (gave_up)")),
        (["--allow", "gave_up"], ["busy"], (0, "1 request, 1 call, no findings")),
        ([], ["?"], (1, "1 request, 1 call, 1 error (unmatched_request)")),
        (["--allow", "unmatched_request"], ["?"], (0, "1 request, 1 call, no findings")),
        (["--on-miss", "filler"], ["?"], (0, "1 request, 1 call, no findings")),
        (["--api-key", "right"], ["Hi"], (0, "1 request, 1 call, no findings")),
    ],
)
def test_findings_decide_where_the_command_passed(run, scenario, arguments, asked, told):
    code, _, err = run(scenario(), *arguments, command=asking(*asked))
    *transcript, last = err.splitlines()
    assert (code, last) == (told[0], f"mockgpt: {told[1]}")
    assert bool(transcript) == bool(code or "warning" in told[1])


def test_a_warning_is_told_once_and_fails_nothing(run, scenario):
    code, _, err = run(scenario(), command=asking("busy", "one=busy"))
    first, last = err.splitlines()
    assert code == 0
    assert first.startswith(
        "mockgpt: warning gave_up (2), first in default: POST /v1/chat/completions (#1): "
    )
    assert last == "mockgpt: 2 requests, 2 calls, 2 warnings (gave_up)"
    assert run(scenario(), "-q", command=asking("busy"))[2] == ""


@pytest.mark.parametrize("name", ["default", "mine"])
def test_a_command_that_asks_nothing_is_warned_of(run, scenario, name):
    arguments = ["--session", name]
    code, _, err = run(scenario(), *arguments, command=["true"])
    warning, last = err.splitlines()
    assert (code, last) == (0, "mockgpt: 0 requests, 0 calls, 1 warning (never_asked)")
    assert warning == (
        f"mockgpt: warning never_asked (1), first in {name}: no request came; let the client's base "
        "URL be OPENAI_BASE_URL, answer in the place of the host that it asks with --intercept, or "
        "expect it: --allow never_asked"
    )
    assert run(scenario(), *arguments, "--deny", "never_asked", command=["true"])[0] == 1


def test_errors_are_printed_with_the_requests_that_show_them_quiet_or_not(run, scenario):
    code, out, err = run(scenario(), "-q", command=asking("Hi", "?"))
    first, finding, *rest = err.splitlines()
    assert (code, out) == (1, "200\n400\n")
    assert first.startswith("mockgpt: default")
    assert first.endswith(": 2 requests, 1 finding")
    assert finding.startswith("  error unmatched_request (#2): POST /v1/chat/completions: ")
    assert any(line.startswith('  #1 +0.000s chat "Hi" -> rule hi') for line in rest)


def test_a_command_that_fails_shows_what_it_asked_and_keeps_its_code(run, scenario):
    program = asking("?")
    program[2] += "\nsys.exit(3)"
    code, _, err = run(scenario(), command=program)
    assert code == 3
    assert "error unmatched_request (#1)" in err


def test_every_session_that_was_used_is_judged_by_its_name(run, scenario):
    code, out, err = run(scenario(), "--session", "mine", command=asking("Hi", "one=Hi", "two=?"))
    assert (code, out) == (1, "200\n200\n400\n")
    heads = [
        line.split()[1].split("(")[0].rstrip(":") for line in err.splitlines() if line[0] == "m"
    ]
    assert heads == ["mine", "one", "two", "3"]
    assert err.endswith("mockgpt: 3 requests, 3 calls, 1 error (unmatched_request)\n")


def test_of_many_sessions_those_with_findings_are_told(run, scenario):
    _, _, err = run(scenario(), command=asking("a=Hi", "b=?", "c=Hi", "d=Hi"))
    assert [line for line in err.splitlines() if line[0] == "m"] == [
        "mockgpt: b (passed): 1 request, 1 finding",
        "mockgpt: 3 other sessions without findings",
        "mockgpt: 4 requests, 4 calls, 1 error (unmatched_request)",
    ]


@pytest.mark.parametrize(
    ("arguments", "asked", "found"),
    [
        ([*IDLE], [], "0 requests, 0 calls, 1 error (unmet_step)"),
        ([*IDLE, "--session", "mine"], [], "0 requests, 0 calls, 1 error (unmet_step)"),
        (["--session", "mine"], ["first"], "1 request, 1 call, no findings"),
        ([], ["other=first"], "1 request, 1 call, no findings"),
    ],
)
def test_a_script_is_to_be_met_where_somebody_was_pointed_or_asked(
    run, scenario, arguments, asked, found
):
    _, _, err = run(scenario(SCRIPT), *arguments, command=asking(*asked))
    assert err.splitlines()[-1] == f"mockgpt: {found}"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
def test_a_signal_reaches_the_command_and_its_end_is_told(name):
    with started(python(CATCHER, name)) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.Signals[name])
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out.decode()) == (5, f"{name}\n")
    assert err.decode() == "mockgpt: 0 requests, 0 calls, no findings\n"


def test_a_signal_reaches_all_that_the_command_has_started():
    program = [
        "sh",
        "-c",
        'trap : TERM; "$@" & wait; wait; exit 7',
        "sh",
        *python(CATCHER, "SIGTERM"),
    ]
    with started(program) as process:
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (7, b"SIGTERM\n")


def test_a_command_that_does_not_catch_its_signal_ends_as_in_a_shell():
    with started(["sh", "-c", "echo ready; exec sleep 60"]) as process:
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM


def test_what_is_ignored_stays_ignored_for_the_command_too(run):
    program = "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert run("-q", command=python(program)) == (0, "True\n", "")


def test_on_a_terminal_the_command_reads_it_and_gets_one_interrupt():
    program = python(
        "import signal\n"
        "signal.alarm(60)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
        "print('ready', flush=True)\n"
        "print(signal.sigwait({signal.SIGINT}).name, flush=True)\n"
        "print(input(), signal.sigtimedwait({signal.SIGINT}, 0), flush=True)\n"
    )
    on_terminal = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"
    words = [sys.executable, "-m", "mockgpt", "run", *IDLE, "--", *program]
    ours, theirs = pty.openpty()
    with subprocess.Popen(python(on_terminal, *words), stdin=theirs) as process:
        os.close(theirs)
        with os.fdopen(ours, "r+b", buffering=0) as screen:
            assert screen.readline() == b"ready\r\n"
            screen.write(b"\x03")
            assert screen.readline().endswith(b"SIGINT\r\n")  # after the echo of ^C
            screen.write(b"typed\n")
            assert [screen.readline() for _ in range(3)] == [
                b"typed\r\n",
                b"typed None\r\n",
                b"mockgpt: 0 requests, 0 calls, no findings\r\n",
            ]
            assert process.wait(PATIENCE) == 0


def test_a_timeout_ends_the_command_and_what_it_has_started(scenario):
    # The first sleep has our end of the streams, too: they end because it does.
    words = [
        sys.executable,
        "-m",
        "mockgpt",
        "run",
        str(scenario(SCRIPT)),
        "--timeout",
        "500ms",
        *IDLE,
    ]
    done = subprocess.run(
        [*words, "--", "sh", "-c", "(trap '' TERM; exec sleep 60) & sleep 60"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (124, "")
    first, *transcript, last = done.stderr.splitlines()
    assert first == "mockgpt: 'sh' took longer than 0.5 s and was ended"
    assert transcript[1].startswith("  error unmet_step: ")
    assert last == "mockgpt: 0 requests, 0 calls, 1 error (unmet_step)"


def test_what_survives_the_end_of_a_timeout_is_killed(monkeypatch):
    monkeypatch.setattr(child, "_GRACE", 0.1)
    stubborn = (
        "import signal\n"
        "signal.alarm(60)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "signal.pause()\n"
    )
    ended = child.execute(python(stubborn), {}, 0.5)
    assert (ended.code, ended.timed_out) == (124, True)


@pytest.mark.parametrize("duration", ["60", "60000ms", "1.5M"])
def test_a_command_that_is_quick_does_not_time_out(run, duration):
    assert run("--timeout", duration, "-q", command=["true"]) == (0, "", "")


def test_a_client_that_outlives_the_command_holds_up_nothing(run, scenario):
    body = b'{"messages": [{"role": "user", "content": "stall"}]}'
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    late = (
        "import os, socket\n"
        "from urllib.parse import urlsplit\n"
        "url = urlsplit(os.environ['MOCKGPT_URL'])\n"
        "with socket.create_connection((url.hostname, url.port)) as server:\n"
        f"    server.sendall({request})\n"
        "    print('ready', flush=True)\n"
        "    while server.recv(1000): pass\n"  # until the server ends
    )
    starter = (
        "import subprocess, sys\n"
        "late = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)\n"
        "print(late.stdout.readline().decode(), end='', flush=True)\n"
        "late.returncode = 0  # or the interpreter warns that it still runs\n"
    )
    code, out, err = run(scenario(), command=python(starter, *python(late)))
    assert (code, out) == (0, "ready\n")
    assert err.splitlines()[-1].startswith("mockgpt: 1 request, 1 call, ")


def test_reports_are_written(run, scenario, tmp_path):
    folder, junit = tmp_path / "a" / "report", tmp_path / "b" / "junit.xml"
    options = ("--report", folder, "--junit", junit)
    code, _, _ = run(scenario(), *options, command=asking("one=Hi", "two=?"))
    assert code == 1
    report = json.loads((folder / "report.json").read_bytes())
    assert [(r["name"], len(r["exchanges"])) for r in report["records"]] == [("one", 1), ("two", 1)]
    assert "unmatched_request" in (folder / "report.html").read_text("utf-8")
    suite = ET.fromstring(junit.read_bytes()).find("testsuite")
    assert suite.get("name") == f"mockgpt run {Path(sys.executable).name}"
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    cases = {case.get("name"): case.find("failure") for case in suite.iter("testcase")}
    assert cases["one"] is None
    assert "unmatched_request" in cases["two"].get("message") + (cases["two"].text or "")


@pytest.mark.parametrize(
    ("options", "program", "message"),
    [
        ((), "exit 3", "'sh' ended with exit code 3"),
        (("--timeout", "0.2"), "sleep 9", "'sh' took longer than 0.2 s and was ended"),
    ],
)
def test_a_command_that_fails_is_a_case_of_its_own(run, tmp_path, options, program, message):
    target = tmp_path / "junit.xml"
    run("-q", "--junit", target, *options, command=["sh", "-c", program])
    suite = ET.fromstring(target.read_bytes())[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert suite.find("testcase/failure").get("message") == message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_report_is_written_into_a_pipe_and_through_a_link(run, tmp_path):
    pipe, link, there = tmp_path / "pipe", tmp_path / "link", tmp_path / "there"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    run("-q", "--junit", pipe, command=["true"])
    assert os.read(reader, 2**16).startswith(b"<?xml")
    assert pipe.is_fifo()
    os.close(reader)
    link.symlink_to(there)
    run("-q", "--junit", link, command=["true"])
    assert link.is_symlink()
    assert there.read_bytes().startswith(b"<?xml")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_who_does_not_hear_the_findings_gets_reports_and_the_command_s_code(tmp_path):
    target = tmp_path / "junit.xml"
    command = [sys.executable, "-m", "mockgpt", "run", "documentation", "--junit", target, "--"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*command, "sh", "-c", "exit 7"], stderr=full, check=False)
    assert done.returncode == 7
    assert target.read_bytes().startswith(b"<?xml")


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_command_that_was_stopped_hears_of_its_end(run):
    code, _, _ = run("-q", "--timeout", "0.3", command=["sh", "-c", "kill -STOP $$; sleep 9"])
    assert code == 124


@pytest.mark.parametrize(("program", "code"), [("exit 0", 2), ("exit 3", 3)])
def test_a_report_that_cannot_be_written_is_told(run, tmp_path, program, code):
    (tmp_path / "file").touch()
    target = tmp_path / "file" / "junit.xml"
    found, _, err = run("-q", "--junit", target, command=["sh", "-c", program])
    assert found == code
    assert err.splitlines()[0] == (
        f"mockgpt: cannot write {tmp_path}/file (File exists); choose a place that can be written"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["documentation"], "expected a command after --, found none; add it: mockgpt run SCEN"),
        (["documentation", "--"], "expected a command after --, found none; add it: mockgpt run"),
        (["nothing", "--", "true"], "Error: expected a shipped scenario ("),
        (["--session", "a b", "--", "true"], "expected a session's name of A-Z a-z 0-9 _ . -"),
        (["--allow", "gaveup", "--", "true"], "found 'gaveup'; did you mean 'gave_up'?"),
        (
            ["--deny", "x", "--", "true"],
            "found 'x'; there are beyond_script, connection_not_reused",
        ),
        (
            ["--timeout", "0", "--", "true"],
            "expected a duration such as 500ms, 30s or 2m, found '0'",
        ),
        (["--timeout", "1h", "--", "true"], "a duration such as 500ms, 30s or 2m, found '1h'"),
    ],
)
def test_what_cannot_be_used_is_one_clear_error(arguments, message):
    result = CliRunner().invoke(main, ["run", *arguments])
    assert result.exit_code == 2
    assert message in result.stderr
