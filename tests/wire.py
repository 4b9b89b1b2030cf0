"""A raw client: bytes in, bytes out, and what RFC 9112 makes of them.

No HTTP library: what the tests assert is what one would have hidden.
"""

import contextlib
import json
import logging
import re
import socket
from typing import NamedTuple, Self

import pytest

_PATIENCE = 5  # seconds until a silent server is a failure
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_ERROR_KEYS = ["message", "type", "param", "code"]


class Response(NamedTuple):
    """One response as it came: `head` and `framed` are its very bytes, `body` has no framing."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    head: bytes
    framed: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def __getitem__(self, name: str) -> str:
        (value,) = self.all(name)
        return value

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self) -> dict:
        return self.json["error"]

    @property
    def closes(self) -> bool:
        said = ",".join(self.all("connection")).lower()
        return "close" in said or (self.head.startswith(b"HTTP/1.0") and "keep-alive" not in said)


class Wire:
    """One connection, by a client that says exactly what it is told."""

    def __init__(self, url: str, patience: float = _PATIENCE) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._socket = socket.create_connection((host, int(port)), patience)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._held = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        """Leave as a killed process does: with an RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.close()

    def finish(self) -> None:
        """Send FIN: nothing more will be said, but the answer is still awaited."""
        with contextlib.suppress(OSError):  # the server may have closed already
            self._socket.shutdown(socket.SHUT_WR)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def offer(self, data: bytes) -> None:
        """Send what a server may refuse before it has read it all."""
        with contextlib.suppress(ConnectionError):
            self._socket.sendall(data)

    def rest(self) -> bytes:
        """Return everything until the server closes."""
        while self._more():
            pass
        rest, self._held = bytes(self._held), bytearray()
        return rest

    def ended(self) -> bool:
        """Tell whether the server has closed, and all that it said is read."""
        return not self._held and not self._more()

    def head(self) -> bytes:
        while b"\r\n\r\n" not in self._held:
            if not self._more():
                raise AssertionError(f"the connection ended within a head: {self._held!r}")
        return self.take(self._held.index(b"\r\n\r\n") + 4)

    def take(self, size: int) -> bytes:
        while len(self._held) < size:
            if not self._more():
                raise AssertionError(f"the connection ended within a body: {self._held[-200:]!r}")
        data = bytes(self._held[:size])
        del self._held[:size]
        return data

    def line(self) -> bytes:
        while b"\r\n" not in self._held:
            if not self._more():
                raise AssertionError(f"the connection ended within a line: {self._held!r}")
        return self.take(self._held.index(b"\r\n") + 2)[:-2]

    def answer(self, method: str = "POST") -> Response:
        """Read one response, framed as RFC 9112, section 6.3 says."""
        head = self.head()
        lines = head[:-4].decode("ascii").split("\r\n")
        assert re.fullmatch(r"HTTP/1\.[01] [1-5][0-9]{2} .*", lines[0]), lines[0]
        status = int(lines[0][9:12])
        headers = []
        for line in lines[1:]:
            assert re.fullmatch(r"[!#-'*+.^_`|~0-9A-Za-z-]+: ?[ -~]*", line), line
            name, _, value = line.partition(":")
            headers.append((name.lower(), value.strip()))
        found = Response(status, headers, b"", head, b"")
        if method == "HEAD" or status in (204, 304) or status < 200:
            return found
        if found.all("transfer-encoding") == ["chunked"]:
            assert not found.all("content-length")
            body, framed = self._chunks()
        elif found.all("content-length"):
            body = framed = self.take(int(found["content-length"]))
        else:
            assert found.closes, "a body without framing ends where the connection does"
            body = framed = self.rest()
        return found._replace(body=body, framed=framed)

    def ask(self, data: bytes, method: str = "POST") -> Response:
        self.send(data)
        return self.answer(method)

    def _chunks(self) -> tuple[bytes, bytes]:
        body, framed = bytearray(), bytearray()
        while True:
            line = self.line()
            size = int(line, 16)
            chunk = self.take(size + 2)
            assert chunk.endswith(b"\r\n"), chunk
            framed += line + b"\r\n" + chunk
            body += chunk[:-2]
            if not size:
                return bytes(body), bytes(framed)

    def _more(self) -> bytes:
        """Read some more; nothing is the end, also where the server had bytes of ours unread."""
        try:
            data = self._socket.recv(2**16)
        except ConnectionResetError:
            data = b""
        self._held += data
        return data


def request_bytes(
    path: str | bytes = "/v1/chat/completions",
    body: object = b"",
    *,
    method: str = "POST",
    headers: dict[str, str | bytes | None] | None = None,
    version: str = "HTTP/1.1",
) -> bytes:
    """Write a request. A body that is not bytes is sent as JSON; a header of None is left out."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    told: dict[str, str | bytes | None] = {
        "Host": "localhost",
        "Authorization": "Bearer sk-mock",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **(headers or {}),
    }
    lines = [b"%b %b %b" % (method.encode(), _raw(path), version.encode())]
    lines += [b"%b: %b" % (name.encode(), _raw(v)) for name, v in told.items() if v is not None]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _raw(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


def chunked(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Frame parts as chunks (RFC 9112, section 7.1)."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + end


def check_shape(response: Response, *, method: str = "POST") -> None:
    """Assert what is true of every response whatever was asked."""
    assert _UUID.fullmatch(response["x-request-id"])
    assert response["access-control-allow-origin"] == "*"
    assert not response.all("x-mockgpt-bug"), response.body
    assert response.status < 500, response.body
    assert len(response.all("date")) == len(response.all("server")) == 1
    assert len(response.all("connection")) <= 1
    if response.status == 204 or method == "HEAD":
        assert response.body == b""
        return
    if response.status == 200:
        assert response["content-type"] in ("application/json", "text/event-stream")
        if response["content-type"] == "application/json":
            assert json.loads(response.body)
        else:
            told = response.body.replace(b"\r\n", b"\n")  # torture may have either
            assert told.endswith(b"\n\ndata: [DONE]\n\n")
        return
    assert response["content-type"] == "application/json"
    assert list(response.json) == ["error"]
    assert list(response.error) == _ERROR_KEYS
    assert isinstance(response.error["message"], str)
    assert response.error["message"]
    indent = 4 if response.body.startswith(b'{\n    "error"') else 2
    text = json.dumps(response.json, indent=indent, ensure_ascii=False)
    text = re.sub("[\x85\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)
    assert response.body == text.encode() + b"\n"


def check_usable(wire: Wire, response: Response) -> None:
    """Assert that a connection serves another request, or is closed where that was said."""
    if response.closes:
        assert wire.rest() == b""
        return
    following = wire.ask(
        request_bytes("/v1/models", method="GET", headers={"Content-Length": None})
    )
    assert following.status == 200
    check_shape(following)


def check_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Assert that nobody logged an error, on whatever thread."""
    records = [r for when in ("setup", "call", "teardown") for r in caplog.get_records(when)]
    loud = [r for r in records if r.levelno >= logging.ERROR]
    assert [(r.name, r.getMessage(), r.exc_info) for r in loud] == []
