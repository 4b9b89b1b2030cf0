"""Executes a plan on a wire: the one place where a response is sent."""

import asyncio
import socket
import struct
from typing import Literal

from mockgpt.core.exchange import Ending, Sent, Write
from mockgpt.core.plan import Abort, Data, End, Events, Head, Pause, Plan
from mockgpt.server.wire import LAST_CHUNK, Framing, Wire, chunk, framing, head_bytes

_JOINED = 2**16  # bytes, asyncio's high-water mark: so much is written at once, and the next waits
_WRITES, _KEPT = 1_000, 2**16  # writes and bytes of a body that the journal learns


class Sender:
    """Sends one response and knows, whatever happens, what was really sent.

    Contiguous data goes out in one write, and nothing before the plan's first wait or its end: a
    plan that fails until then can still be answered by another, and of one that aborts with its
    body not begun not even the head is sent. `at`, in seconds of the injected clock, gives the
    Date header.
    """

    def __init__(self, wire: Wire, at: float) -> None:
        self.keep_alive = False  # whether the connection goes on behind the response
        self._wire = wire
        self._at = at
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._due = 0.0  # seconds after the start at which the plan's pauses so far are over
        self._head: Head | None = None
        self._framing: Framing | None = None  # of a response whose head is on the wire
        self._events = 0  # of the plan so far, and those of them that were written
        self._sent_events = 0
        self._chunks = 0
        self._bytes = 0
        self._silence = 0.0
        self._writes: list[Write] = []
        self._kept = bytearray()  # of the body, for the journal
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
            headers=self._head.headers,
            events=self._sent_events,
            chunks=self._chunks,
            bytes=self._bytes,
            seconds=self._loop.time() - self._begun,
            silence=self._silence,
            ending=self._ending,
            writes=tuple(self._writes),
            body=bytes(self._kept),
        )

    async def send(self, plan: Plan) -> None:
        """Execute a plan. A client that leaves ends it; nothing is raised for that."""
        self._begun = self._loop.time()
        pending: list[bytes] = []
        held = 0
        try:
            head = await self._opened(plan)
            for step in plan:
                if isinstance(step, Data | Events):
                    self._events += step.events
                    pending.append(data := step.bytes)
                    held += len(data)
                    if held < _JOINED:
                        continue
                data = b"".join(pending)
                pending, held = [], 0
                if isinstance(step, Abort):
                    if data or self.begun:
                        await self._write(head, data)
                    self.abort(step.how)
                    return
                await self._write(head, data, ends=isinstance(step, End))
                if isinstance(step, Pause):
                    await self._pause(step.seconds)
        except ConnectionError:
            self._ending = "client_left"
            if not self.begun:
                self.abort("close")

    async def _opened(self, plan: Plan) -> Head:
        for step in plan:
            if isinstance(step, Head):
                self._head = step
                return step
            assert isinstance(step, Pause), "only a wait comes before the head"
            await self._pause(step.seconds)
        raise AssertionError("a plan has a head")

    async def _pause(self, seconds: float) -> None:
        """Wait until all pauses so far are over, counted from the start: lateness never adds up.

        All streams wait in one heap, the loop's own, for the time at which their next chunk is due.
        Raises ConnectionError for a client that leaves meanwhile. One that only half-closed looks
        the same; it gets whole what has no pauses.
        """
        self._due += seconds
        due, before = self._begun + self._due, self._loop.time()
        if due <= before:
            await asyncio.sleep(0)
        elif not await self._wire.stays_until(due):
            raise ConnectionResetError("the client left")
        self._silence = max(self._silence, self._loop.time() - before)

    async def _write(self, head: Head, data: bytes, *, ends: bool = False) -> None:
        """Write data, the head before it where that is still to come, and the body's end behind."""
        before = b""
        if self._framing is None:
            framed = framing(head, self._wire)
            before = head_bytes(head, framed, self._at, http11=self._wire.http11)
            self._framing = framed
        framed = self._framing
        if framed.bodiless:
            data = b""
        parts = max(1, len(data) // _JOINED)  # so what is not read is not copied to wait there
        for n in range(parts):
            part = (
                data if parts == 1 else data[len(data) * n // parts : len(data) * (n + 1) // parts]
            )
            framed_part = chunk(part) if part and framed.chunked else part
            last = LAST_CHUNK if ends and framed.chunked and n + 1 == parts else b""
            self._count(part)
            await self._flush(before + framed_part + last)
            before = b""
        if ends:
            self._ending = "complete"
            self.keep_alive = framed.keep_alive

    async def _flush(self, data: bytes) -> None:
        transport = self._wire.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client left")
        if data:
            transport.write(data)
            drained = self._wire.drained()
            if drained is not None:
                await drained

    def _count(self, data: bytes) -> None:
        if data:
            self._chunks += 1
            self._bytes += len(data)
            self._sent_events = self._events
            if len(self._writes) < _WRITES:
                self._writes.append(Write(self._loop.time() - self._begun, len(data)))
            if len(self._kept) < _KEPT:
                self._kept += data[: _KEPT - len(self._kept)]

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
