"""`mockgpt serve --workers`: one port, several processes, and what becomes of them."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mockgpt import MockGPT
from mockgpt.cli import main
from mockgpt.cli.workers import whole
from mockgpt.server.run import bind, bind_all

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "SO_REUSEPORT"), reason="processes cannot share a port here"
)

PATIENCE = 20  # seconds until a server that does not end is a failure
HELLO = {"messages": [{"role": "user", "content": "Hello!"}]}


@pytest.fixture
def start():
    """Start two workers; return the parent and their port."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "mockgpt", "serve", "--listen", ":0", "--workers", "2", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        started.append(process)
        return process, int(re.search(r":(\d+)\b", process.stdout.readline())[1])

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)


def ask(port, path="/v1/chat/completions", body=HELLO):
    """Ask on a connection of its own: the kernel gives it to either worker."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    headers = {"content-type": "application/json", "api-key": "k"}
    data = None if body is None else json.dumps(body)
    connection.request("GET" if body is None else "POST", path, data, headers)
    response = connection.getresponse()
    answer = response.status, response.getheaders(), response.read()
    connection.close()
    return answer


def children(process):
    return [*map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())]


def test_every_worker_answers_the_same_as_one_process(start):
    process, port = start()
    answers = [ask(port) for _ in range(24)]
    with MockGPT() as mock:
        assert ask(int(mock.url.rpartition(":")[2])) == answers[0]
    assert [answer == answers[0] for answer in answers] == [True] * 24
    process.terminate()
    _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    line = r"POST /v1/chat/completions  200  10\+\d+ tokens  [\d.]+ ms\n"
    assert re.fullmatch(f"({line}){{24}}", log), log


def test_what_one_worker_alone_would_know_is_refused(start):
    _, port = start("-q")
    assert ask(port, "/_mockgpt/health", None)[0] == 200
    assert ask(port, "/_mockgpt/clock", None)[0] == 200
    for path in ("journal", "findings", "sessions", "scenario", "metrics"):
        status, _, body = ask(port, f"/_mockgpt/{path}", None)
        assert status == 409
        assert json.loads(body)["error"]["message"] == (
            "expected the only process of a server, found one of several workers, each with a "
            "journal and sessions of its own; serve by one process to ask this"
        )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_goes_is_told_and_replaced(start, number):
    process, port = start("-q")
    first, second = children(process)
    os.kill(first, number)
    told = process.stderr.readline()
    how = "was killed by SIGKILL" if number == signal.SIGKILL else "was ended"
    found = re.fullmatch(rf"worker {first} {how}; (\d+) takes its place\n", told)
    assert found, told
    assert set(children(process)) == {second, int(found[1])}
    assert {ask(port)[0] for _ in range(16)} == {200}
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == 0


def test_workers_end_with_their_parent(start):
    process, port = start("-q")
    assert ask(port)[0] == 200
    process.kill()
    assert process.communicate(timeout=PATIENCE) == ("", "")  # at the end of those who hold it
    with pytest.raises(ConnectionRefusedError):
        ask(port)


def test_a_worker_that_fails_ends_all():
    program = """
from mockgpt.cli.workers import supervise
import signal, socket, sys

listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
first = listeners[0].fileno()

def serve(listener):
    if listener.fileno() == first:
        sys.exit(3)
    signal.sigwait({signal.SIGTERM})

supervise(listeners, serve, lambda: print("ready"))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "ready\n")
    assert re.search(r"worker \d+ failed with exit code 3; all others are ended", done.stderr)


def test_a_worker_that_does_not_stop_is_killed_at_the_second_signal():
    program = """
from mockgpt.cli.workers import supervise
import signal, socket

def serve(listener):
    print("deaf\\n", end="", flush=True)  # in one write
    while True:
        signal.sigwait({signal.SIGTERM})

listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
supervise(listeners, serve, lambda: None)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() + process.stdout.readline() == "deaf\ndeaf\n"
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)  # two signals of one kind could become one
        assert process.wait(PATIENCE) == 0


def run(*arguments):
    return CliRunner().invoke(main, ["serve", "--workers", "2", *arguments], prog_name="mockgpt")


def test_a_scenario_that_is_counted_is_refused_at_the_start():
    result = run("rate-limits", "chat-bot")
    assert result.exit_code == 2
    assert re.search(
        r"scenario 'rate-limits \+ chat-bot': expected what several workers answer alike, found "
        r"limits, which each would count by itself; serve it by one process\n"
        r"chat-bot:\d+: greeting: expected what several workers answer alike, found a step of a script, ",
        result.stderr,
    ), result.stderr


@pytest.mark.parametrize("option", ["--watch", "--metrics"])
def test_options_of_one_process_are_refused(option):
    result = run(option, "documentation")
    assert result.exit_code == 2
    assert f"expected one process for {option}, found --workers 2; leave one out" in result.stderr


def test_a_system_that_cannot_share_a_port_is_told(monkeypatch):
    monkeypatch.delattr(socket, "SO_REUSEPORT")
    result = run()
    assert result.exit_code == 2
    assert "expected a system with SO_REUSEPORT and fork() for --workers, found " in result.stderr


def test_a_port_is_shared_with_workers_of_the_same_server_alone():
    with bind("127.0.0.1", 0, shared=True) as taken:
        host, port = taken.getsockname()
        result = run("--listen", f"{host}:{port}")
        assert result.exit_code == 1
        assert f"cannot listen on {host}:{port}" in result.stderr
        with pytest.raises(OSError, match="in use"):
            bind_all(host, port, 2)


def test_lines_of_the_log_stay_whole():
    assert whole("short") == "short"
    cut = whole("a" + "é" * 4_000)
    assert cut == "a" + "é" * 2_047
    assert len(cut.encode()) + 1 == 4_096
