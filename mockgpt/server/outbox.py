"""Answers of one turn of the loop, written together at its end.

Each write wakes a client that waits for it, unless that is still awake from the write before: so
writes that follow each other at once cost the system half as much as those with a request's work
between them, and the interpreter less, too.
"""

import asyncio

_SHORT = 2**16  # bytes of an answer that may wait: asyncio's high-water mark
_TOGETHER = 32  # answers that wait for each other


class Outbox:
    """What is to be written at the end of the present turn, by its transports."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._held: dict[asyncio.Transport, bytes] = {}

    def write(self, transport: asyncio.Transport, data: bytes, *, waits: bool) -> None:
        """Write bytes, or hold what `waits` and is short until the end of the turn.

        Behind bytes that are held nothing is written, and nothing closed, without `release`.
        """
        if not waits or len(data) >= _SHORT:
            transport.write(data)
            return
        if not self._held:
            self._loop.call_soon(self._empty)
        self._held[transport] = data
        if len(self._held) == _TOGETHER:
            self._empty()

    def release(self, transport: asyncio.Transport | None) -> None:
        """Write now what is held for a transport, if anything is."""
        if transport in self._held:
            transport.write(self._held.pop(transport))

    def _empty(self) -> None:
        held, self._held = self._held, {}
        for transport, data in held.items():
            transport.write(data)
