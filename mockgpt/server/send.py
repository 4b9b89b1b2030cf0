"""Executes a plan on a wire: the one place where a response is sent."""

import asyncio
import socket
import struct
from array import array
from collections.abc import Awaitable
from typing import Literal

from mockgpt.core.exchange import Ending, Sent, Write
from mockgpt.core.plan import Abort, Data, End, Events, Head, Pause, Plan, Step
from mockgpt.server.wire import LAST_CHUNK, Framing, Wire, framing, head_bytes

_JOINED = 2**16  # bytes, asyncio's high-water mark: so much is written at once, and the next waits
_WRITES, _KEPT = 1_000, 2**16  # writes and bytes of a body that the journal learns
_TURN = 0.001  # seconds that a plan behind its time goes on before the others have their turn


class Sender:
    """Sends one response and knows, whatever happens, what was really sent.

    Contiguous data goes out in one write, and nothing before the plan's first wait or its end: a
    plan that fails until then can still be answered by another, and of one that aborts with its
    body not begun not even the head is sent. `at`, in seconds of the injected clock, gives the
    Date header.
    """

    __slots__ = (
        "_at", "_begun", "_bytes", "_chunks", "_due", "_ending", "_events", "_framing", "_head",
        "_kept", "_loop", "_pending", "_sent_events", "_silence", "_size", "_sizes", "_times",
        "_turn", "_wire", "keep_alive",
    )  # fmt: skip

    def __init__(self, wire: Wire, at: float) -> None:
        self.keep_alive = False  # whether the connection goes on behind the response
        self._wire = wire
        self._at = at
        self._loop = asyncio.get_running_loop()
        self._begun = self._turn = self._loop.time()
        self._due = 0.0  # seconds after the start at which the plan's pauses so far are over
        self._head: Head | None = None
        self._framing: Framing | None = None  # of a response whose head is on the wire
        self._pending: list[bytes] = []  # of the body, to be written in one
        self._size = 0  # bytes of it
        self._events = 0  # of the plan so far, and those of them that were written
        self._sent_events = 0
        self._chunks = 0
        self._bytes = 0
        self._silence = 0.0
        self._times, self._sizes = array("d"), array("I")  # of the writes
        self._kept: list[bytes] = []  # of the body, for the journal
        self._ending: Ending = "aborted"

    @property
    def begun(self) -> bool:
        """Whether a response has begun: then it is too late for another."""
        return self._framing is not None

    @property
    def sent(self) -> Sent | None:
        """What was sent so far; None where no response has begun."""
        if self._framing is None or self._head is None:
            return None
        return Sent(
            status=self._head.status,
            told=self._head.headers,
            events=self._sent_events,
            chunks=self._chunks,
            bytes=self._bytes,
            seconds=self._loop.time() - self._begun,
            silence=self._silence,
            ending=self._ending,
            writes=tuple(map(Write, self._times, self._sizes)),
            kept=(b"".join(self._kept)[:_KEPT],),
        )

    async def send(self, plan: Plan) -> None:
        """Execute a plan. A client that leaves ends it; nothing is raised for that."""
        self._begun = self._turn = self._loop.time()
        self._head = None  # a plan before this one may have failed
        self._pending, self._size, self._events = [], 0, 0
        try:
            for step in plan:
                waiting = self._step(step)
                if waiting is not None:
                    await waiting
        except ConnectionError:
            self._ending = "client_left"
            self.abort("close")

    def _step(self, step: Step) -> Awaitable[None] | None:
        """Execute a step; return what is to be waited for before the next."""
        match step:
            case Events(waits=tuple()):
                return self._timed(step)
            case Data() | Events():
                self._pending.append(data := step.bytes)
                self._size += len(data)
                self._events += step.events
                return self._write() if self._size >= _JOINED else None
            case Pause():
                return self._pause(step.seconds)
            case Head():
                self._head = step
                return None
            case End():
                return self._end()
            case Abort():
                return self._abort(step)

    async def _timed(self, events: Events) -> None:
        assert events.waits is not None, "else they are one piece"
        begin, end = events.before, events.after
        common = len(begin) + len(end)
        for text, wait in zip(events.texts, events.waits, strict=True):
            if wait or self._size >= _JOINED:
                waiting = self._pause(wait)
                if waiting is not None:
                    await waiting
            # Not joined before they are written: what all have in common is held once until the end.
            self._pending += (begin, text, end)
            self._size += common + len(text)
            self._events += 1

    async def _end(self) -> None:
        waiting = self._write(ends=True)
        if waiting is not None:
            await waiting
        assert self._framing is not None, "a plan has a head"
        self.keep_alive = self._framing.keep_alive
        self._ending = "complete"

    async def _abort(self, step: Abort) -> None:
        if self._size or self.begun:
            waiting = self._write()
            if waiting is not None:
                await waiting
        self.abort(step.how)

    def _pause(self, seconds: float) -> Awaitable[None] | None:
        """Write what is held; return what waits until all pauses so far are over.

        They are counted from the start, so lateness never adds up. None: they are over, and others
        have had their turn not long ago.
        """
        writing = self._write()
        self._due += seconds
        due, now = self._begun + self._due, self._loop.time()
        if writing is None and due <= now < self._turn + _TURN:
            return None
        return self._wait(due, writing)

    async def _wait(self, due: float, writing: Awaitable[None] | None) -> None:
        """Wait until that time of the loop; at least, let others have their turn.

        All streams wait in one heap, the loop's own, for the time at which their next chunk is due.
        Raises ConnectionError for a client that leaves meanwhile. One that only half-closed looks
        the same; it gets whole what has no pauses.
        """
        if writing is not None:
            await writing
        before = self._loop.time()
        if due <= before:
            await asyncio.sleep(0)
        elif not await self._wire.stays_until(due):
            raise ConnectionResetError("the client left")
        self._turn = self._loop.time()
        self._silence = max(self._silence, self._turn - before)

    def _write(self, *, ends: bool = False) -> Awaitable[None] | None:
        """Write what is held, the head before it where that is still to come, and the body's end.

        Returns what ends when the client has taken it. Before there is a head nothing is held.
        """
        if self._head is None:
            return None
        if self._size >= 2 * _JOINED:
            return self._write_in_parts(ends=ends)
        before = b""
        framed = self._framing
        if framed is None:
            framed = framing(self._head, self._wire)
            before = head_bytes(self._head, framed, self._at, http11=self._wire.http11)
            self._framing = framed
        pieces, size = ([], 0) if framed.bodiless else (self._pending, self._size)
        self._pending, self._size = [], 0
        transport = self._wire.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client left")
        if not framed.chunked:
            data = b"".join([before, *pieces])
        else:
            chunk = (b"%x\r\n" % size, *pieces, b"\r\n") if size else ()
            data = b"".join([before, *chunk, LAST_CHUNK if ends else b""])
        if not data:
            return None
        transport.write(data)
        if size:
            if self._chunks < _WRITES:
                self._times.append(self._loop.time() - self._begun)
                self._sizes.append(size)
            if self._bytes < _KEPT:
                self._kept += pieces
            self._chunks += 1
            self._bytes += size
            self._sent_events = self._events
        return self._wire.drained()

    async def _write_in_parts(self, *, ends: bool) -> None:
        """Write what is much: so what is not read is not copied to wait there."""
        data = b"".join(self._pending)
        parts = len(data) // _JOINED
        for n in range(parts):
            part = data[len(data) * n // parts : len(data) * (n + 1) // parts]
            self._pending, self._size = [part], len(part)
            waiting = self._write(ends=ends and n + 1 == parts)
            if waiting is not None:
                await waiting

    def abort(self, how: Literal["reset", "close"]) -> None:
        """End the connection here, whatever is still to be sent."""
        transport = self._wire.transport
        if transport is None:
            return
        if how == "reset":  # close() sends a FIN; only a linger time of zero makes it an RST
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        else:
            transport.close()
