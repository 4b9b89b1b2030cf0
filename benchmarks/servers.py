"""What is measured: how a server is started on a core of its own, and what it costs there.

Linux only: the CPU time of another process is read from its clock, in nanoseconds.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).resolve().parents[1]
CEILINGS = Path(__file__).parent / "ceilings"
HOST = "127.0.0.1"

_START = 20.0  # seconds that a server gets until it accepts connections
_STOP = 5.0
_LOOK = 0.001  # seconds between two looks whether it does


class Setup(Struct, frozen=True, kw_only=True):
    """What a case asks of every server: the file of what it answers, in its own language.

    `pace` is in seconds between events.
    """

    files: Mapping[str, Path]  # by the kind of subject that reads it
    pace: float = 0.0


class Subject(Struct, frozen=True, kw_only=True):
    """A server that can be measured. `command` returns its arguments for a port and a case."""

    name: str
    command: Callable[[int, Setup], list[str]]
    prefix: str = "/v1"
    environment: Callable[[Setup], dict[str, str]] = lambda _: {}


class Server:
    """A running subject."""

    def __init__(self, subject: Subject, setup: Setup) -> None:
        self.subject = subject
        self.port = free_port()
        self.used = False  # whether it was loaded before
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it stops
        environment = os.environ | {"PYTHONPATH": str(ROOT)} | subject.environment(setup)
        self.started = time.perf_counter()
        with pinned(SERVER_CORE):
            self.process = subprocess.Popen(
                subject.command(self.port, setup),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> None:
        """Wait until it accepts connections. Raises RuntimeError with what it said if it does not."""
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1):
                return
            time.sleep(_LOOK)
        self._log.seek(0)
        said = self._log.read()[-2_000:].decode(errors="replace")
        raise RuntimeError(f"expected {self.subject.name} to listen on {self.port}, found: {said}")

    @property
    def cpu(self) -> float:
        """Seconds of CPU time so far, of all threads."""
        return time.clock_gettime((~self.process.pid << 3) | 2)  # clock_getcpuclockid(3)

    @property
    def memory(self) -> int:
        """Bytes of resident memory."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> None:
        """End the process, by force where it does not end by itself."""
        self.process.terminate()
        try:
            self.process.wait(_STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()


def _cores() -> tuple[set[int], set[int]]:
    cores = sorted(os.sched_getaffinity(0))
    return ({cores[0]}, set(cores[1:])) if len(cores) > 1 else (set(cores), set(cores))


SERVER_CORE, CLIENT_CORES = _cores()


@contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """Run what is started here on those cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """Return a port of the loopback interface that was free a moment ago."""
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(subject: Subject, setup: Setup) -> Iterator[Server]:
    """Run a subject until the end of the context. One that nobody asks costs nothing."""
    server = Server(subject, setup)
    try:
        server.wait()
        yield server
    finally:
        server.stop()


def _mockgpt(port: int, setup: Setup) -> list[str]:
    options = ["--listen", f"{HOST}:{port}", "--quiet", "--on-miss", "filler"]
    return [sys.executable, "-m", "mockgpt", "serve", str(setup.files["mockgpt"]), *options]


def ceiling(name: str, module: str, *options: str) -> Subject:
    """Return a ceiling: a module of `ceilings/` that answers what mockgpt answered."""

    def command(port: int, setup: Setup) -> list[str]:
        arguments = [str(port), str(setup.files["answer"]), str(setup.pace)]
        return [sys.executable, str(CEILINGS / module), *arguments, *options]

    return Subject(name=name, command=command)


MOCKGPT = Subject(name="mockgpt", command=_mockgpt)
CONSTANT = ceiling("aiohttp", "handler.py")
PARSING = ceiling("aiohttp + json.loads", "handler.py", "--parse")
STREAM = ceiling("aiohttp stream", "stream.py")
RAW = ceiling("asyncio.Protocol", "raw.py")
