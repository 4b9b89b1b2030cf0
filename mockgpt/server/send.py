"""Executes a plan on a wire: the one place where a response is sent."""

import asyncio
from array import array
from collections.abc import Awaitable
from typing import Literal

from mockgpt.core.exchange import KEPT, Ending, Sent, Write
from mockgpt.core.plan import Abort, Data, End, Events, Head, Pause, Plan, Step
from mockgpt.server.client import secure
from mockgpt.server.wire import LAST_CHUNK, Framing, Wire, cut, framing, head_bytes

_JOINED = 2**16  # bytes, asyncio's high-water mark: so much is written at once, and the next waits
_WRITES = 1_000  # that the journal learns
_TURN = 0.001  # seconds that a plan behind its time goes on before the others have their turn


class Sender:
    """Sends one response and knows, whatever happens, what was really sent.

    Contiguous data goes out in one write, and nothing before the plan's first wait or its end: a
    plan that fails until then can still be answered by another, and of one that aborts with its
    body not begun not even the head is sent. `at`, in seconds of the clock, gives the Date header.
    """

    __slots__ = (
        "_at", "_begun", "_body", "_bytes", "_chunks", "_due", "_ending", "_events", "_framing",
        "_head", "_now", "_pending", "_said", "_sent_events", "_silence", "_size", "_sizes", "_time",
        "_times", "_turn", "_wire", "keep_alive",
    )  # fmt: skip

    def __init__(self, wire: Wire, at: float) -> None:
        self.keep_alive = False  # whether the connection goes on behind the response
        self._wire = wire
        self._at = at
        self._time = wire.time
        self._framing: Framing | None = None  # of a response whose head is on the wire
        self._sent_events = self._chunks = self._bytes = 0  # that were written
        self._times, self._sizes = array("d"), array("I")  # of the writes
        self._silence = 0.0  # the longest, from `_said`: however many pauses are in it
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
            seconds=self._time() - self._begun,
            silence=self._silence,
            ending=self._ending,
            writes=tuple(map(Write, self._times, self._sizes)),
            kept=self._kept(),
        )

    def _kept(self) -> tuple[bytes | Events, ...]:
        if self._ending == "complete" and 0 < self._bytes <= KEPT:
            return tuple(self._body)
        body = b"".join([one.bytes if isinstance(one, Events) else one for one in self._body])
        return (body[: self._bytes][:KEPT],)

    async def send(self, plan: Plan) -> None:
        """Execute a plan. A client that leaves ends it; nothing is raised for that."""
        self._begun = self._turn = self._now = self._said = self._due = self._time()
        self._head: Head | None = None  # of a plan before, which failed, nothing is left here
        self._pending: list[bytes] = []  # of the body, to be written in one
        self._size = 0  # bytes of it
        self._events = 0  # of the plan so far
        self._body: list[bytes | Events] = []  # of the plan, as far as the journal learns it
        try:
            for step in plan:
                # Every answer has these three; `match` would cost a short one more than its write.
                if type(step) is Data:
                    waiting = self._hold(step.bytes, step.bytes, step.mark != "")
                elif type(step) is Head:
                    self._head = step
                    continue
                elif type(step) is End:
                    waiting = self._write(ends=True)
                else:
                    waiting = self._step(step)
                if waiting is not None:
                    await waiting
                if type(step) is End:
                    assert self._framing is not None, "a plan has a head"
                    self.keep_alive = self._framing.keep_alive
                    self._ending = "complete"
        except ConnectionError:
            self._ending = "client_left"
            self.abort("close")

    def _hold(self, data: bytes, kept: bytes | Events, events: int) -> Awaitable[None] | None:
        """Hold data, which the journal has as `kept`; return what is to be waited for after it."""
        self._pending.append(data)
        self._size += len(data)
        self._events += events
        if self._bytes < KEPT:
            self._body.append(kept)
        return self._write() if self._size >= _JOINED else None

    def _step(self, step: Step) -> Awaitable[None] | None:
        """Execute any other step; return what is to be waited for before the next."""
        if type(step) is Events:
            if step.waits is not None:
                return self._timed(step, step.waits)
            return self._hold(step.bytes, step, step.events)
        if type(step) is Pause:
            waiting = self._pause(step.seconds, self._write())
            return None if waiting is None else self._paused(waiting)
        assert type(step) is Abort, "the others are executed by `send`"
        return self._abort(step)

    async def _abort(self, step: Abort) -> None:
        if (self._size or self.begun) and (writing := self._write()) is not None:
            await writing
        self.abort(step.how)

    async def _paused(self, waiting: Awaitable[bool]) -> None:
        self._resume(stayed=await waiting)

    async def _timed(self, events: Events, waits: tuple[float, ...]) -> None:
        """Hold each event once its pause is over, and write what is held before the next pause.

        What all have in common is held once, and joined to what each says only to be written.
        """
        begin, texts, end = events.before, events.texts, events.after
        assert len(texts) == len(waits), "each has its own"
        if self._bytes < KEPT:
            self._body.append(events)
        n = 0
        while n < len(texts):
            if waits[n] or self._size >= _JOINED:
                waiting = self._pause(waits[n], self._write())
                while True:
                    if waiting is not None:
                        self._resume(stayed=await waiting)
                    n, waiting = self._alone(events, waits, n)
                    if waiting is None:
                        break
            self._pending += (begin, texts[n], end)
            self._size += len(begin) + len(texts[n]) + len(end)
            self._events += 1
            n += 1

    def _alone(
        self, events: Events, waits: tuple[float, ...], n: int
    ) -> tuple[int, Awaitable[bool] | None]:
        """Write events, each by itself, from the n-th on: its pause is over, and nothing is held.

        Returns the first that is left, and what waits until its pause is over; None: it is over, and
        the event is to be held, as something may follow without a pause. `_timed` would do the same;
        but in this loop streams behind their time spend theirs.
        """
        begin, texts, end = events.before, events.texts, events.after + b"\r\n"
        common = len(begin) + len(events.after)
        framed, transport = self._framing, self._wire.transport
        if framed is None or not framed.chunked or transport is None or not common:
            return n, None
        write, drained, time = transport.write, self._wire.drained, self._time
        note_time, note_size = self._times.append, self._sizes.append
        begun, due, now, until = self._begun, self._due, self._now, self._turn + _TURN
        first, last, noted = n, len(texts) - 1, n + _WRITES - self._chunks
        begins, written = dict[int, bytes](), 0  # of chunks, by size
        try:
            while n < last and waits[n + 1]:
                size = common + len(texts[n])
                if size >= _JOINED:
                    return n, None
                if size not in begins:
                    begins[size] = b"%x\r\n%b" % (size, begin)
                if transport.is_closing():
                    raise ConnectionResetError("the client left")
                write(begins[size] + texts[n] + end)
                now = time()
                if n < noted:
                    note_time(now - begun)
                    note_size(size)
                written += size
                n += 1
                due += waits[n]
                writing = drained()
                if writing is not None or not due <= now < until:
                    break
            else:
                return n, None
        finally:  # whatever ended it, these were written
            if n > first:
                self._chunks += n - first
                self._bytes += written
                self._sent_events = self._events = self._events + n - first
                self._due, self._now, self._said = due, now, now
        return n, self._pause(0.0, writing)

    def _pause(self, seconds: float, writing: Awaitable[None] | None) -> Awaitable[bool] | None:
        """Return what waits, for a write first, until all pauses so far are over.

        They are counted from the start, so lateness never adds up. It tells whether the client
        stayed. None: they are over, and others have had their turn not long ago. All streams wait in
        one heap, the loop's own, for the time at which their next chunk is due.
        """
        self._due += seconds
        if writing is None:
            if self._due > self._now:
                self._now = self._time()  # which has gone on since the last write
            if self._due > self._now:
                return self._wire.stays_until(self._due)
            if self._now < self._turn + _TURN:
                return None
        return self._give_way(writing)

    async def _give_way(self, writing: Awaitable[None] | None) -> bool:
        """Wait for a write and for the pauses; at least, let others have their turn."""
        if writing is not None:
            await writing
            self._now = self._said = self._time()
        if self._due > self._now:
            return await self._wire.stays_until(self._due)
        await asyncio.sleep(0)
        return True

    def _resume(self, *, stayed: bool) -> None:
        """Go on after a wait. Raises ConnectionError for a client that left meanwhile.

        One that only half-closed looks the same; it gets whole what has no pauses.
        """
        if not stayed:
            raise ConnectionResetError("the client left")
        self._turn = self._time()
        self._silence = max(self._silence, self._turn - self._said)
        self._now = self._turn

    def _write(self, *, ends: bool = False) -> Awaitable[None] | None:
        """Write what is held, the head before it where that is still to come, and the body's end.

        Returns what ends when the client has taken it. Before there is a head nothing is held.
        """
        head, pieces, size = self._head, self._pending, self._size
        if head is None:
            return None
        if size >= 2 * _JOINED:
            return self._write_in_parts(ends=ends)
        before, framed = b"", self._framing
        if framed is None:
            framed = framing(head, self._wire)
            before = head_bytes(head, framed, self._at)
            self._framing = framed
        self._pending, self._size = [], 0
        if framed.chunked:
            chunk = (b"%x\r\n" % size, *pieces, b"\r\n") if size else ()
            pieces = [*chunk, LAST_CHUNK if ends else b""]
        elif framed.bodiless:
            pieces, size = [], 0
        return self._put(b"".join((before, *pieces)), size, ends=ends)

    def _put(self, data: bytes, size: int, *, ends: bool) -> Awaitable[None] | None:
        """Put bytes on the wire, `size` of them of the body; return what ends once they are taken."""
        transport = self._wire.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client left")
        if not data:
            self._now = self._time()
            return None
        self._wire.write(data, last=ends)
        self._now = self._said = now = self._time()
        if size:
            if self._chunks < _WRITES:
                self._times.append(now - self._begun)
                self._sizes.append(size)
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
            if (waiting := self._write(ends=ends and n + 1 == parts)) is not None:
                await waiting
            if secure(self._wire.transport):  # which tells only in a later turn that it is lost
                await asyncio.sleep(0)

    def abort(self, how: Literal["reset", "close"]) -> None:
        """End the connection here, whatever is still to be sent."""
        transport = self._wire.transport
        if transport is not None:
            cut(transport, how)
