"""W5 and W6: how long until the first answer, and what a fixture adds to a test."""

import compileall
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import traffic
from measure import Ask, Bench
from servers import (
    CEILINGS,
    CONSTANT,
    MOCKGPT,
    RAW,
    ROOT,
    SERVER_CORE,
    Setup,
    Subject,
    pinned,
    running,
)

_TESTS = 200
_IMPORTS = {
    "mockgpt": "import mockgpt",
    "mockgpt, MockGPT": "from mockgpt import MockGPT",
    "aiohttp": "import aiohttp.web",
}
_LOOPS = {"fresh server": "fresh", "session": "session", "aiohttp in a thread": "thread"}
_FIXTURES = {
    "fresh server": "mockgpt",
    "session": "mockgpt_session",
    "no fixture": "nothing",
    "aiohttp in a thread": "thread",
}
_TEST = """\
import pytest


@pytest.mark.parametrize("number", range({tests}))
def test_nothing({fixture}, number):
    assert number >= 0
"""
_CONFTEST = """\
import json
import statistics
import time

import fixtures
import pytest

spent, cpu = [], []


@pytest.fixture
def nothing():
    return None


@pytest.fixture
def thread():
    with fixtures.thread():
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol():
    begun, used = time.perf_counter(), time.process_time()
    done = yield
    spent.append(time.perf_counter() - begun)
    cpu.append(time.process_time() - used)
    return done


def pytest_unconfigure():
    figures = {"seconds": statistics.median(spent), "cpu": statistics.median(cpu)}
    print("\\n" + json.dumps(figures))
"""


def cold(bench: Bench) -> None:
    """W5: a process from its start to its first answer, and imports alone."""
    # As every installation does; with PYTHONDONTWRITEBYTECODE each start would do so anew.
    compileall.compile_dir(ROOT / "mockgpt", quiet=1)
    setup = bench.setup([(traffic.QUESTION, traffic.ANSWER)])
    ask = Ask(path=traffic.CHAT, body=traffic.chat(), expect='"choices"', count=1, warm=1)
    with running(MOCKGPT, setup) as server:
        setup.files["answer"].write_bytes(traffic.body_of(bench.client.ask(ask, server)))
    subjects = [MOCKGPT, CONSTANT, RAW, *bench.subjects()]
    takes = {one.name: (lambda one=one: _start(bench, one, setup, ask)) for one in subjects}
    bench.compare("W5", "first answer", takes)
    imports = {name: (lambda code=code: _import(code)) for name, code in _IMPORTS.items()}
    bench.compare("W5", "import", imports)


def _start(bench: Bench, subject: Subject, setup: Setup, ask: Ask) -> dict[str, float]:
    with running(subject, setup) as server:
        bench.client.ask(ask, server)
        seconds = time.perf_counter() - server.started
        return {"seconds": seconds, "cpu": server.cpu, "memory": server.memory}


def _import(code: str) -> dict[str, float]:
    timed = (
        "import time; a, c = time.perf_counter(), time.process_time(); "
        f"{code}; print(time.perf_counter() - a, time.process_time() - c)"
    )
    said = _output([sys.executable, "-c", timed], ROOT)
    seconds, cpu = map(float, said.split())
    return {"seconds": seconds, "cpu": cpu}


def fixtures(bench: Bench) -> None:
    """W6: 200 trivial tests with a server each, or a session each, and the same without pytest."""
    tests = 10 if bench.effort.quick else _TESTS
    loops = {name: (lambda kind=kind: _loop(kind, tests)) for name, kind in _LOOPS.items()}
    bench.compare("W6", "without pytest", loops)
    (bench.folder / "conftest.py").write_text(_CONFTEST)
    takes = {}
    for subject, fixture in _FIXTURES.items():
        file = bench.folder / f"test_{fixture}.py"
        file.write_text(_TEST.format(fixture=fixture, tests=tests))
        takes[subject] = lambda file=file: _tests(file)
    bench.compare("W6", "pytest", takes)


def _loop(kind: str, times: int) -> dict[str, float]:
    command = [sys.executable, str(CEILINGS / "fixtures.py"), kind, str(times)]
    said: dict[str, float] = json.loads(_output(command, ROOT))
    return said


def _tests(file: Path) -> dict[str, float]:
    plugins = ["-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, "--rootdir", str(file.parent)]
    said: dict[str, float] = json.loads(
        _output([*command, str(file)], file.parent).splitlines()[-1]
    )
    return said


def _output(command: list[str], folder: Path) -> str:
    paths = os.pathsep.join((str(ROOT), str(CEILINGS)))
    environment = os.environ | {"PYTHONPATH": paths, "PYTHONWARNINGS": "default"}
    with pinned(SERVER_CORE):
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(f"expected {command} to pass, found: {done.stdout}{done.stderr}")
    return done.stdout
