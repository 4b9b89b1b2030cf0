# ruff: noqa: INP001, S603 (a script, which runs what it is to check)
"""The installed wheel, in an empty environment and an empty folder: it is whole, and it serves."""

import json
import re
import signal
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

SECONDS = 30  # for each step; they take about one
QUESTION = {
    "messages": [{"role": "user", "content": "Say this message is from apigpt.cloud!"}],
    "temperature": 0.7,
}
ANSWER = (
    b'{"id":"chatcmpl-7SKQgp3ry5w9ZB0A3mMcvYOFB1VYG","object":"chat.completion",'
    b'"created":1686986070,"model":"gpt-35-turbo","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"Hello, this message is from apigpt.cloud! '
    b'How may I assist you today?"}}],'
    b'"usage":{"completion_tokens":18,"prompt_tokens":18,"total_tokens":36}}\n'
)


def check_contents() -> None:
    """Check that what was imported is the wheel, with its data files."""
    import mockgpt

    package = Path(str(files("mockgpt")))
    assert package.is_relative_to(sys.prefix), f"{package} is not what was installed"
    assert list(Path.cwd().iterdir()) == [], "this is to be run in an empty folder"
    assert mockgpt.__version__ == version("mockgpt")
    assert mockgpt.MockGPT, "the facade is there"
    for name in ("scenarios/documentation.yaml", "services/pgpt.yaml", "py.typed"):
        assert (package / name).is_file(), f"{name} is not in the wheel"
    command = Path(sys.executable).with_name("mockgpt")
    told = subprocess.run(
        [command, "--version"], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert told.stdout == f"mockgpt {mockgpt.__version__}\n", told.stdout


def check_serving() -> None:
    """Serve the documentation's examples, ask for one, and stop as a service manager does."""
    serve = ["-m", "mockgpt", "serve", "documentation", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [sys.executable, "-u", "-W", "error", *serve],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None, "it is a pipe"
            first = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:[0-9]+", first)
            assert found, f"expected a URL in the first line, found {first!r}"
            request = Request(  # noqa: S310 (http, to itself)
                f"{found[0]}/v1/chat/completions",
                json.dumps(QUESTION).encode(),
                {"content-type": "application/json", "authorization": "Bearer sk-mock"},
            )
            with build_opener(ProxyHandler({})).open(request, timeout=SECONDS) as response:
                got = response.read()
            assert got == ANSWER, got
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert process.returncode == 0, f"exit code {process.returncode}: {log}"
    assert "POST /v1/chat/completions  200  18+18 tokens" in log, log
    assert "sk-mock" not in log, log


CLIENT = """
import json, os, urllib.request
body = {"messages": [{"role": "user", "content": "Hello!"}]}
headers = {"content-type": "application/json", "authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
request = urllib.request.Request(
    os.environ["OPENAI_BASE_URL"] + "/chat/completions", json.dumps(body).encode(), headers
)
try:
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)
except urllib.error.HTTPError as error:
    error.close()
"""


def check_commands() -> None:
    """Run what touches every part: all shipped scenarios, a careless client, its reports."""

    def run(*arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-W", "error", "-m", "mockgpt", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == code, f"{arguments}: {done.returncode}: {done.stderr}"
        return done.stdout + done.stderr

    assert "0 errors, 0 warnings" in run("check", "--strict", "tour", "chat-bot", "quotas")
    assert json.loads(run("schema"))["$schema"].startswith("https://json-schema.org/")
    client = ("--", sys.executable, "-c", CLIENT)
    told = run("run", "overloaded", "--deny", "gave_up", "--report", "out", *client, code=1)
    assert "gave_up" in told, told
    names = sorted(path.name for path in Path("out").iterdir())
    assert names == ["report.html", "report.json"], names


if __name__ == "__main__":
    check_contents()
    check_serving()
    check_commands()
    sys.stdout.write(f"the wheel serves: mockgpt {version('mockgpt')}, {sys.prefix}\n")
