"""One client's connection: aiohttp's, where it leaves a client without an answer, mended.

aiohttp parses and queues; it does not tell a handler that waits for a body that the rest of the body
turned out broken, drops a client that half-closes, answers versions that it does not speak, and
waits as long as a client likes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage
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

from mockgpt.server.client import Client, secure
from mockgpt.server.patience import Patience

Refuse = Callable[[web.BaseRequest, str, str], web.StreamResponse]  # catalogue's name, reason

_LINGER = 1.0  # seconds in which a client that was refused may notice


class _VersionError(BadHttpMessage):
    """A version that is not spoken here."""


class _SlowHeadError(BadHttpMessage):
    """A head that does not come to its end."""


class SlowBodyError(web.RequestPayloadError):
    """A body of which nothing more comes, though the client is still there."""


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
        "_client",
        "_content",
        "_half_closed",
        "_handled",
        "_head_since",
        "_heard",
        "_latest",
        "_patience",
        "_refuse",
        "_wire",
        "number",
    )

    def __init__(
        self,
        server: web.Server,
        loop: asyncio.AbstractEventLoop,
        refuse: Refuse,
        number: int,
        patience: Patience,
    ) -> None:
        # Its access log would tell whole queries, and keys in them.
        super().__init__(server, loop=loop, access_log=None)  # type: ignore[arg-type]
        self._refuse = refuse
        self._patience = patience
        self.number = number
        self._client = Client(loop)
        self._half_closed = False
        self._handled = 0  # of the requests that were parsed
        self._broken = ""  # why no more of a request will come, or be heard
        self._content: StreamReader | None = None  # of the request in hand
        self._latest: StreamReader = EMPTY_PAYLOAD  # of the request that was parsed last
        self._wire: asyncio.Transport | None = None  # also while it is closing
        self._heard = loop.time()  # when something last came, or an answer ended
        self._head_since: float | None = None  # when the head began that is not whole yet

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport: aiohttp forgets it before it has sent the rest."""
        assert isinstance(transport, asyncio.Transport), "a socket's is"
        self._wire = transport
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Parse; refuse other versions, and tell of a body that turned out broken."""
        self._heard = self._loop.time()
        before, in_body = self._request_count, not self._latest.is_eof()
        try:
            super().data_received(data)
        except IndexError:  # its parser of URLs looks for a host in `http://[::1]@`
            self._refuse_bytes(400, BadStatusLine("a target without a host"))
        if self._messages and self._request_count > before:
            self._head_since = None
            self._latest = self._messages[-1][1]
        elif self._head_since is None and not in_body and data.strip(b"\r\n"):
            self._head_since = self._heard  # RFC 9112, 2.2: empty lines before it are nothing
        for index, (message, _) in enumerate(self._messages):
            if not isinstance(message, _ErrInfo) and (error := _refusal(message)) is not None:
                self._messages[index] = (_ErrInfo(400, error, error.message), EMPTY_PAYLOAD)
        if self._messages and isinstance(last := self._messages[-1][0], _ErrInfo):
            self._break(_reason(last.exc))

    def eof_received(self) -> bool:  # type: ignore[override] # asyncio reads it, aiohttp has none
        """Answer what was asked before the client said that it has said all; else close."""
        self._client.leave()
        self._half_closed = self._request_count > self._handled
        self._break("it ended early")
        return self._half_closed and not secure(self.transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell whoever waits."""
        self._client.leave()
        self._wire = None
        super().connection_lost(exc)

    def stays_until(self, due: float) -> Awaitable[bool]:
        """Wait until that time of the loop; return False as soon as the client leaves."""
        return self._client.stays_until(due)

    def look(self, now: float) -> None:
        """End what has kept the server waiting too long by now, the loop's time."""
        wire, patience = self._wire, self._patience
        if wire is None:
            return
        if not self._client.takes(wire, now, patience.unread, full=self._paused):
            return
        if self._waiter is not None and not self._waiter.done():
            if self._head_since is None:
                if now - self._heard >= patience.idle:
                    self.abort()
            elif now - self._head_since >= patience.head:
                self._broken = f"it did not come whole within {patience.head:g} s"
                self._refuse_bytes(408, _SlowHeadError(self._broken))
        elif self._content is not None and now - self._heard >= patience.body:
            _break(self._content, SlowBodyError(f"nothing of it came for {patience.body:g} s"))

    def _refuse_bytes(self, status: int, error: HttpProcessingError) -> None:
        """Let aiohttp answer what is no request by an error, as what its parser refuses."""
        self._messages.append((_ErrInfo(status, error, error.message), EMPTY_PAYLOAD))
        self._request_count += 1
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def abort(self) -> None:
        """End the connection at once, whatever is still to be sent."""
        if self._wire is not None:
            self._wire.abort()

    def _break(self, reason: str) -> None:
        self._broken = reason
        error = web.RequestPayloadError(reason)
        for _, content in self._messages:
            _break(content, error)
        if self._content is not None:
            _break(self._content, error)

    async def _linger(self) -> None:
        """Hear a refused client out: a reset would overtake its answer (RFC 9112, section 9.6)."""
        self.close()  # after this, and what comes meanwhile is dropped
        wire = self._wire
        if wire is not None and wire.can_write_eof():
            with suppress(OSError):  # it has just been reset
                wire.write_eof()
            await self.stays_until(self._loop.time() + _LINGER)

    async def _handle_request(
        self,
        request: web.BaseRequest,
        start_time: float | None,
        request_handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    ) -> tuple[web.StreamResponse, bool]:
        self._content = request.content
        if self._broken:  # between the queue and here it was in neither
            _break(request.content, web.RequestPayloadError(self._broken))
        handled = await super()._handle_request(request, start_time, request_handler)
        self._handled += 1
        if self._wire is not None and self._wire.is_closing():
            self._force_close = True  # it is not to be closed twice: a TLS transport forgets itself
        self._heard = self._loop.time()
        if self._half_closed and not self._messages:
            self.close()
        elif (self._broken or request.content.exception()) and not handled[0].keep_alive:
            await self._linger()
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
            slow = isinstance(exc, _SlowHeadError)
            name = "request_timeout" if slow else "malformed_http"
            return self._refuse(request, name, _reason(exc))
        return super().handle_error(request, status, exc, message)


_VERSIONS = (HttpVersion10, HttpVersion11)


def _refusal(message: RawRequestMessage) -> HttpProcessingError | None:
    """Return what aiohttp lets pass: other versions, and framing that is read in several ways.

    Only `chunked` has one reading, and only in HTTP/1.1 (RFC 9112, section 6.1).
    """
    if message.version not in _VERSIONS:
        return _VersionError("unsupported HTTP version")
    coding = message.headers.get("transfer-encoding")
    if coding is None or (coding.lower() == "chunked" and message.version == HttpVersion11):
        return None
    return InvalidHeader("Transfer-Encoding")


def _reason(error: BaseException) -> str:
    if isinstance(error, _SlowHeadError):
        return error.message
    found = (words for kind, words in _REASONS if isinstance(error, kind))
    return next(found, "the request is malformed")


def _break(content: StreamReader, error: web.RequestPayloadError) -> None:
    """End the wait for a body of which no more will come."""
    if not content.is_eof():
        content.set_exception(error)
