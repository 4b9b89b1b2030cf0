"""Short answers of one turn of the loop, written together.

Each write wakes a client that waits for it, unless that is still awake from the write before: so
writes that follow each other at once cost the system half as much as those with a request's work
between them, and the interpreter less, too.
"""

import asyncio

from mockgpt.server.wire import clock

_SHORT = 2**16  # bytes of an answer that may wait: asyncio's high-water mark
_WAIT = 0.001  # seconds after which nothing waits while a request is begun or something is written


class Outbox:
    """What is to be written at the end of the present turn, by its transports."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._time = clock(loop)
        self._held: dict[asyncio.Transport, bytes] = {}
        self._since = 0.0  # the loop's time when the first of them came

    def write(self, transport: asyncio.Transport, data: bytes, *, waits: bool) -> None:
        """Write bytes, or hold what `waits` and is short.

        Behind bytes that are held nothing is written, and nothing closed, without `release`.
        """
        self._look()
        if not waits or len(data) >= _SHORT:
            transport.write(data)
            return
        if not self._held:
            self._since = self._time()
            self._loop.call_soon(self._empty)
        self._held[transport] = data

    def release(self, transport: asyncio.Transport | None) -> None:
        """Write now what is held for a transport, and whatever has waited long."""
        self._look()
        if transport in self._held:
            transport.write(self._held.pop(transport))

    def _look(self) -> None:
        if self._held and self._time() - self._since >= _WAIT:
            self._empty()

    def _empty(self) -> None:
        held, self._held = self._held, {}
        for transport, data in held.items():
            if not transport.is_closing():  # by an abort, or by the client
                transport.write(data)
