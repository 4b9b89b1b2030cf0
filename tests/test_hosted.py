"""`mockgpt.server:app` under gunicorn's aiohttp worker."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys

import click
import pytest

from mockgpt import MockGPT
from mockgpt.cli.hosted import hosted

pytest.importorskip("gunicorn", reason="it is not for this system")

PATIENCE = 30  # seconds until a server that does not end is a failure
HELLO = json.dumps({"messages": [{"role": "user", "content": "Hello!"}]})


@pytest.fixture
def start():
    """Start gunicorn with these variables."""
    started = []

    def start(*arguments, **variables):
        plain = {name: text for name, text in os.environ.items() if not name.startswith("MOCKGPT_")}
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", *arguments),
                *("-k", "aiohttp.GunicornWebWorker", "mockgpt.server:app"),
            ],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=plain | variables,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)


def port_of(process):
    found = (re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", line) for line in process.stderr)
    return int(next(filter(None, found))[1])


def ask(port, path="/v1/chat/completions", body=HELLO, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    headers = {"content-type": "application/json", "api-key": "k", **headers}
    connection.request("POST" if body else "GET", path, body, headers)
    response = connection.getresponse()
    answer = response.status, response.getheaders(), response.read()
    connection.close()
    return answer


def test_it_answers_as_mockgpt_does_by_its_variables(start):
    token = {"authorization": "Bearer t"}
    process = start(
        "-w", "2", MOCKGPT_SCENARIO="documentation", MOCKGPT_SEED="5", MOCKGPT_CONTROL_TOKEN="t"
    )
    port = port_of(process)
    answer = ask(port)
    with MockGPT("documentation", seed=5) as mock:
        assert ask(int(mock.url.rpartition(":")[2])) == answer
    assert [ask(port) for _ in range(8)] == [answer] * 8
    assert ask(port, "/_mockgpt/health", None)[0] == 401
    assert ask(port, "/_mockgpt/health", None, **token)[0] == 200
    assert ask(port, "/_mockgpt/journal", None, **token)[0] == 409
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert len(re.findall("^POST /v1/chat/completions  200  ", log, re.MULTILINE)) == 9


def test_the_only_worker_counts_and_strangers_do_not_control(start):
    process = start(MOCKGPT_SCENARIO="rate-limits", MOCKGPT_WORKERS="1", MOCKGPT_QUIET="1")
    port = port_of(process)
    assert {ask(port)[0] for _ in range(6)} == {200, 429}
    assert ask(port, "/_mockgpt/health", None)[0] == 403


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"MOCKGPT_SCENARIO": "rate-limits"}, "expected what several workers answer alike, found"),
        ({"MOCKGPT_TLS": "1"}, "expected the server's own option, found MOCKGPT_TLS; "),
        ({"MOCKGPT_METRICS": "1"}, "expected MOCKGPT_WORKERS=1 beside MOCKGPT_METRICS, "),
        ({"MOCKGPT_SPEED": "0"}, "Invalid value for '--speed'"),
    ],
)
def test_what_it_cannot_serve_by_is_told(variables, told, monkeypatch):
    for name in tuple(os.environ):
        if name.startswith("MOCKGPT_"):
            monkeypatch.delenv(name)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(click.ClickException) as raised:
        hosted()
    assert told in str(raised.value)
