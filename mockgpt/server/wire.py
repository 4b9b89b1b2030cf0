"""HTTP/1.1 responses as bytes (RFC 9112): a head, a body by length or in chunks.

Every answer is framed here, whichever door its request came through.
"""

import asyncio
from collections.abc import Awaitable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol

from msgspec import Struct

from mockgpt.core.plan import Head

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

    def drained(self) -> Awaitable[None] | None:
        """Return what ends when the client has taken most of what was written; None: it has."""

    def stays_until(self, due: float) -> Awaitable[bool]:
        """Wait until that time of the loop; return False as soon as the client leaves."""


class Framing(Struct, frozen=True):
    """How a response's body is told from what comes behind it."""

    bodiless: bool
    chunked: bool
    keep_alive: bool


def framing(head: Head, wire: Wire) -> Framing:
    """Return the framing of a response: chunks for a body of unknown length, where they are known."""
    bodiless = wire.method == "HEAD" or head.status in _BODILESS
    endless = head.length is None and not bodiless
    return Framing(
        bodiless=bodiless,
        chunked=endless and wire.http11,
        keep_alive=wire.keep_alive and (wire.http11 or not endless),
    )


def head_bytes(head: Head, framed: Framing, at: float, *, http11: bool) -> bytes:
    """Return a status line and headers. `at` in seconds of the clock gives the Date.

    Raises ValueError for a header that would break the lines.
    """
    lines = [f"HTTP/1.{int(http11)} {head.status} {_PHRASES.get(head.status, '')}"]
    given = set()
    for name, value in head.headers:
        given.add(name.lower())
        lines.append(f"{name}: {value}")
    if "date" not in given:
        lines.append(f"date: {_http_date(int(at))}")
    if "server" not in given:
        lines.append("server: mockgpt")
    if framed.chunked:
        lines.append("Transfer-Encoding: chunked")
    elif head.length is not None and head.status != _WITHOUT_LENGTH:
        lines.append(f"Content-Length: {head.length}")
    if "content-type" not in given and not framed.bodiless and head.length != 0:
        lines.append("Content-Type: application/octet-stream")
    if "connection" not in given and framed.keep_alive is not http11:
        lines.append(f"Connection: {'keep-alive' if framed.keep_alive else 'close'}")
    text = "\r\n".join(lines)
    if text.count("\n") >= len(lines) or text.count("\r") >= len(lines):
        raise ValueError(f"expected headers of one line each, found {head.headers!r}")
    return f"{text}\r\n\r\n".encode("latin-1")


@lru_cache(maxsize=8)
def _http_date(at: int) -> str:
    return formatdate(at, usegmt=True)
