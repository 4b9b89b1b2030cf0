"""HTTP/1.1 responses as bytes (RFC 9112): a head, a body by length or in chunks.

Every answer is framed here, whichever door its request came through.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import monotonic
from typing import Literal, Protocol

from msgspec import Struct

from mockgpt.core.plan import Filled, Head, Layout

LAST_CHUNK = b"0\r\n\r\n"
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_BODILESS = {204, 304}
_WITHOUT_LENGTH = 204


class Wire(Protocol):
    """Where an answer goes, and what of its request matters for that."""

    @property
    def method(self) -> str:
        """The request's method: an answer to HEAD has no body."""

    @property
    def http11(self) -> bool:
        """Whether the client speaks HTTP/1.1; else it is 1.0."""

    @property
    def keep_alive(self) -> bool:
        """Whether a further request may come behind this one."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """The connection's transport, None once it is lost."""

    @property
    def time(self) -> Callable[[], float]:
        """What tells the time of the loop, in seconds."""

    def write(self, data: bytes, *, last: bool) -> None:
        """Write bytes of an answer. Its `last` may be written together with others' a little later."""

    def drained(self) -> Awaitable[None] | None:
        """Return what ends when the client has taken most of what was written; None: it has."""

    def stays_until(self, due: float) -> Awaitable[bool]:
        """Wait until that time of the loop; return False as soon as the client leaves."""


class Framing(Struct, frozen=True):
    """How a response's body is told from what comes behind it."""

    bodiless: bool
    chunked: bool
    keep_alive: bool
    http11: bool


def clock(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """Return what tells a loop's time, for asyncio's own without the method that asks it for them."""
    own = getattr(loop.time, "__func__", None) is asyncio.BaseEventLoop.time
    return monotonic if own else loop.time


def framing(head: Head, wire: Wire) -> Framing:
    """Return the framing of a response: chunks for a body of unknown length, where they are known."""
    bodiless = wire.method == "HEAD" or head.status in _BODILESS
    endless = head.length is None and not bodiless
    return Framing(
        bodiless=bodiless,
        chunked=endless and wire.http11,
        keep_alive=wire.keep_alive and (wire.http11 or not endless),
        http11=wire.http11,
    )


def cut(transport: asyncio.Transport, how: Literal["reset", "close"]) -> None:
    """End a connection here: only a linger time of zero makes it a RST, `close()` sends a FIN."""
    if how == "reset":
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    elif not transport.is_closing():  # a TLS transport that is closed twice forgets itself
        transport.close()


def head_bytes(head: Head, framed: Framing, at: float) -> bytes:
    """Return a status line and headers. `at` in seconds of the clock gives the Date.

    Raises ValueError for a header that would break the lines.
    """
    headers, length = head.headers, head.length
    size = None if head.status == _WITHOUT_LENGTH else length and 1
    if isinstance(headers, Filled):
        _check(headers.values)
        values: tuple[object, ...] = headers.values
        template = _template(headers.layout, head.status, framed, size, int(at))
    else:
        values = ()
        template = _written(Layout(headers), head.status, framed, size, int(at))
    if size is not None:
        values = (*values, length)
    return (template % values).encode("latin-1")


def _written(layout: Layout, status: int, framed: Framing, size: int | None, second: int) -> str:
    """Return the head of all responses of that second with these headers that are framed alike.

    It has `%s` for what differs: its values, then its length, where that is told. `size` is None
    where it is not, 0 where it is that, and 1 for all others.
    """
    _check(text for header in layout.headers for text in header)
    lines = [f"HTTP/1.{int(framed.http11)} {status} {_PHRASES.get(status, '')}"]
    given = {name.lower() for name, _ in layout.headers}
    for place, (name, value) in enumerate(layout.headers):
        text = f"{name}: {'' if place in layout.places else value}".replace("%", "%%")
        lines.append(f"{text}%s" if place in layout.places else text)
    if "date" not in given:
        lines.append(f"date: {_http_date(second)}")
    if "server" not in given:
        lines.append("server: mockgpt")
    if framed.chunked:
        lines.append("Transfer-Encoding: chunked")
    elif size is not None:
        lines.append("Content-Length: %s")
    if "content-type" not in given and not framed.bodiless and size != 0:
        lines.append("Content-Type: application/octet-stream")
    if "connection" not in given and framed.keep_alive is not framed.http11:
        lines.append(f"Connection: {'keep-alive' if framed.keep_alive else 'close'}")
    return "\r\n".join(lines) + "\r\n\r\n"


def _check(texts: Iterable[str]) -> None:
    for text in texts:
        if "\n" in text or "\r" in text:
            raise ValueError(f"expected headers of one line each, found {text!r}")


_template = lru_cache(maxsize=64)(_written)


@lru_cache(maxsize=8)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)
