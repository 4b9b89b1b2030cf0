# ruff: noqa: INP001, S603, S607 (a script, which runs what it is to check)
"""The README's own commands: prints the one behind a marker, or runs the one that serves.

`readme.py "test command"` prints; `readme.py --serve "run command"` runs it on a free port until it
has answered a request.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

_BLOCK = re.compile(r"^<!-- ([\w ]+) -->\n```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def command(marker: str) -> str:
    """Return the README's command behind a marker; exit with a message where it is not just one."""
    found = [
        text
        for name, text in _BLOCK.findall(Path("README.md").read_text("utf-8"))
        if name == marker
    ]
    if len(found) != 1:
        raise SystemExit(f"expected one block behind <!-- {marker} -->, found {len(found)}")
    return str(found[0])


def serve(text: str) -> None:
    """Run a command that serves, ask it for its models, and stop it."""
    begun = time.monotonic()
    with subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", text],
        env={**os.environ, "MOCKGPT_LISTEN": "127.0.0.1:0"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None, "it is a pipe"
            url = next(
                found[0] for line in process.stdout if (found := re.search(r"http://\S+", line))
            )
            request = Request(f"{url}/v1/models", headers={"api-key": "k"})  # noqa: S310 (loopback)
            with build_opener(ProxyHandler({})).open(request, timeout=30) as response:
                assert b"gpt-3.5-turbo" in response.read()
        finally:
            os.killpg(process.pid, signal.SIGTERM)
    sys.stdout.write(f"it serves, {time.monotonic() - begun:.0f} s after a fresh clone\n")


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(command(sys.argv[2]))
    else:
        sys.stdout.write(command(sys.argv[1]))
