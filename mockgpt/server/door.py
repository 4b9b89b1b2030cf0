"""The front door: whole and plain requests are answered without aiohttp's request machinery.

It is a second way to the same handler and the same sender. What is not plain (another method, a
body in chunks or compressed, a large one, a head that is unusual or comes in parts) is handed to
aiohttp, and the rest of its connection with it.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import lru_cache
from types import coroutine
from typing import Any

import aiohttp
from aiohttp import web
from msgspec import Struct

from mockgpt.server import control
from mockgpt.server.connection import Connection, Refuse
from mockgpt.server.patience import Patience
from mockgpt.server.wire import Wire

TESTED = "3.14."  # the versions of aiohttp whose connections the door was tested to stand before

_HEAD = 8_000  # bytes of a head, and of a body: what is larger is aiohttp's
_BODY = 2**18
_HEADS = 256  # kept: a client's requests have nearly all their heads in common
_PARTIAL = 1.0  # seconds after which aiohttp waits for the rest of a request

_LINE = re.compile(rb"POST (/[A-Za-z0-9._~/%?=&:+,@-]*) HTTP/1\.1")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~]+(?:[ \t]+[!-~]+)*)?[ \t]*")
_LENGTH = re.compile("[0-9]{1,6}")
_NOT_PLAIN = {"content-encoding", "expect", "te", "trailer", "transfer-encoding", "upgrade"}


class Plain(Struct, frozen=True):
    """The head of a plain request: a POST in HTTP/1.1 with a body of known length, in bytes."""

    path: str
    query: str
    headers: dict[str, str]
    length: int
    keep_alive: bool


Answer = Callable[[Plain, bytes, Wire, int], Coroutine[Any, Any, bool]]


@lru_cache(maxsize=_HEADS)
def plain(head: bytes) -> Plain | None:
    """Return a head without its last line's end as a value, or None for one that is not plain."""
    line, *lines = head.split(b"\r\n")
    asked = _LINE.fullmatch(line)
    found = [*map(_HEADER.fullmatch, lines)]
    if asked is None or not all(found):
        return None
    headers = {m[1].decode().lower(): (m[2] or b"").decode() for m in found if m is not None}
    length = headers.get("content-length", "")
    connection = headers.get("connection", "keep-alive").lower()
    if (
        len(headers) < len(found)  # aiohttp knows what to make of one that comes twice
        or "host" not in headers
        or not _LENGTH.fullmatch(length)
        or connection not in ("keep-alive", "close")
        or not _NOT_PLAIN.isdisjoint(headers)
    ):
        return None
    path, _, query = asked[1].decode().partition("?")
    if control.concerns(path):
        return None
    return Plain(path, query, headers, int(length), connection == "keep-alive")


class FrontDoor(Connection):
    """A connection whose plain requests do not reach aiohttp."""

    __slots__ = ("_answer", "_answering", "_busy", "_coming", "_most", "_plain", "_way")

    def __init__(
        self,
        server: web.Server,
        loop: asyncio.AbstractEventLoop,
        refuse: Refuse,
        number: int,
        patience: Patience,
        *,
        answer: Answer,
        most: int,
    ) -> None:
        super().__init__(server, loop, refuse, number, patience)
        self._answer = answer
        self._most = min(most, _BODY)  # bytes of a body
        self._plain = True  # so far
        self._coming = bytearray()  # of a request that is not whole yet, or is still to be answered
        self._way = _Way(self)
        self._busy = False
        self._answering: asyncio.Task[bool] | None = None  # of an answer that had to wait

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self._way.transport = self._wire

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        self._way.transport = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Answer what is whole and plain; hand the rest to aiohttp."""
        if not self._plain:
            super().data_received(data)
            return
        self._heard = self._loop.time()
        self._coming += data
        if not self._busy:
            self._serve()

    def _serve(self) -> None:
        while self._coming and not self._busy:
            end = self._coming.find(b"\r\n\r\n", 0, _HEAD)
            head = plain(bytes(self._coming[:end])) if end >= 0 else None
            if head is None or head.length > self._most:
                self._hand_over()
                return
            begin, stop = end + 4, end + 4 + head.length
            if len(self._coming) < stop:
                return
            body = bytes(self._coming[begin:stop])
            del self._coming[:stop]
            self._busy = True
            self._way.keep_alive = head.keep_alive
            answering = self._answer(head, body, self._way, self.number)
            try:
                waits_for = answering.send(None)
            except StopIteration as over:
                self._over(goes_on=over.value)
            else:
                self._answering = self._loop.create_task(_rest(answering, waits_for))
                self._answering.add_done_callback(self._answered)

    def _answered(self, answering: "asyncio.Task[bool]") -> None:
        self._answering = None
        self._over(goes_on=not answering.cancelled() and answering.result())
        self._serve()

    def _over(self, *, goes_on: bool) -> None:
        self._busy = False
        self._heard = self._loop.time()
        if not goes_on or self._close or (self._half_closed and not self._coming):
            self._coming.clear()
            if self.transport is not None:
                self.transport.close()

    def _hand_over(self) -> None:
        self._plain = False
        data = bytes(self._coming)
        self._coming.clear()
        super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override] # as of Connection
        """Answer what was asked before the client said that it has said all; else close."""
        if self._busy:
            self._depart()
            self._half_closed = True
            return not self._secure
        if self._coming:
            self._hand_over()
        return super().eof_received()

    def look(self, now: float) -> None:
        """End what has kept the server waiting too long by now, the loop's time."""
        if self._coming and not self._busy and now - self._heard >= _PARTIAL:
            self._hand_over()
        if not self._busy or self._paused:
            super().look(now)

    def close(self) -> None:
        """Close the connection, after the answer that is on its way."""
        if self._busy:
            self._close = True
            return
        if self._coming:  # a request that stays half a one is recorded, too
            self._hand_over()
        super().close()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - aiohttp's
        """Let an answer come to its end, or end it in time; then close."""
        if self._answering is not None:
            await asyncio.wait([self._answering], timeout=timeout)
        if self._answering is not None:
            self._answering.cancel()
            await asyncio.wait([self._answering], timeout=timeout)
        await super().shutdown(timeout)


class _Way:
    """A front door's connection as a wire, for one request after another."""

    method = "POST"
    http11 = True

    def __init__(self, door: FrontDoor) -> None:
        self._door = door
        self.keep_alive = True
        self.transport: asyncio.Transport | None = None

    def drained(self) -> Awaitable[None] | None:
        return self._door._drain_helper() if self._door._paused else None  # noqa: SLF001 - its own

    def stays_until(self, due: float) -> Awaitable[bool]:
        return self._door.stays_until(due)


async def _rest(begun: Coroutine[Any, Any, bool], waits_for: Any) -> bool:
    """Go on, as a task, with a coroutine that was begun without one and waits for a future.

    Most requests are answered without a wait; a task for each would cost as much as its answer.
    """
    return await _resumed(begun, waits_for)


@coroutine
def _resumed(begun: Coroutine[Any, Any, bool], waits_for: Any) -> Generator[Any, None, bool]:
    try:
        while True:
            try:
                yield waits_for
            except (asyncio.CancelledError, ConnectionError) as error:  # what waits can end in
                waits_for = begun.throw(error)
            else:
                waits_for = begun.send(None)
    except StopIteration as over:
        return bool(over.value)


def opens() -> bool:
    """Tell whether the door was tested with the aiohttp that is installed."""
    return aiohttp.__version__.startswith(TESTED)
