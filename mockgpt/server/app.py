"""One handler: an HTTP request becomes an `Incoming`, the engine's plan is sent, the journal learns.

What the control API is asked is no part of the journal.

It serves under aiohttp's low-level server (`run.py`) and, through `application`, wherever an
`aiohttp.web.Application` is wanted, such as in pytest-aiohttp's `aiohttp_client`.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine
from threading import Lock
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http import HttpVersion11
from msgspec.structs import replace

from mockgpt.core.case import Outcome
from mockgpt.core.clock import Clock
from mockgpt.core.engine import Engine
from mockgpt.core.exchange import Exchange, Incoming, Sent
from mockgpt.core.plan import Plan
from mockgpt.core.scenario import Loaded
from mockgpt.server import control
from mockgpt.server.asked import Answered, RequestWire
from mockgpt.server.connection import SlowBodyError
from mockgpt.server.metrics import Metrics
from mockgpt.server.plain import Plain
from mockgpt.server.send import Sender
from mockgpt.server.wire import Wire

if TYPE_CHECKING:
    from mockgpt.server.door import FrontDoor

MAX_BODY = 16 * 2**20  # bytes
_ENCODINGS = {
    "identity",
    "",
    "gzip",
    "deflate",
    "br",
    "zstd",
}  # aiohttp's, where it has the packages

Observer = Callable[[Exchange], None]

log = logging.getLogger("mockgpt")


class Handler:
    """Hands the requests of a server to an engine. `max_body` is in bytes, after decompression.

    `load` reads a scenario that the control API is sent; `control_token` is what it asks for. It is
    `alone` unless other processes listen on the same port.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        *,
        load: control.Load,
        max_body: int = MAX_BODY,
        observer: Observer | None = None,
        control_token: str | None = None,
        fast_path: bool = True,
        metrics: Metrics | None = None,
        alone: bool = True,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.exposed = False  # to other machines: whoever binds its socket says so
        self.lock = Lock()  # of the engine, which tests ask and change while it answers
        self.max_body = max_body
        self._observer = observer
        self._controls = Lock()  # held by one control request at a time
        self._controlled = control.Controlled(
            engine=engine, clock=clock, load=self._unlocked(load), metrics=metrics, alone=alone
        )
        self._control_token = control_token
        self.fast_path = fast_path
        self._metrics = metrics

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one of aiohttp's requests."""
        answered = Answered()
        answered.goes_on = await self.answer(self._incoming(request), RequestWire(request), request)
        return answered

    def plain(self, head: Plain, body: bytes, wire: "FrontDoor") -> Coroutine[Any, Any, bool]:
        """Answer a request of the front door's; return whether its connection goes on."""
        incoming = Incoming(
            method=wire.method,
            path=head.path,
            query=head.query,
            headers=head.caller.sent,
            body=body,
            at=self.clock.now(),
            elapsed=self.clock.elapsed(),
            connection=wire.number,
            alone=wire.alone,
            caller=head.caller,
        )
        wire.alone = False  # of the next request
        return self.answer(incoming, wire)

    async def answer(
        self, incoming: Incoming, wire: Wire, request: web.BaseRequest | None = None
    ) -> bool:
        """Answer one request on a wire; return whether its connection goes on behind that.

        Where there is one of aiohttp's, the body is still to be read from it.
        """
        sender = Sender(wire, incoming.at)
        outcome: Outcome | None = None
        controls = False
        try:
            if request is not None and (controls := control.concerns(incoming.path)):
                await sender.send(await self._control(incoming, request))
                return sender.keep_alive
            if request is not None:
                incoming = await self._with_body(incoming, request, self.max_body)
            with self.lock:
                outcome = self.engine.answer(incoming)
            if self._metrics is None:
                await sender.send(outcome.plan)
            else:
                await self._metrics.send(sender, outcome)
        except Exception as bug:  # the one place where a bug of mockgpt's becomes a visible one
            with self.lock:
                outcome = self.engine.fail(incoming, bug, outcome)
            exchange = outcome.exchange.shown  # the bug's words may repeat what was asked
            words = "bug in mockgpt: %s %s"
            log.exception(words, exchange.method, exchange.path, exc_info=exchange.bug)
            if sender.begun:
                sender.abort("reset")  # too late for another answer
            else:
                await sender.send(outcome.plan)
        finally:
            if outcome is not None or not controls:
                self._record(outcome, incoming, sender.sent)
        return sender.keep_alive

    async def _control(self, incoming: Incoming, request: web.BaseRequest) -> Plan:
        """Answer a control request; a stranger's body is not even read."""
        refused = control.refusal(
            incoming, request.remote, self._control_token, exposed=self.exposed
        )
        if refused is not None:
            return refused
        most = min(self.max_body, control.MAX_BODY)
        incoming = await self._with_body(incoming, request, most)
        return await asyncio.to_thread(self._controlled_by, incoming)

    def _controlled_by(self, incoming: Incoming) -> Plan:
        from mockgpt.server.operations import OPERATIONS  # most servers are never asked

        with self._controls, self.lock:
            return control.answer(incoming, self._controlled, OPERATIONS)

    def _unlocked(self, load: control.Load) -> control.Load:
        """Return what loads a scenario while requests go on being answered: it may take seconds."""

        def unlocked(sent: dict[str, Any] | str, seed: int | None) -> Loaded | tuple[str, ...]:
            self.lock.release()
            try:
                return load(sent, seed)
            finally:
                self.lock.acquire()

        return unlocked

    def refuse(self, request: web.BaseRequest, name: str, reason: str) -> web.StreamResponse:
        """Answer bytes that never became a request; the connection closes after it.

        `name` is an error of the catalogue.
        """
        incoming = Incoming(at=self.clock.now(), elapsed=self.clock.elapsed())

        async def answer() -> None:
            sender = Sender(RequestWire(request), incoming.at)
            with self.lock:
                outcome = self.engine.default.refuse(incoming, name, reason=reason)
            await sender.send(outcome.plan)
            self._record(outcome, incoming, sender.sent)

        return Answered(answer)

    def _record(self, outcome: Outcome | None, incoming: Incoming, sent: Sent | None) -> None:
        with self.lock:
            exchange = self.engine.record(outcome or self.engine.begun(incoming), sent)
        if self._metrics is not None:
            self._metrics.count(exchange)
        if self._observer is not None:  # later: what it raises must not end the connection
            asyncio.get_running_loop().call_soon(self._observer, exchange)

    def _incoming(self, request: web.BaseRequest) -> Incoming:
        path, _, query = _text(_origin_form(request.raw_path)).partition("?")
        return Incoming(
            method=request.method,
            path=path,
            query=query,
            headers={name.lower(): _text(value) for name, value in request.headers.items()},
            at=self.clock.now(),
            elapsed=self.clock.elapsed(),
            connection=getattr(request.protocol, "number", 0),
        )

    async def _with_body(self, incoming: Incoming, request: web.BaseRequest, most: int) -> Incoming:
        """Read a body of up to so many bytes; what cannot be read is told, not raised."""
        trouble: dict[str, str | int]
        try:
            return replace(incoming, body=await _body(request, most))
        except _TooLargeError:
            name, trouble = "body_too_large", {"limit": most}
        except SlowBodyError as error:
            name, trouble = "request_timeout", {"reason": str(error)}
        except (web.RequestPayloadError, ConnectionError) as error:
            # aiohttp's own words are several lines; a broken encoding is what they are about.
            reason = str(error) if "\n" not in str(error) else "its Content-Encoding is broken"
            name, trouble = "body_unreadable", {"reason": _text(reason)}
        return replace(incoming, trouble=name, trouble_values=trouble)


async def _body(request: web.BaseRequest, most: int) -> bytes:
    """Return the body; refuse one that is too large before it is sent, where that is known."""
    if (request.content_length or 0) > most:
        raise _TooLargeError
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() not in _ENCODINGS:
        raise web.RequestPayloadError(f"its Content-Encoding '{encoding[:100]}' is unknown")
    expects = request.headers.get("expect", "").lower() == "100-continue"
    if expects and request.version >= HttpVersion11:  # RFC 9110, section 10.1.1
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    parts = []
    size = 0
    async for part in request.content.iter_any():
        size += len(part)
        if size > most:
            raise _TooLargeError
        parts.append(part)
    return b"".join(parts)


class _TooLargeError(Exception):
    """The body has more bytes than the limit."""


def _text(text: str) -> str:
    """Return text that came as bytes outside ASCII without the halves that cannot be encoded."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _origin_form(target: str) -> str:
    """Return a request's target without scheme and host, which may be there (RFC 9112, 3.2.2)."""
    absolute = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?]*", target)
    return target if absolute is None else "/" + target[absolute.end() :].removeprefix("/")


def application(handler: Handler) -> web.Application:
    """Return an application that hands every request to the handler."""

    @web.middleware
    async def everything(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:  # also what no route matches, such as `OPTIONS *`
        del handler
        return await answer(request)

    answer = handler.handle
    app = web.Application(middlewares=[everything])
    app.router.add_route("*", "/{path:.*}", answer, expect_handler=_expect_nothing)
    return app


async def _expect_nothing(_: web.BaseRequest) -> None:
    """Leave `Expect` to the handler, which refuses a body that is too large before it is sent."""
