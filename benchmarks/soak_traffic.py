"""What the soak does to a server: each kind of client, well-behaved or not, and how often it comes.

Raw sockets, and no more checks than tell that the right thing came back.
"""

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any

TIMEOUT = 30  # seconds for what is to be answered
TRICKLE = 10  # seconds that a slow reader stays, taking a byte a second
HELD = 90  # seconds in which a slow writer is to be refused
_LARGE = 2**22  # bytes


def scenario() -> dict[str, Any]:
    """Return what the server answers by; what is none of these is a miss."""
    say = {"say": "One word after the other, and then the end of it."}
    faults = [
        {**say, "faults": [{"kind": "disconnect", "after": 3, "how": how}]}
        for how in ("reset", "close")
    ]
    faults += [
        {**say, "faults": [fault]}
        for fault in (
            {"kind": "garble", "event": 2},
            {"kind": "stall", "after": 2, "for": "200ms"},
            {"kind": "torture"},
            {"kind": "bandwidth", "bytes_per_second": 20000},
            {"kind": "truncate_body", "bytes": 20},
        )
    ]
    replies = {
        "paced": {**say, "pace": {"first": "100ms", "each": "80ms", "jitter": 0.3}},
        "large": {"raw": {"chunks": ["x" * 2**14] * (_LARGE // 2**14)}},
        "error": {"error": {"preset": "rate_limit_requests", "retry_after": 1}},
        "hello": {"filler": {"tokens": 60}},
    }
    rules = [{"when": {"user": {"contains": "fault"}}, "reply": faults, "after_last": "cycle"}]
    rules += [{"when": {"user": {"contains": n}}, "reply": reply} for n, reply in replies.items()]
    rules += [{"when": {"endpoint": "embeddings"}, "reply": {"vectors": {"first": [0.5]}}}]
    return {"mockgpt": 1, "name": "soak", "rules": rules}


class Traffic:
    """A server's port, and what tells one request from another."""

    def __init__(self, port: int, sessions: int) -> None:
        self.port = port
        self.sessions = sessions
        self.number = count()
        self.opened = count()
        self.drawn = random.Random(1)  # noqa: S311 - the same each time

    @asynccontextmanager
    async def connected(
        self, buffer: int = 0
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Connect; leave at the end at once, whatever is unread."""
        sock = socket.socket()
        sock.settimeout(0)
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
            reader, writer = await asyncio.open_connection(sock=sock, limit=buffer or 2**16)
        except BaseException:
            sock.close()
            raise
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def ask(self, path: str, body: object = None, method: str = "POST") -> tuple[int, bytes]:
        """Return the status of an answer and all that came; the connection ends with it."""
        async with asyncio.timeout(TIMEOUT), self.connected() as (reader, writer):
            writer.write(request(path, body, method, "Connection: close\r\n"))
            data = await reader.read()
        return int(data[9:12]), data

    async def chat(self, word: str, *, stream: bool = False, path: str = "/v1") -> bytes:
        """Ask for an answer that is to come; return it."""
        body = chat(f"{word} {next(self.number)}", stream=stream)
        status, data = await self.ask(f"{path}/chat/completions", body)
        assert status == 200, data[:300]
        assert (b"data: [DONE]\n\n" if stream else b'"usage":{') in data, data[-100:]
        return data


def chat(text: str, *, stream: bool = False) -> dict[str, Any]:
    """Return a request's body."""
    return {"messages": [{"role": "user", "content": text}], "stream": stream}


def request(path: str, body: object, method: str = "POST", more: str = "") -> bytes:
    """Write a request; `more` are further header lines."""
    data = b"" if body is None else json.dumps(body).encode()
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer k\r\n{more}"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    ).encode() + data


async def plain(of: Traffic) -> None:
    """Ask for filler, as most do."""
    await of.chat("hello")


async def unpaced(of: Traffic) -> None:
    """Ask for a stream that comes at once."""
    await of.chat("hello", stream=True)


async def paced(of: Traffic) -> None:
    """Ask for a stream that takes about a second."""
    await of.chat("paced", stream=True)


async def kept_alive(of: Traffic) -> None:
    """Ask several times on one connection, all at once."""
    body = chat(f"hello {next(of.number)}")
    async with asyncio.timeout(TIMEOUT), of.connected() as (reader, writer):
        writer.write(request("/v1/chat/completions", body) * 4)
        writer.write(request("/v1/models", None, "GET", "Connection: close\r\n"))
        data = await reader.read()
    assert data.count(b"HTTP/1.1 200 OK\r\n") == 5, data[:300]


async def embeddings(of: Traffic) -> None:
    """Ask for a vector, or for many."""
    number = next(of.number)
    texts = [f"text {number} {n}" for n in range(of.drawn.choice([1, 1, 1, 20]))]
    body = {"model": "text-embedding-ada-002", "input": texts}
    status, data = await of.ask("/v1/embeddings", body)
    assert status == 200, data[:300]


async def script(of: Traffic) -> None:
    """Open a session with a script of its own, play it, read what it has, and close it."""
    name = f"soak-{next(of.opened) % of.sessions}"
    steps = [{"expect": {"user": {"contains": n}}, "reply": f"after {n}"} for n in ("one", "two")]
    opened = {"name": name, "scenario": {"mockgpt": 1, "script": steps}}
    status, data = await of.ask("/_mockgpt/sessions", opened)
    assert status == 201, data[:300]
    for word in ("one", "two"):
        await of.chat(word, path=f"/s/{name}/v1", stream=word == "two")
    status, data = await of.ask(f"/_mockgpt/sessions/{name}", None, "DELETE")
    assert status == 200, data[:300]


async def fault(of: Traffic) -> None:
    """Meet a fault: nothing is known of what comes back, only that it ends."""
    body = chat(f"fault {next(of.number)}", stream=True)
    with suppress(ConnectionError, ValueError):  # ValueError: not even a status came
        await of.ask("/v1/chat/completions", body)


async def refused(of: Traffic) -> None:
    """Miss all rules, or be refused in some other way."""
    for body, expected in (
        (chat(f"nothing answers {next(of.number)}"), None),
        (chat("error"), 429),
        ({"messages": []}, 400),
        ({"messages": "x" * 10_000}, 400),
    ):
        status, data = await of.ask("/v1/chat/completions", body)
        assert 400 <= status < 500 if expected is None else status == expected, data[:300]


HOSTILE = (
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + b"\x11" * 190,
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nfoo: " + b"a" * 2**17,
    b"POST /v1/models HTTP/1.1\r\nHost: x\r\napi-key: k\r\nContent-Length: 1000\r\n\r\n{",
    b"POST /v1/ch",
    b"",
)


async def hostile(of: Traffic) -> None:
    """Send what is no HTTP, or some noise, and say that this was all."""
    data = of.drawn.choice([*HOSTILE, of.drawn.randbytes(300)])
    async with asyncio.timeout(TIMEOUT), of.connected() as (reader, writer):
        with suppress(ConnectionError):
            writer.write(data)
            writer.write_eof()
            await reader.read()


async def vanishing(of: Traffic) -> None:
    """Leave within a stream, or with the answer unread."""
    word = of.drawn.choice(["paced", "large", "hello"])
    async with asyncio.timeout(TIMEOUT), of.connected() as (reader, writer):
        writer.write(request("/v1/chat/completions", chat(word, stream=True)))
        await reader.read(20)


async def slow_reader(of: Traffic) -> None:
    """Take a byte a second of much."""
    async with of.connected(buffer=2**12) as (reader, writer):
        writer.write(request("/v1/chat/completions", chat("large", stream=True)))
        for _ in range(TRICKLE):
            assert await reader.read(1), "the server ended it"
            await asyncio.sleep(1)


async def slow_writer(of: Traffic) -> None:
    """Begin a head and say no more: the server does not wait for ever."""
    async with asyncio.timeout(HELD), of.connected() as (reader, writer):
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n")
        data = await reader.read()
    assert b" 408 " in data[:20], data[:300]


async def control(of: Traffic) -> None:
    """Look at everything that there is to see; now and then begin anew."""
    name = of.drawn.choice(["default", f"soak-{of.drawn.randrange(of.sessions)}"])
    for path in ("health", "clock", f"journal?session={name}&limit=20", f"findings?session={name}"):
        status, data = await of.ask(f"/_mockgpt/{path}", None, "GET")
        assert status == 200, data[:300]
    if of.drawn.random() < 0.05:
        status, data = await of.ask("/_mockgpt/sessions/default/reset")
        assert status == 200, data[:300]


ACTIONS: dict[str, tuple[int, Callable[[Traffic], Awaitable[None]]]] = {
    "plain": (30, plain),
    "stream": (14, unpaced),
    "paced stream": (12, paced),
    "kept alive": (6, kept_alive),
    "embeddings": (8, embeddings),
    "script": (6, script),
    "fault": (6, fault),
    "refused": (4, refused),
    "hostile": (5, hostile),
    "vanishing": (5, vanishing),
    "slow reader": (1, slow_reader),
    "slow writer": (1, slow_writer),
    "control": (2, control),
}  # how many of a hundred, and what they do
LASTING = {"slow reader", "slow writer"}
