"""Executes a plan on a connection: the one place where a response is constructed and sent."""

import asyncio
import socket
import struct
from email.utils import formatdate
from functools import lru_cache
from typing import Literal

from aiohttp import web
from aiohttp.http import HttpVersion11

from mockgpt.core.exchange import Ending, Sent, Write
from mockgpt.core.plan import Abort, Data, End, Head, Pause, Plan
from mockgpt.server.connection import Connection

_JOINED = 2**16  # bytes, asyncio's high-water mark: so much is written at once, and the next waits
_WRITES, _KEPT = 1_000, 2**16  # writes and bytes of a body that the journal learns


class Sender:
    """Sends one response and knows, whatever happens, what was really sent.

    Contiguous data goes out in one write, and nothing before the plan's first wait or its end: a
    plan that fails until then can still be answered by another, and of one that aborts with its
    body not begun not even the head is sent. `at`, in seconds of the injected clock, gives the
    Date header.
    """

    def __init__(self, request: web.BaseRequest, at: float) -> None:
        self.response: web.StreamResponse | None = None
        self._request = request
        self._at = at
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._due = 0.0  # seconds after the start at which the plan's pauses so far are over
        self._head: Head | None = None
        self._events = 0  # of the plan so far, and those of them that were written
        self._sent_events = 0
        self._chunks = 0
        self._bytes = 0
        self._silence = 0.0
        self._writes: list[Write] = []
        self._kept = bytearray()  # of the body, for the journal
        self._ending: Ending = "aborted"

    @property
    def sent(self) -> Sent | None:
        """What was sent so far; None where no response has begun."""
        if self.response is None or self._head is None:
            return None
        seconds = self._loop.time() - self._begun
        return Sent(
            status=self._head.status,
            headers=self._head.headers,
            events=self._sent_events,
            chunks=self._chunks,
            bytes=self._bytes,
            seconds=seconds,
            silence=self._silence,
            ending=self._ending,
            writes=tuple(self._writes),
            body=bytes(self._kept),
        )

    async def send(self, plan: Plan) -> web.StreamResponse:
        """Execute a plan. A client that leaves ends it; nothing is raised for that."""
        self._begun = self._loop.time()
        pending: list[bytes] = []
        held = 0
        try:
            head = await self._opened(plan)
            for step in plan:
                if isinstance(step, Data):
                    self._events += step.mark != ""
                    pending.append(step.bytes)
                    held += len(step.bytes)
                    if held < _JOINED:
                        continue
                data = b"".join(pending)
                pending, held = [], 0
                if isinstance(step, End):
                    await self._end(head, data)
                elif data or self.response is not None or not isinstance(step, Abort):
                    await self._write(head, data)
                match step:
                    case Pause():
                        await self._pause(step.seconds)
                    case Abort():
                        self.abort(step.how)
        except ConnectionError:
            self._ending = "client_left"
        if self.response is None:  # it ended before the head
            self.abort("close")
            return web.Response()  # nobody gets this
        return self.response

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
        protocol = self._request.protocol
        if due <= self._loop.time() or not isinstance(protocol, Connection):
            await asyncio.sleep(max(0.0, due - self._loop.time()))
        elif not await protocol.stays_until(due):
            raise ConnectionResetError("the client left")
        self._silence = max(self._silence, self._loop.time() - before)

    async def _end(self, head: Head, data: bytes) -> None:
        if self.response is None and head.length is not None and len(data) < 2 * _JOINED:
            await self._begin(_finished(head, data, self._at))
            self._count(data)
        else:
            await self._write(head, data)
        assert self.response is not None, "it has begun above"
        await self.response.write_eof()
        self._ending = "complete"

    async def _write(self, head: Head, data: bytes) -> None:
        response = self.response or await self._begin(_unfinished(head, self._at))
        if not data or self._request.method == "HEAD":
            return
        parts = max(1, len(data) // _JOINED)  # so what is not read is not copied to wait there
        for n in range(parts):
            part = data[len(data) * n // parts : len(data) * (n + 1) // parts]
            await response.write(part)
            self._count(part)

    async def _begin(self, response: web.StreamResponse) -> web.StreamResponse:
        self.response = response
        if not self._request.content.is_eof():  # refused unread: what follows is no request
            response.force_close()
        if self._request.version < HttpVersion11 and response.content_length is None:
            response.force_close()  # without chunks only the connection's end is the body's
        await response.prepare(self._request)
        return response

    def _count(self, data: bytes) -> None:
        if data and self._request.method != "HEAD":
            self._chunks += 1
            self._bytes += len(data)
            self._sent_events = self._events
            if len(self._writes) < _WRITES:
                self._writes.append(Write(self._loop.time() - self._begun, len(data)))
            if len(self._kept) < _KEPT:
                self._kept += data[: _KEPT - len(self._kept)]

    def abort(self, how: Literal["reset", "close"]) -> None:
        """End the connection here, whatever is still to be sent."""
        transport = self._request.transport
        if transport is None:
            return
        if how == "reset":  # close() sends a FIN; only a linger time of zero makes it an RST
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        else:
            transport.close()


def complete(plan: Plan, at: float) -> tuple[web.Response, Sent]:
    """Return the response of a plan that neither waits nor aborts, for others to send."""
    head, *steps = plan
    assert isinstance(head, Head), "a plan begins with its head"
    body = b"".join(step.bytes for step in steps if isinstance(step, Data))
    return _finished(head, body, at), Sent(
        status=head.status,
        headers=head.headers,
        chunks=1,
        bytes=len(body),
        body=body[:_KEPT],
    )


def _finished(head: Head, body: bytes, at: float) -> web.Response:
    return web.Response(status=head.status, headers=_headers(head, at), body=body)


def _unfinished(head: Head, at: float) -> web.StreamResponse:
    response = web.StreamResponse(status=head.status, headers=_headers(head, at))
    response.content_length = head.length
    return response


def _headers(head: Head, at: float) -> list[tuple[str, str]]:
    given = {name.lower() for name, _ in head.headers}
    own = (("date", _http_date(int(at))), ("server", "mockgpt"))
    return [*head.headers, *(header for header in own if header[0] not in given)]


@lru_cache(maxsize=8)
def _http_date(at: int) -> str:
    return formatdate(at, usegmt=True)
