"""Plain requests: the heads that the front door reads itself, and what of a request is in them."""

import re
from functools import lru_cache

from msgspec import Struct

from mockgpt.core.keys import Caller, caller
from mockgpt.server import control

_HEADS = 256  # kept: a client's requests have nearly all their heads in common

_LINE = re.compile(rb"POST (/[A-Za-z0-9._~/%?=&:+,@-]*) HTTP/1\.1")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~]+(?:[ \t]+[!-~]+)*)?[ \t]*")
_LENGTH = re.compile("[0-9]{1,6}")
_MOST = 100  # headers: aiohttp refuses more than 128
_NOT_PLAIN = {
    "content-encoding",
    "expect",
    "proxy-connection",
    "sec-websocket-key1",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


class Plain(Struct, frozen=True):
    """The head of a plain request: a POST in HTTP/1.1 with a body of known length, in bytes."""

    path: str
    query: str
    caller: Caller
    length: int
    keep_alive: bool


@lru_cache(maxsize=_HEADS)
def plain(head: bytes) -> Plain | None:
    """Return a head without its last line's end as a value, or None for one that is not plain."""
    line, *lines = head.split(b"\r\n")
    asked = _LINE.fullmatch(line)
    found = [*map(_HEADER.fullmatch, lines)]
    if asked is None or not all(found) or len(found) > _MOST:
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
    return Plain(path, query, caller(headers), int(length), connection == "keep-alive")
