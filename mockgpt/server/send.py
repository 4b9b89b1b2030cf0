"""Executes a plan on a wire: the one place where a response is sent."""

import asyncio
import socket
import struct
import zlib
from array import array
from collections.abc import Awaitable, Sequence
from itertools import pairwise
from typing import Literal

from mockgpt.core.exchange import Ending, Sent, Write
from mockgpt.core.plan import Abort, Data, End, Events, Head, Pause, Plan
from mockgpt.server.wire import LAST_CHUNK, Framing, Wire, framing, head_bytes

_JOINED = 2**16  # bytes, asyncio's high-water mark: so much is written at once, and the next waits
_WRITES, _KEPT = 1_000, 2**16  # writes and bytes of a body that the journal learns
_LOOSE = 2**12  # bytes that are kept as they are: of thousands of slow streams all would be much
_TURN = 0.001  # seconds that a plan behind its time goes on before the others have their turn
_BODY = (Data, Events)

Pieces = Sequence[bytes | memoryview]


class Sender:
    """Sends one response and knows, whatever happens, what was really sent.

    Contiguous data goes out in one write, and nothing before the plan's first wait or its end: a
    plan that fails until then can still be answered by another, and of one that aborts with its
    body not begun not even the head is sent. `at`, in seconds of the injected clock, gives the
    Date header.
    """

    __slots__ = (
        "_at", "_begun", "_bytes", "_chunks", "_due", "_ending", "_events", "_framing", "_head",
        "_kept", "_loop", "_loose", "_packed", "_sent_events", "_silence", "_sizes", "_times",
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
        self._events = 0  # of the plan so far, and those of them that were written
        self._sent_events = 0
        self._chunks = 0
        self._bytes = 0
        self._silence = 0.0
        self._times, self._sizes = array("d"), array("Q")  # of the writes
        self._packed: list[bytes] = []  # of the body, for the journal
        self._kept: list[bytes | memoryview] = []  # what comes behind that
        self._loose = 0  # bytes of it
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
            writes=tuple(map(Write, self._times, self._sizes)),
            body=b"".join([*map(zlib.decompress, self._packed), *self._kept])[:_KEPT],
        )

    async def send(self, plan: Plan) -> None:
        """Execute a plan. A client that leaves ends it; nothing is raised for that."""
        self._begun = self._turn = self._loop.time()
        pending: list[bytes] = []
        held = 0
        try:
            for step in plan:
                if isinstance(step, _BODY):
                    self._events += step.events
                    pending.append(data := step.bytes)
                    held += len(data)
                    if held < _JOINED:
                        continue
                elif isinstance(step, Head):
                    self._head = step
                    continue
                if self._head is not None and (
                    held or self.begun or not isinstance(step, Abort)
                ):
                    await self._write(pending, held, ends=isinstance(step, End))
                    pending, held = [], 0
                if isinstance(step, Pause):
                    waiting = self._pause(step.seconds)
                    if waiting is not None:
                        await waiting
                elif isinstance(step, Abort):
                    self.abort(step.how)
        except ConnectionError:
            self._ending = "client_left"
            self.abort("close")

    def _pause(self, seconds: float) -> Awaitable[None] | None:
        """Return what waits until all pauses so far are over, counted from the start.

        So lateness never adds up. None: they are, and others have had their turn not long ago.
        """
        self._due += seconds
        due, now = self._begun + self._due, self._loop.time()
        return None if due <= now < self._turn + _TURN else self._wait(due, now)

    async def _wait(self, due: float, now: float) -> None:
        """Wait until that time of the loop; at least, let others have their turn.

        All streams wait in one heap, the loop's own, for the time at which their next chunk is due.
        Raises ConnectionError for a client that leaves meanwhile. One that only half-closed looks
        the same; it gets whole what has no pauses.
        """
        if due <= now:
            await asyncio.sleep(0)
        else:
            if self._loose >= _LOOSE:
                self._packed.append(_packed(b"".join(self._kept)))
                self._kept, self._loose = [], 0
            if not await self._wire.stays_until(due):
                raise ConnectionResetError("the client left")
        self._turn = self._loop.time()
        self._silence = max(self._silence, self._turn - now)

    async def _write(self, pieces: list[bytes], size: int, *, ends: bool = False) -> None:
        """Write data, the head before it where that is still to come, and the body's end behind."""
        before = b""
        framed = self._framing
        if framed is None:
            assert self._head is not None, "a plan has a head"
            framed = framing(self._head, self._wire)
            before = head_bytes(self._head, framed, self._at, http11=self._wire.http11)
            self._framing = framed
        if framed.bodiless:
            pieces, size = [], 0
        portions = [pieces] if size < 2 * _JOINED else _portions(b"".join(pieces))
        for portion in portions:
            drained = self._put(before, portion, framed, ends=ends and portion is portions[-1])
            before = b""
            if drained is not None:
                await drained
        if ends:
            self._ending = "complete"
            self.keep_alive = framed.keep_alive

    def _put(
        self, before: bytes, pieces: Pieces, framed: Framing, *, ends: bool
    ) -> Awaitable[None] | None:
        """Put some of the body on the wire; return what ends when the client has taken it."""
        transport = self._wire.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client left")
        size = sum(map(len, pieces))
        out = [before, *pieces]
        if framed.chunked:
            if size:
                out = [before, b"%x\r\n" % size, *pieces, b"\r\n"]
            if ends:
                out.append(LAST_CHUNK)
        data = b"".join(out)
        if not data:
            return None
        transport.write(data)
        if size:
            self._count(pieces, size)
        return self._wire.drained()

    def _count(self, pieces: Pieces, size: int) -> None:
        if self._chunks < _WRITES:
            self._times.append(self._loop.time() - self._begun)
            self._sizes.append(size)
        if self._bytes < _KEPT:
            self._kept += pieces
            self._loose += size
        self._chunks += 1
        self._bytes += size
        self._sent_events = self._events

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


def _portions(data: bytes) -> list[list[memoryview]]:
    """Divide what is much, so that what is not read is not copied to wait there."""
    parts = len(data) // _JOINED
    cuts = [len(data) * n // parts for n in range(parts + 1)]
    return [[memoryview(data)[start:end]] for start, end in pairwise(cuts)]


def _packed(data: bytes) -> bytes:
    """Return events, which have nearly all in common, in little; small tables are quick to make."""
    packer = zlib.compressobj(level=1, wbits=12, memLevel=5)
    return packer.compress(data) + packer.flush()
