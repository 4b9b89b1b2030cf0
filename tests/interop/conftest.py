"""The real clients, each where it lives: one fixture a client, one place that skips or fails."""

import hashlib
import json
import os
import runpy
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

from mockgpt.core.conditions import When
from mockgpt.core.replies import Reply
from mockgpt.core.scenario import Rule, Scenario

HERE = Path(__file__).parent
CLIENTS = HERE / "clients"
# pytest's importlib mode has no way to import a sibling; its name keeps `main` from running.
PREPARE = SimpleNamespace(**runpy.run_path(str(HERE / "prepare.py"), run_name="prepare"))
FOLDER = Path(os.environ.get("MOCKGPT_INTEROP") or PREPARE.DEFAULT)
SERVICE = "https://openai.pgpt.cloud"
SECONDS = 30  # of a client's whole run; one takes about a second


def unavailable(what, *, remedy="run python tests/interop/prepare.py"):
    """Skip a test whose client is not there; where CI is set, that is a failure."""
    reason = f"{what}; next: {remedy}"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    """Take away what points a client elsewhere; what the mockgpt fixture sets comes after it."""
    for name in tuple(os.environ):
        if name.startswith(("OPENAI_", "AZURE_OPENAI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _digest(request, _plain_environment):
    """Write what a test's clients were sent to INTEROP_DIGESTS, for tests/determinism to compare."""
    folder = os.environ.get("INTEROP_DIGESTS")
    mock = (
        request.getfixturevalue("mockgpt") if folder and "mockgpt" in request.fixturenames else None
    )
    yield
    if mock is None:
        return
    whole = sorted(  # a client may ask several things at once, and leave what it has had enough of
        (one.method, one.path, one.body, one.sent.status, one.sent.headers, one.sent.body)
        for one in mock.journal
        if one.sent is not None and one.sent.ending == "complete"
        if not one.headers.get("content-type", "").startswith("multipart/")  # its boundary is drawn
    )
    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()
    told = f"{request.node.nodeid} {hashlib.sha256(repr(whole).encode()).hexdigest()} {len(whole)}"
    Path(folder, name).write_text(told, encoding="utf-8")


def program_of(client, script):
    """Return the command that runs one of clients/ with a client: today's, legacy, one of node's."""
    if client == "today":
        return [sys.executable, CLIENTS / f"{script}.py"]
    if client == "legacy":
        python = PREPARE.legacy_python(FOLDER)
        if not PREPARE.is_ready(python.parents[1], PREPARE.LEGACY):
            unavailable("openai 0.28.1 has no environment")
        return [python, CLIENTS / f"{script}.py"]
    project = PREPARE.node_project(FOLDER)
    program = shutil.which("node")
    if program is None:
        unavailable(
            "there is no node on PATH",
            remedy="install it with npm, run python tests/interop/prepare.py",
        )
    if not PREPARE.is_ready(project, PREPARE.NODE):
        unavailable("node's openai is not installed")
    return [program, CLIENTS / f"{script}.mjs", project, client]


def wrote(command, *, stdin=b""):
    """Run a client; return its standard output."""
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def told(command, *, stdin=b""):
    """Run a client that prints what it got as JSON; return that."""
    return json.loads(wrote(command, stdin=stdin))


class Legacy:
    """openai 0.28.1 in its own environment: a case of clients/legacy.py, or a piece of code."""

    def __init__(self):
        self._python, self._script = program_of("legacy", "legacy")

    def __call__(self, case, url):
        return told([self._python, self._script, case, url])

    def code(self, source, url):
        """Run the documentation's code, in which only the host is another."""
        source = textwrap.dedent(source).replace(SERVICE, url)
        return told([self._python, "-c", source])


@pytest.fixture
def legacy():
    """Run openai 0.28.1: `legacy(case, url)`, `legacy.code(source, url)`."""
    return Legacy()


@pytest.fixture(params=sorted(PREPARE.NODE))
def node(request):
    """Run a case of clients/node.mjs with each version of node's openai: `node(case, url)`."""
    program = program_of(request.param, "node")
    return lambda case, url: told([*program, case, url])


@pytest.fixture(params=sorted(PREPARE.NODE))
def node_code(request):
    """Return the command that runs code in which each version of node's openai is `OpenAI`."""
    program, _, project, package = program_of(request.param, "node")
    required = f"const OpenAI = require({str(project / 'node_modules' / package)!r});"
    return lambda code: [program, "-e", f"{required}\n{code}"]


@pytest.fixture
def met():
    """Put groups of cases to a client of clients/faults.*: `met(client, groups, url)`."""
    return lambda client, groups, url: told(
        [*program_of(client, "faults"), url], stdin=json.dumps(groups).encode()
    )


@pytest.fixture
def bumpy():
    """Make a scenario of a fault: fifty questions, two replies each, three attempts at the first."""

    def replies(number, fault):
        attempts = (
            Reply(error="service_unavailable"),
            Reply(say="never seen", faults=(fault,)),
            f"first {number}",
        )
        return Reply(attempts=attempts), f"second {number}"

    return lambda fault: Scenario(
        rules=tuple(
            Rule(when=When(user=f"question {number}"), reply=replies(number, fault))
            for number in range(50)
        )
    )


class Curl:
    """curl with arguments, or a whole command line; returns its standard output, as bytes."""

    def __init__(self, program):
        self._program = program

    def __call__(self, *arguments, stdin=b""):
        # -q: nobody's .curlrc; --max-time: curl's own message is the better one.
        return wrote([self._program, "-q", "-sS", "--max-time", "20", *arguments], stdin=stdin)

    def shell(self, command, url):
        """Run the documentation's command, in which only the host is another."""
        return wrote(["sh", "-c", command.replace(SERVICE, url)])


@pytest.fixture
def curl():
    """Run curl: `curl(*arguments, stdin=b"")`, `curl.shell(command, url)`."""
    program = shutil.which("curl")
    if program is None:
        unavailable("there is no curl on PATH", remedy="install it")
    return Curl(program)
