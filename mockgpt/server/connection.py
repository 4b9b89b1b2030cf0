"""One client's connection: aiohttp's, where it leaves a client without an answer, mended.

aiohttp parses and queues; it does not tell a handler that waits for a body that the rest of the body
turned out broken, drops a client that half-closes, and answers versions that it does not speak.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http import HttpVersion10, HttpVersion11
from aiohttp.http_exceptions import (
    BadHttpMessage,
    BadHttpMethod,
    BadStatusLine,
    ContentEncodingError,
    HttpProcessingError,
    InvalidHeader,
    LineTooLong,
    TransferEncodingError,
)
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from mockgpt.core.plan import FOR_EVER

Refuse = Callable[[str], web.StreamResponse]


class _VersionError(BadHttpMessage):
    """A version that is not spoken here."""


# The parser's own words quote what it read, and that may be a key.
_REASONS: tuple[tuple[type[HttpProcessingError], str], ...] = (
    (_VersionError, "this is not HTTP/1.0 or HTTP/1.1"),
    (LineTooLong, "a line is too long"),
    (ContentEncodingError, "the Content-Encoding is not supported here"),
    (InvalidHeader, "a header is malformed"),
    (BadHttpMethod, "the method is malformed"),
    (BadStatusLine, "the request line is malformed"),
    (TransferEncodingError, "the chunks are malformed"),
)


class Connection(RequestHandler):
    """A connection whose refusals of bytes that are no HTTP get the service's shape."""

    __slots__ = (
        "_broken",
        "_content",
        "_half_closed",
        "_handled",
        "_left",
        "_refuse",
        "_sleeper",
        "number",
    )

    def __init__(
        self, server: web.Server, loop: asyncio.AbstractEventLoop, refuse: Refuse, number: int
    ) -> None:
        super().__init__(server, loop=loop)
        self._refuse = refuse
        self.number = number
        self._left = False  # the client will say no more, and may be gone
        self._sleeper: asyncio.Future[None] | None = None  # of a plan that pauses
        self._half_closed = False
        self._handled = 0  # of the requests that were parsed
        self._broken = ""  # why no more of a body will come
        self._content: StreamReader | None = None  # of the request in hand

    def data_received(self, data: bytes) -> None:
        """Parse; refuse other versions, and tell of a body that turned out broken."""
        super().data_received(data)
        for index, (message, _) in enumerate(self._messages):
            if not isinstance(message, _ErrInfo) and message.version not in _VERSIONS:
                error = _VersionError("unsupported HTTP version")
                self._messages[index] = (_ErrInfo(400, error, error.message), EMPTY_PAYLOAD)
        if self._messages and isinstance(last := self._messages[-1][0], _ErrInfo):
            self._break(_reason(last.exc))

    def eof_received(self) -> bool:  # type: ignore[override] # asyncio reads it, aiohttp has none
        """Answer what was asked before the client said that it has said all; else close."""
        self._depart()
        self._half_closed = self._request_count > self._handled
        self._break("it ended early")
        return self._half_closed

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell whoever waits."""
        self._depart()
        super().connection_lost(exc)

    async def stays_until(self, due: float) -> bool:
        """Wait until that time of the loop; return False as soon as the client leaves."""
        if self._left:
            return False
        loop = asyncio.get_running_loop()
        self._sleeper = waiter = loop.create_future()
        timer = loop.call_at(due, _wake, waiter) if due < FOR_EVER else None
        try:
            await waiter
        finally:
            self._sleeper = None
            if timer is not None:
                timer.cancel()
        return not self._left

    def _depart(self) -> None:
        self._left = True
        if self._sleeper is not None:
            _wake(self._sleeper)

    def _break(self, reason: str) -> None:
        self._broken = reason
        for _, content in self._messages:
            _break(content, reason)
        if self._content is not None:
            _break(self._content, reason)

    async def _handle_request(
        self,
        request: web.BaseRequest,
        start_time: float | None,
        request_handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    ) -> tuple[web.StreamResponse, bool]:
        self._content = request.content
        if self._broken:  # between the queue and here it was in neither
            _break(request.content, self._broken)
        handled = await super()._handle_request(request, start_time, request_handler)
        self._handled += 1
        if self._half_closed and not self._messages:
            self.close()
        return handled

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Leave out a broken body that aiohttp meets again after the answer to it."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what never became a request; the handler answers for itself."""
        if isinstance(exc, HttpProcessingError):
            return self._refuse(_reason(exc))
        return super().handle_error(request, status, exc, message)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


_VERSIONS = (HttpVersion10, HttpVersion11)


def _reason(error: BaseException) -> str:
    found = (words for kind, words in _REASONS if isinstance(error, kind))
    return next(found, "the request is malformed")


def _break(content: StreamReader, reason: str) -> None:
    """End the wait for a body of which no more will come."""
    if not content.is_eof():
        content.set_exception(web.RequestPayloadError(reason))
