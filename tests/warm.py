"""Runs of pytest that are processes of their own, without the seconds that each takes to load it.

This process runs a test that uses mockgpt's fixture, which loads all that most need, and forks for each run.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

# They take seconds to load, and whoever tests a client has not got them.
UNUSED = ("-pno:schemathesis", "-pno:hypothesispytest")
_SECONDS = 60  # of a run
_TEST = """
import urllib.request

def test_it(mockgpt):
    url, body = mockgpt.base_url + "/chat/completions", b'{"messages": [{"role": "user", "content": "Hello!"}]}'
    headers = {"content-type": "application/json", "api-key": "k"}
    urllib.request.urlopen(urllib.request.Request(url, body, headers)).close()
"""


class Warm:
    """A process that has loaded pytest and mockgpt."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, folder, *arguments):
        """Run pytest in a folder, in this process's environment; return its result."""
        job = {"folder": str(folder), "arguments": arguments, "environment": {**os.environ}}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        out, err = ((folder / name).read_text("utf-8") for name in ("stdout", "stderr"))
        print(out, err, sep="\n")  # noqa: T201 - shown where the test fails
        return pytest.RunResult(code, out.splitlines(), err.splitlines(), 0.0)

    def close(self):
        """End it."""
        with self._process:
            self._process.stdin.close()


def _serve():
    """Fork for each job, a line of JSON; answer with its exit code."""
    jobs, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_warm.py").write_text(_TEST, "utf-8")
        arguments = (*UNUSED, "-pno:cacheprovider")
        code = _pytest({"folder": folder, "arguments": arguments, "environment": {**os.environ}})
        assert code == 0, Path("stdout").read_text("utf-8")
    for line in jobs:
        child = os.fork()
        if child == 0:
            signal.alarm(_SECONDS)
            os._exit(_pytest(json.loads(line)))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def _pytest(job):
    """Do as `python -m pytest >stdout 2>stderr </dev/null` would; return its exit code."""
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    sys.path[0] = job["folder"]
    for number, name in ((0, os.devnull), (1, "stdout"), (2, "stderr")):
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    code = pytest.main([*job["arguments"]])
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code)


if __name__ == "__main__":
    _serve()
