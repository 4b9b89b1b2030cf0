"""PORT FILE PACE: the least that asyncio can do: find a request's end, write bytes that are ready.

With a pace events are written one by one, each at its time after the request.
"""

import asyncio
import re
import sys
from pathlib import Path

BODY = Path(sys.argv[2]).read_bytes()
PACE = float(sys.argv[3])
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def chunk(data: bytes) -> bytes:
    """Return data as a chunk of HTTP/1.1."""
    return b"%x\r\n%b\r\n" % (len(data), data)


if BODY.startswith(b"data:"):
    HEAD = b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    EVENTS = [chunk(part + b"\n\n") for part in BODY.split(b"\n\n") if part]
    EVENTS[-1] += b"0\r\n\r\n"
else:
    HEAD = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    EVENTS = [BODY]
EVENTS[0] = b"HTTP/1.1 200 OK\r\n" + HEAD + EVENTS[0]
WHOLE = b"".join(EVENTS)


class Connection(asyncio.Protocol):
    """A connection that answers the same to everything."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport), "a socket's"
        self.transport = transport
        self.received = b""
        self.missing = 0  # bytes until the request in hand has come

    def data_received(self, data: bytes) -> None:
        """Answer as soon as the request has come."""
        if self.missing:
            self.missing -= len(data)
        else:
            self.received += data
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return
            length = LENGTH.search(self.received, 0, end)
            assert length is not None, "the load generator sends it"
            self.missing = end + 4 + int(length[1]) - len(self.received)
            self.received = b""
        if self.missing <= 0:
            self.missing = 0
            self.answer()

    def answer(self) -> None:
        """Write the answer at once or, event by event, when each is due."""
        if not PACE:
            self.transport.write(WHOLE)
            return
        loop = asyncio.get_running_loop()
        begun = loop.time()

        def step(index: int) -> None:
            self.transport.write(EVENTS[index])
            if index + 1 < len(EVENTS):
                loop.call_at(begun + (index + 1) * PACE, step, index + 1)

        step(0)


async def main() -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()


asyncio.run(main())
