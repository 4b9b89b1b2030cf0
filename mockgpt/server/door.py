"""The front door: whole and plain requests are answered without aiohttp's request machinery.

It is a second way to the same handler and the same sender. What is not plain (another method, a
body in chunks or compressed, a large one, a head that is unusual or comes in parts) is handed to
aiohttp, and the rest of its connection with it. Until then nothing of aiohttp's is built.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiohttp

from mockgpt.server.client import Client, secure
from mockgpt.server.connection import Connection
from mockgpt.server.outbox import Outbox
from mockgpt.server.patience import Patience
from mockgpt.server.plain import Plain, plain
from mockgpt.server.wire import clock

TESTED = "3.14."  # the versions of aiohttp whose connections the door was tested to stand before

_HEAD = 8_000  # bytes of a head, and of a body: what is larger is aiohttp's
_BODY = 2**18
_AHEAD = _HEAD + _BODY  # bytes that wait behind an answer, until no more is read
_PARTIAL = 1.0  # seconds after which aiohttp waits for the rest of a request

Answer = Callable[[Plain, bytes, "FrontDoor"], Coroutine[Any, Any, bool]]


class Doors:
    """What the front doors of a server have in common, and those of them that are open.

    `connection` makes aiohttp's, of that number, for what is not plain; `most` is in bytes of a body.
    """

    def __init__(
        self,
        answer: Answer,
        connection: Callable[[int], Connection],
        patience: Patience,
        *,
        most: int,
    ) -> None:
        self.answer = answer
        self.connection = connection
        self.patience = patience
        self.most = min(most, _BODY)
        self.loop = asyncio.get_running_loop()
        self.open: set[FrontDoor] = set()
        self.outbox = Outbox(self.loop)


class FrontDoor(asyncio.Protocol):
    """A connection as long as its requests are plain, and the wire of their answers.

    An answer that waits is a coroutine that goes on when its wait is over. As a task, which most
    answers would be for nothing, it would cost more.
    """

    __slots__ = (
        "_ahead", "_answering", "_client", "_doors", "_ended", "_ends", "_heard", "_paused", "_room",
        "alone", "keep_alive", "number", "time", "transport",
    )  # fmt: skip

    method = "POST"
    http11 = True

    def __init__(self, doors: Doors, number: int) -> None:
        self.number = number
        self.keep_alive = True  # after the request in hand
        self.transport: asyncio.Transport | None = None
        self.time = clock(doors.loop)
        self._doors = doors
        self._client = Client(doors.loop)
        self._ahead: bytearray | None = None  # of a request that is not whole, or not answered yet
        self._answering: Coroutine[Any, Any, bool] | None = None
        self._ended: asyncio.Future[None] | None = None  # of who waits until it is answered
        self._ends = False  # no request is answered any more
        self._paused = False  # the transport holds so much that it has to send first
        self._room: asyncio.Future[None] | None = None  # until then an answer waits
        self._heard = self.time()  # when a part of a request came, or an answer ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport), "a socket's is"
        self.transport, self.alone = transport, not self._doors.open
        self._doors.open.add(self)
        opened = transport.get_extra_info("socket")
        if opened is not None:  # so the system notices clients that are gone without a word
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._doors.open.discard(self)
        if self._ahead is not None and self._answering is None:  # half a request is recorded, too
            soon = self._doors.loop.call_soon  # once aiohttp's task has begun with it
            soon(soon, self._hand_over(self._ahead).connection_lost, exc)
            return
        self.transport = None
        self._client.leave()
        room, self._room = self._room, None
        if room is None:
            return
        if exc is None:
            room.set_result(None)
        else:
            room.set_exception(ConnectionResetError("the client left"))

    def data_received(self, data: bytes) -> None:
        """Answer what is whole and plain; hand the rest to aiohttp."""
        came: bytes | bytearray = data
        if self._ahead is not None:
            self._ahead += data
            came = self._ahead
        if self._answering is None:
            self._serve(came)
        else:
            self._keep(came)

    def _serve(self, data: bytes | bytearray) -> None:
        """Answer one request after another, until one or its answer has to wait."""
        begin = 0
        while begin < len(data) and self._answering is None and not self._ends:
            end = data.find(b"\r\n\r\n", begin, begin + _HEAD)
            head = plain(bytes(data[begin:end])) if end >= 0 else None
            if head is None or head.length > self._doors.most:
                self._hand_over(data[begin:])
                return
            stop = end + 4 + head.length
            if len(data) < stop:
                self._heard = self.time()
                break
            body = bytes(data[end + 4 : stop])
            begin = stop
            self._doors.outbox.release(self.transport)
            self.keep_alive = head.keep_alive
            self._answering = self._doors.answer(head, body, self)
            self._step()
        if self._ends:
            return
        if begin < len(data):
            self._keep(data[begin:] if begin else data)
        else:
            self._ahead = None
        if self._client.left and self._answering is None:  # and nothing more comes
            if self._ahead is None:
                self._end()
            else:
                self._hand_over(self._ahead)

    def _keep(self, data: bytes | bytearray) -> None:
        """Keep what is still to be answered; of one that sends much ahead, read no more for now."""
        self._ahead = data if isinstance(data, bytearray) else bytearray(data)
        if len(data) >= _AHEAD and self.transport is not None:
            self.transport.pause_reading()

    def _step(self) -> None:
        """Answer until there is something to wait for."""
        assert self._answering is not None, "it was just begun, or has waited"
        goes_on: bool | None = False  # behind an answer that fails
        try:
            waits_for = self._answering.send(None)
            if waits_for is None:  # only for the others' turn
                self._doors.loop.call_soon(self._go_on)
            else:
                waits_for.add_done_callback(self._go_on)
            goes_on = None  # nobody knows yet
        except StopIteration as over:
            goes_on = over.value
        finally:
            if goes_on is not None:
                self._over(goes_on=goes_on)

    def _go_on(self, _: object = None) -> None:
        if self._answering is None:  # it was ended meanwhile
            return
        self._step()
        if self._answering is not None or self._ends:
            return
        ahead = self._ahead or b""
        if len(ahead) >= _AHEAD and self.transport is not None:
            self.transport.resume_reading()
        self._serve(ahead)

    def _over(self, *, goes_on: bool) -> None:
        self._answering = None
        self._heard = self.time()
        if self._ended is not None:
            self._ended.set_result(None)
        if self._ends or not goes_on or self.transport is None:
            self._end()

    def _end(self) -> None:
        self._doors.outbox.release(self.transport)
        self._ends = True
        self._ahead = None
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()

    def _hand_over(self, data: bytes | bytearray) -> Connection:
        """Leave the connection to aiohttp, as asyncio would have made it known to it."""
        self._doors.outbox.release(self.transport)
        transport, self.transport = self.transport, None
        assert transport is not None, "what is lost is not served"
        self._ahead = None
        self._doors.open.discard(self)
        connection = self._doors.connection(self.number)
        transport.set_protocol(connection)
        connection.connection_made(transport)
        if self._paused:
            connection.pause_writing()
        connection.data_received(bytes(data))
        if self._client.left and not connection.eof_received():
            transport.close()
        return connection

    def eof_received(self) -> bool:
        """Answer what was asked before the client said that it has said all; else close."""
        self._doors.outbox.release(self.transport)
        if self._answering is not None:
            self._client.leave()
            return not secure(self.transport)
        return self._ahead is not None and self._hand_over(self._ahead).eof_received()

    def pause_writing(self) -> None:
        """Let an answer wait."""
        self._paused = True

    def resume_writing(self) -> None:
        """Let it go on."""
        self._paused = False
        room, self._room = self._room, None
        if room is not None:
            room.set_result(None)

    def write(self, data: bytes, *, last: bool) -> None:
        """Write bytes of an answer; its last a little later, where others' may come with them."""
        assert self.transport is not None, "the sender looked whether it is there"
        self._doors.outbox.write(self.transport, data, waits=last and len(self._doors.open) > 1)

    def drained(self) -> Awaitable[None] | None:
        """Return what ends when the client has taken most of what was written; None: it has."""
        if self._paused and self._room is None:
            self._room = self._doors.loop.create_future()
        return self._room

    def stays_until(self, due: float) -> Awaitable[bool]:
        """Wait until that time of the loop; return False as soon as the client leaves."""
        return self._client.stays_until(due)

    def look(self, now: float) -> None:
        """End what has kept the server waiting too long by now, the loop's time."""
        transport, patience = self.transport, self._doors.patience
        if transport is None:
            return
        if not self._client.takes(transport, now, patience.unread, full=self._paused):
            return
        if self._answering is not None:
            return
        if self._ahead is None:
            if now - self._heard >= patience.idle:
                transport.abort()
        elif now - self._heard >= _PARTIAL:
            self._hand_over(self._ahead)

    def abort(self) -> None:
        """End the connection at once, whatever is still to be sent."""
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        """Close the connection, after the answer that is on its way."""
        if self._answering is not None:
            self._ends = True
        elif self._ahead is None:
            self._end()
        else:  # a request that stays half a one is recorded, too
            # aiohttp first has to begin: its task would not hear of the end before.
            self._doors.loop.call_soon(self._hand_over(self._ahead).close)

    async def shutdown(self, timeout: float) -> None:  # noqa: ASYNC109 - as aiohttp's
        """Let an answer come to its end, or end it in time; then close."""
        if self._answering is not None:
            self._ended = self._doors.loop.create_future()
            await asyncio.wait([self._ended], timeout=timeout)
        if self._answering is not None:
            answering, self._answering, self._room = self._answering, None, None
            answering.close()  # it is recorded
        self._end()


def opens() -> bool:
    """Tell whether the door was tested with the aiohttp that is installed.

    The door itself needs nothing of aiohttp. But whatever it hands over aiohttp has to take in the
    middle of a connection, and to answer with the same bytes: that was tested.
    """
    return aiohttp.__version__.startswith(TESTED)
