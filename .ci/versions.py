"""Run the core's and the server's tests on every CPython from 3.11 on that this machine has.

Interpreters are looked for on PATH and under ~/.pyenv/versions; each gets an environment of its own.
Arguments are handed to pytest, in place of the default's tests. It takes minutes a version.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
MINORS = range(11, 16)
TESTS = ["tests/core", "tests/server", "tests/determinism", "tests/test_mock.py"]


def interpreters() -> dict[str, str]:
    """Return a program for every version that starts: a shim of pyenv may be there and not start."""
    found = {}
    for minor in MINORS:
        candidates = [shutil.which(f"python3.{minor}")]
        candidates += sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))
        for candidate in filter(None, candidates):
            told = subprocess.run(
                [candidate, "-c", "import platform; print(platform.python_version())"],
                capture_output=True,
                text=True,
                check=False,
            )
            if told.returncode == 0:
                found[told.stdout.strip()] = str(candidate)
                break
        else:
            print(f"python3.{minor}: none on this machine")
    return found


def outcome(python: str, arguments: list[str]) -> int:
    """Return the exit code of pytest on an interpreter."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST"))}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, "-m", "venv", folder], env=variables, check=True)
        own = f"{folder}/bin/python"
        pip = [own, "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--upgrade", "pip"], env=variables, check=True)
        subprocess.run([*pip, "-e", ".", "--group", "test"], cwd=ROOT, env=variables, check=True)
        tests = [own, "-m", "pytest", "-q", "-n", "2", *arguments]
        return subprocess.run(tests, cwd=ROOT, env=variables, check=False).returncode


def main() -> int:
    """Run the tests everywhere; fail where they do."""
    codes = {}
    for version, python in interpreters().items():
        print(f"\n== {version}", flush=True)
        codes[version] = outcome(python, sys.argv[1:] or TESTS)
    print()
    for version, code in codes.items():
        print(f"{version}: {'passed' if code == 0 else f'failed ({code})'}")
    return int(any(codes.values()))


if __name__ == "__main__":
    sys.exit(main())
