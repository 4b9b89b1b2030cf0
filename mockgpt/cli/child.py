"""A command as a child process: signals reach it, a timeout ends it, its exit code is a shell's."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Thread

from msgspec import Struct

_TIMED_OUT = 124  # as timeout(1) has it
_GRACE = 5.0  # seconds from SIGTERM to SIGKILL
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # which Windows has not
# A terminal sends these to every process in its foreground; others come to one process alone.
_OF_TERMINALS = [getattr(signal, name, None) for name in ("SIGINT", "SIGQUIT")]
_FORWARDED = [*_OF_TERMINALS, *(getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP"))]


class Ended(Struct, frozen=True, kw_only=True):
    """How a command ended: its code, 128 and more for a signal, and after how many seconds."""

    code: int
    timed_out: bool
    seconds: float


def execute(command: Sequence[str], variables: Mapping[str, str], timeout: float | None) -> Ended:
    """Run a command to its end, with more variables, on our own standard streams.

    After `timeout` seconds it is ended. Raises OSError for one that cannot be started. It has a
    process group of its own, unless it may read from a terminal: that lets only one group read.
    """
    grouped = os.name == "posix" and not os.isatty(0)
    events: SimpleQueue[int | None] = SimpleQueue()  # signals for it, None for its end
    with _caught(events.put):
        process = subprocess.Popen(  # noqa: S603 - the user's own command
            [shutil.which(command[0]) or command[0], *command[1:]],  # Windows finds npm.cmd so
            env={**os.environ, **variables},
            process_group=0 if grouped else None,
        )
        Thread(target=_wait, args=(process, events.put), daemon=True).start()
        begun = time.monotonic()
        due = []
        if timeout is not None:
            at = begun + timeout
            due = [(at, signal.SIGTERM), (at + _GRACE, _KILL)]
        timed_out = False
        while True:
            try:
                left = max(0.0, due[0][0] - time.monotonic()) if due else None
                number = events.get(timeout=left)
            except Empty:
                number, timed_out = due.pop(0)[1], True
            if number is None:
                break
            if grouped or number not in _OF_TERMINALS:
                _send(process, number, grouped=grouped)
    seconds = time.monotonic() - begun
    if timed_out:
        _send(process, _KILL, grouped=grouped)  # what is left of its group
        return Ended(code=_TIMED_OUT, timed_out=True, seconds=seconds)
    code = process.returncode
    return Ended(code=code if code >= 0 else 128 - code, timed_out=False, seconds=seconds)


def _wait(process: subprocess.Popen[bytes], tell: Callable[[None], None]) -> None:
    process.wait()
    tell(None)


def _send(process: subprocess.Popen[bytes], number: int, *, grouped: bool) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it is gone, or somebody else by now
        if grouped:
            os.killpg(process.pid, number)
            os.killpg(process.pid, signal.SIGCONT)  # what is stopped would not hear of it
        else:
            process.send_signal(number)


@contextmanager
def _caught(tell: Callable[[int], None]) -> Iterator[None]:
    """Tell of signals meanwhile, but of those that were ignored: `nohup` is for the command, too."""
    before = {
        number: signal.getsignal(number)
        for number in _FORWARDED
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN
    }
    for number in before:
        signal.signal(number, lambda number, _: tell(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
