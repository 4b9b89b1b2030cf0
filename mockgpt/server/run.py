"""Sockets, loops and threads: a bound socket, a server on the running loop, a server in a thread."""

import asyncio
import errno
import logging
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mockgpt.server import door
from mockgpt.server.app import Handler
from mockgpt.server.connection import Connection
from mockgpt.server.control import is_loopback
from mockgpt.server.patience import PATIENCE, Patience, watch
from mockgpt.server.proxy import Gate, Proxy

if TYPE_CHECKING:
    import ssl

_BACKLOG = 1024
_ACCEPTING = 3  # turns of the loop from accept() until a connection is made known
_KNOWING = 8  # turns at most until a request that has come, or a client's leaving, is known
_GRACE = 0.5  # seconds that open responses get to finish; aiohttp waits for it twice
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

log = logging.getLogger("mockgpt")


class _Server:
    """Makes a connection of each that is accepted, and knows those that are open."""

    def __init__(self, handler: Handler, patience: Patience, proxy: Proxy | None) -> None:
        self._web = web.Server(handler.handle if proxy is None else partial(proxy.handle, handler))
        self._refuse = handler.refuse
        self._patience = patience
        self._opens = handler.fast_path and proxy is None and door.opens()
        self._doors = door.Doors(handler.plain, self._connection, patience, most=handler.max_body)
        self._numbers = count(1)
        self._exhausted = False

    def __call__(self) -> asyncio.Protocol:
        if self._exhausted:
            self._exhausted = False
            log.warning("connections are accepted again")
        number = next(self._numbers)
        return door.FrontDoor(self._doors, number) if self._opens else self._connection(number)

    def _connection(self, number: int) -> Connection:
        loop = asyncio.get_running_loop()
        return Connection(self._web, loop, self._refuse, number, self._patience)

    @property
    def held(self) -> list[Connection | door.FrontDoor]:
        """The connections that are open."""
        return [
            *self._doors.open,
            *(one for one in self._web.connections if isinstance(one, Connection)),
        ]

    def look(self, now: float) -> None:
        """Let every connection look whether its client takes too long."""
        for connection in self.held:
            connection.look(now)

    def close(self) -> None:
        """Let every connection answer what it is at, and nothing more."""
        for connection in self.held:
            connection.close()

    async def shutdown(self, timeout: float) -> None:  # noqa: ASYNC109 - as aiohttp's
        """Let answers come to their end, or end them in time; then close."""
        doors = [one.shutdown(2 * timeout) for one in self._doors.open]  # as long as aiohttp's
        await asyncio.gather(*doors, self._web.shutdown(timeout))

    def trouble(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Tell of exhausted descriptors once, until there are some again; leave others to the loop."""
        error = context.get("exception")
        if not (isinstance(error, OSError) and error.errno in _EXHAUSTED and "socket" in context):
            loop.default_exception_handler(context)
        elif not self._exhausted:
            self._exhausted = True
            log.error(
                "cannot accept connections (%s); new ones wait until others end, or raise the limit "
                "of open files (ulimit -n)",
                error.strerror,
            )


class _Listener(socket.socket):
    """A socket of which asyncio accepts no more after an error, until it tries again a second later.

    Its loop over the backlog ignores errors: it would meet each a thousand times, with as many timers.
    """

    _failed = False

    def accept(self) -> tuple[socket.socket, Any]:
        if self._failed:
            self._failed = False
            raise BlockingIOError
        try:
            return super().accept()
        except OSError as error:
            self._failed = error.errno in _EXHAUSTED
            raise


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a listening socket; port 0 picks a free one. Raises OSError, such as EADDRINUSE.

    One that is `shared` leaves room for others of this user on the same port.
    """
    name = host.encode() if host.isascii() else host  # for text Python loads its tables of IDNA
    family, _, _, _, address = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0]
    both = address[0] == "::" and socket.has_dualstack_ipv6()  # as all addresses, IPv4's are meant
    listener = socket.create_server(
        address, family=family, backlog=_BACKLOG, reuse_port=shared, dualstack_ipv6=both
    )
    return _Listener(fileno=listener.detach())


def bind_all(host: str, port: int, count: int) -> list[socket.socket]:
    """Return so many sockets that listen on one port, which nobody else does. Raises OSError."""
    if count == 1:
        return [bind(host, port)]
    with bind(host, port) as alone:  # which would share with nobody
        port = alone.getsockname()[1]
    return [bind(host, port, shared=True) for _ in range(count)]


def is_exposed(listener: socket.socket) -> bool:
    """Tell whether other machines may reach a listening socket."""
    return not is_loopback(listener.getsockname()[0])


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    """Return the URL of a listening socket, without a slash at its end."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


@asynccontextmanager
async def serving(
    handler: Handler,
    listener: socket.socket,
    patience: Patience = PATIENCE,
    *,
    tls: "ssl.SSLContext | None" = None,
    proxy: Proxy | None = None,
) -> AsyncIterator[None]:
    """Serve on the running loop while the context lasts; then end what is still open.

    With `tls` nothing else is spoken; with a `proxy` it is one, too.
    """
    handler.exposed = is_exposed(listener)
    loop = asyncio.get_running_loop()
    server = _Server(handler, patience, proxy)
    accept: Callable[[], asyncio.BaseProtocol] = server
    doors = {listener: tls}
    if proxy is not None:
        accept = partial(Gate, proxy, server)
        doors.update(proxy.doors)
    acceptors = [
        await loop.create_server(
            accept if door is listener else server, sock=door, backlog=_BACKLOG, ssl=context
        )
        for door, context in doors.items()
    ]
    before = loop.get_exception_handler()
    loop.set_exception_handler(server.trouble)
    watcher = loop.create_task(watch(patience, server.look))
    try:
        yield
    finally:
        watcher.cancel()
        # A client that has just ended may have asked what nobody has read yet.
        for _ in range(_KNOWING):
            await asyncio.sleep(0)
        # Closing the acceptor under a connection that is just being accepted would leave that one
        # open for ever; so first accept no more, and let what was accepted become known.
        with suppress(NotImplementedError):  # Windows accepts without readers
            for door in doors:
                loop.remove_reader(door)
        for _ in range(_ACCEPTING):
            await asyncio.sleep(0)
        for acceptor in acceptors:
            acceptor.close()
        if proxy is not None:
            proxy.close()
        server.close()
        left = server.held
        await server.shutdown(_GRACE)
        for connection in left:  # a client that does not read would keep its socket for ever
            connection.abort()
        await asyncio.sleep(0)  # a transport closes its socket in the next turn
        loop.set_exception_handler(before)


def _own_loop() -> asyncio.AbstractEventLoop:
    """Return a loop of Python's own, whatever the rest of the process runs on, as uvloop."""
    if sys.platform == "win32":
        return asyncio.ProactorEventLoop()
    return asyncio.SelectorEventLoop()


class ServerThread:
    """A server in a thread and a loop of its own, on a socket that the caller has bound.

    The socket listens before the thread runs, so a client may connect at once.
    """

    def __init__(
        self, handler: Handler, listener: socket.socket, proxy: Proxy | None = None
    ) -> None:
        self._runner = asyncio.Runner(loop_factory=_own_loop)
        self._loop = self._runner.get_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(
            target=self._run, args=(handler, listener, proxy), name="mockgpt", daemon=True
        )
        self._thread.start()

    def _run(self, handler: Handler, listener: socket.socket, proxy: Proxy | None) -> None:
        with self._runner as runner:
            runner.run(self._serve(handler, listener, proxy))

    async def _serve(self, handler: Handler, listener: socket.socket, proxy: Proxy | None) -> None:
        async with serving(handler, listener, proxy=proxy):
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
