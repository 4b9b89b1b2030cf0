"""Sockets, loops and threads: a bound socket, a server on the running loop, a server in a thread."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from mockgpt.server.app import Handler
from mockgpt.server.connection import Connection

_BACKLOG = 1024
_ACCEPTING = 3  # turns of the loop from accept() until a connection is made known
_KNOWING = 8  # turns at most until a request that has come, or a client's leaving, is known
_GRACE = 0.5  # seconds that open responses get to finish; aiohttp waits for it twice


class _Server(web.Server):
    def __init__(self, handler: Handler) -> None:
        super().__init__(handler.handle)
        self._refuse = handler.refuse
        self._numbers = count(1)

    def __call__(self) -> RequestHandler:
        return Connection(self, self._loop, self._refuse, next(self._numbers))


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 picks a free one. Raises OSError, such as EADDRINUSE."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(address, family=family, backlog=_BACKLOG)


def url_of(listener: socket.socket) -> str:
    """Return the URL of a listening socket, without a slash at its end."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def serving(handler: Handler, listener: socket.socket) -> AsyncIterator[None]:
    """Serve on the running loop while the context lasts; then end what is still open."""
    server = _Server(handler)
    acceptor = await asyncio.get_running_loop().create_server(
        server, sock=listener, backlog=_BACKLOG
    )
    try:
        yield
    finally:
        # A client that has just ended may have asked what nobody has read yet.
        for _ in range(_KNOWING):
            await asyncio.sleep(0)
        # Closing the acceptor under a connection that is just being accepted would leave that one
        # open for ever; so first accept no more, and let what was accepted become known.
        with suppress(NotImplementedError):  # Windows accepts without readers
            asyncio.get_running_loop().remove_reader(listener)
        for _ in range(_ACCEPTING):
            await asyncio.sleep(0)
        acceptor.close()
        server.pre_shutdown()
        await server.shutdown(_GRACE)
        await asyncio.sleep(0)  # a transport closes its socket in the next turn


class ServerThread:
    """A server in a thread and a loop of its own, on a socket that the caller has bound.

    The socket listens before the thread runs, so a client may connect at once.
    """

    def __init__(self, handler: Handler, listener: socket.socket) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(
            target=self._run, args=(handler, listener), name="mockgpt", daemon=True
        )
        self._thread.start()

    def _run(self, handler: Handler, listener: socket.socket) -> None:
        with self._runner as runner:
            runner.run(self._serve(handler, listener))

    async def _serve(self, handler: Handler, listener: socket.socket) -> None:
        async with serving(handler, listener):
            await self._stopping.wait()

    def settle(self) -> None:
        """Wait until the loop has finished what it is at.

        What a client has read, or left, is recorded then.
        """
        if threading.current_thread() is self._thread:  # an observer: it is what the loop is at
            return
        settled = threading.Event()

        def turn(left: int) -> None:
            if left:
                self._loop.call_soon(turn, left - 1)
            else:
                settled.set()

        with suppress(RuntimeError):  # the loop is closed: nothing more will happen
            self._loop.call_soon_threadsafe(turn, _KNOWING)
            while not settled.wait(_GRACE) and self._thread.is_alive():
                pass

    def stop(self) -> None:
        """End the server and its thread; open responses get a moment to finish."""
        with suppress(RuntimeError):  # it was stopped before
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
