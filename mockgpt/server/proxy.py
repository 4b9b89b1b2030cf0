"""A proxy that stands in for hosts: for clients whose base URL is written into them.

It ends a tunnel's TLS itself and hands what is inside to the same connection and handler that any
other request comes to. It lets nobody through to other hosts.
"""

import asyncio
import re
import socket
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, cast

from aiohttp import web

from mockgpt.core.plan import whole
from mockgpt.server.app import Handler
from mockgpt.server.asked import Answered, RequestWire
from mockgpt.server.send import Sender

if TYPE_CHECKING:
    import ssl

_HEAD = 2**14  # bytes of a CONNECT with its headers
_HTTP = 80  # the port in whose tunnels no TLS is spoken
_LOOPBACK = ("127.0.0.1", "localhost")
_HOST = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)"
_CONNECT = re.compile(rf"CONNECT {_HOST}:([0-9]{{1,5}}) HTTP/1\.[01]\r\n")
_ABSOLUTE = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?{_HOST}(?::([0-9]{{1,5}}))?(?:[/?#]|$)"
)
_TEXT = "text/plain; charset=utf-8"


class Proxy:
    """The hosts that are stood in for by TLS; whoever asks for another one strays.

    `doors` are listening sockets, each with its TLS or none, to which connections to these hosts are
    led without a tunnel. `strayed` is told of each `host:port` that was to be reached, `failed` of
    each host as which no TLS came about, and why.
    """

    def __init__(
        self,
        hosts: Collection[str],
        tls: "ssl.SSLContext",
        *,
        doors: "Sequence[tuple[socket.socket, ssl.SSLContext | None]]",
        strayed: Callable[[str], None],
        failed: Callable[[str], None],
    ) -> None:
        self.hosts = hosts
        self.tls = tls
        self.doors = doors
        self.failed = failed
        self.gates: set[Gate] = set()  # the connections that are not handed over
        self._strayed = strayed

    async def handle(self, handler: Handler, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request, unless its target is another host's."""
        found = _ABSOLUTE.match(request.raw_path)
        if found is None:
            return await handler.handle(request)
        host, port = named(found[1]), int(found[2] or _HTTP)
        if self.knows(host, port, request.transport):
            return await handler.handle(request)
        plan = whole(403, (("content-type", _TEXT),), self.refusal(host, port).encode())
        sender = Sender(RequestWire(request), handler.clock.now())
        await sender.send(plan)
        answered = Answered()
        answered.goes_on = sender.keep_alive
        return answered

    def knows(self, host: str, port: int, transport: asyncio.BaseTransport | None) -> bool:
        """Tell whether it is stood in for, or is the very server that a connection came to."""
        own = transport is not None and transport.get_extra_info("sockname")[1] == port
        return host in self.hosts or (own and host in _LOOPBACK)

    def refusal(self, host: str, port: int) -> str:
        """Return why a host is not let through to, once that is remembered."""
        self._strayed(f"{host}:{port}")
        return f"mockgpt stands in for {', '.join(self.hosts)}; found {host}:{port}"

    def close(self) -> None:
        """End the connections that are not handed over."""
        for gate in tuple(self.gates):
            gate.close()


class Gate(asyncio.Protocol):
    """A connection until it is known what it wants: a tunnel by CONNECT, or an answer."""

    def __init__(self, proxy: Proxy, connect: Callable[[], asyncio.Protocol]) -> None:
        self._proxy = proxy
        self._connect = connect
        self._came = bytearray()
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for what it wants."""
        self._transport = cast("asyncio.Transport", transport)
        self._proxy.gates.add(self)

    def data_received(self, data: bytes) -> None:
        """Hand over what is no CONNECT; keep what comes while TLS is agreed on."""
        self._came += data
        if self._opening is not None:
            return
        if not b"CONNECT ".startswith(self._came[:8]):
            self._hand_over(self._transport)
        elif b"\r\n\r\n" in self._came:
            head, _, rest = bytes(self._came).partition(b"\r\n\r\n")
            self._came.clear()
            self._tunnel(head.decode("latin-1") + "\r\n", rest)
        elif len(self._came) > _HEAD:
            self._refuse(431, "Request Header Fields Too Large", "")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        del exc
        self._proxy.gates.discard(self)

    def close(self) -> None:
        """End it, whatever it wants."""
        self._transport.abort()

    def _tunnel(self, head: str, rest: bytes) -> None:
        found = _CONNECT.match(head)
        if found is None or rest:
            expected = "expected CONNECT HOST:PORT HTTP/1.1, and nothing before its answer"
            self._refuse(400, "Bad Request", expected)
            return
        host, port = named(found[1]), int(found[2])
        if not self._proxy.knows(host, port, self._transport):
            reason = self._proxy.refusal(host, port)
            self._refuse(403, reason, reason)  # clients show the reason phrase, but no body
            return
        self._transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
        if host in self._proxy.hosts and port != _HTTP:
            self._opening = asyncio.create_task(self._open(host))

    async def _open(self, host: str) -> None:
        """Agree on TLS as that host; the first request may come with the end of that."""
        loop = asyncio.get_running_loop()
        try:
            inside = await loop.start_tls(self._transport, self, self._proxy.tls, server_side=True)
        except OSError as error:
            reason = getattr(error, "reason", None) or str(error) or "it left"
            self._proxy.failed(f"{host} ({reason})")
        else:
            if inside is not None and not inside.is_closing():  # None where it was ended meanwhile
                self._hand_over(inside)
        finally:
            self._proxy.gates.discard(self)  # asyncio does not tell of what ends in a handshake

    def _hand_over(self, transport: asyncio.Transport) -> None:
        connection = self._connect()
        self._proxy.gates.discard(self)
        transport.set_protocol(connection)
        connection.connection_made(transport)
        if self._came:
            connection.data_received(bytes(self._came))

    def _refuse(self, status: int, reason: str, body: str) -> None:
        self._transport.write(
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: {_TEXT}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        )
        self._transport.close()


def named(host: str) -> str:
    """Return a host as it is compared."""
    return host.strip("[]").rstrip(".").lower()
