"""aiohttp's requests as wires, and what tells aiohttp that they are answered.

aiohttp parses; answers are framed and written by mockgpt, the same for every door.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion11

from mockgpt.server.connection import Connection
from mockgpt.server.wire import clock


class RequestWire:
    """The wire of one of aiohttp's requests."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self.method = request.method
        self.http11 = request.version >= HttpVersion11
        self.time = clock(asyncio.get_running_loop())

    @property
    def keep_alive(self) -> bool:
        """Whether more may come: behind a body that was refused unread nothing is a request."""
        return self._request.keep_alive and self._request.content.is_eof()

    @property
    def transport(self) -> asyncio.Transport | None:
        """The connection's transport, None once it is lost."""
        return self._request.transport

    def write(self, data: bytes, *, last: bool) -> None:
        """Write bytes of an answer."""
        del last
        transport = self._request.transport
        assert transport is not None, "the sender looked whether it is there"
        transport.write(data)

    def drained(self) -> Awaitable[None]:
        """Wait until the client has taken most of what was written."""
        return self._request.writer.drain()

    async def stays_until(self, due: float) -> bool:
        """Wait until that time of the loop; return False as soon as the client leaves."""
        protocol = self._request.protocol
        if isinstance(protocol, Connection):
            return await protocol.stays_until(due)
        await asyncio.sleep(max(0.0, due - self.time()))
        return True


class Answered(web.StreamResponse):
    """What aiohttp is given for a response that was written already, or is by `answer`."""

    goes_on = False

    def __init__(self, answer: Callable[[], Awaitable[None]] | None = None) -> None:
        super().__init__()
        self._answer = answer

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write the answer where that is still to be done."""
        del request
        if self._answer is not None:
            await self._answer()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing more."""

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection goes on behind it."""
        return self.goes_on

    @property
    def body_length(self) -> int:
        """0: aiohttp's access log, where there is one, does not know."""
        return 0
