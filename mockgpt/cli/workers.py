"""`mockgpt serve --workers`: processes that share a port, begun anew where one is killed.

The parent holds the listening sockets of all of them, so that clients who come while a worker is
missing wait for the next one. It answers nobody.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

# The last is sent where a terminal is closed, if there are terminals.
STOPS = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
_LINE = 4_096  # bytes that a pipe takes whole, whoever else writes (PIPE_BUF of Linux)

Serve = Callable[[socket.socket], None]  # in a process of its own, until that is told to stop


def check_system() -> None:
    """Raise UsageError where processes cannot share a port."""
    if not hasattr(socket, "SO_REUSEPORT") or not hasattr(os, "fork"):
        raise click.UsageError(
            f"expected a system with SO_REUSEPORT and fork() for --workers, found {sys.platform}; "
            "serve without --workers"
        )


def supervise(listeners: Sequence[socket.socket], serve: Serve, ready: Callable[[], None]) -> None:
    """Serve on each of these by a process until one is told to stop: the listeners are closed then.

    One that is killed is begun anew; where one fails by itself all are ended, and ClickException
    raised.
    """
    signal.signal(signal.SIGCHLD, lambda *_: None)  # some systems drop what nobody handles
    waited = {*STOPS, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    workers = {_started(listener, listeners, serve): listener for listener in listeners}
    ready()
    stopping, failure = False, ""
    while workers:
        if signal.sigwait(waited) in STOPS:
            stopping = _stop(workers, at_once=stopping)
        for process in [one for one in workers if one.exitcode is not None]:
            listener, code = workers.pop(process), process.exitcode or 0
            if stopping:
                continue
            if code > 0:
                failure = f"worker {process.pid} failed with exit code {code}; all others are ended"
                stopping = _stop(workers)
            else:
                how = f"was killed by {signal.Signals(-code).name}" if code else "was ended"
                another = _started(listener, listeners, serve)
                workers[another] = listener
                click.echo(f"worker {process.pid} {how}; {another.pid} takes its place", err=True)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, waited)
    if failure:
        raise click.ClickException(failure)


def begin() -> None:
    """Obey signals from now on, in a worker that handles them; stop where the parent is gone."""
    import asyncio
    from multiprocessing import parent_process

    parent = parent_process()
    assert parent is not None, "a worker has one"
    loop, sentinel = asyncio.get_running_loop(), parent.sentinel

    def orphaned() -> None:
        loop.remove_reader(sentinel)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(sentinel, orphaned)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def whole(line: str) -> str:
    """Return a line of the log so short that it stays whole among those of other workers."""
    return line.encode()[: _LINE - 1].decode(errors="ignore")


def _started(
    listener: socket.socket, listeners: Sequence[socket.socket], serve: Serve
) -> "BaseProcess":
    from multiprocessing import get_context  # it would make every command begin later

    process = get_context("fork").Process(target=_work, args=(listener, listeners, serve))
    process.start()
    return process


def _work(listener: socket.socket, listeners: Sequence[socket.socket], serve: Serve) -> None:
    for other in listeners:
        if other is not listener:
            other.close()
    serve(listener)


def _stop(workers: "dict[BaseProcess, socket.socket]", *, at_once: bool = False) -> bool:
    """Tell workers to stop, and accept nobody more; return True."""
    for process, listener in workers.items():
        listener.close()
        if at_once:
            process.kill()
        else:
            process.terminate()
    return True
