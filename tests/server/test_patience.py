"""How long a client may keep a connection waiting, with bounds that are short enough to be met."""

import asyncio
import json
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import web

from mockgpt.core.scenario import Scenario
from mockgpt.mock import build
from mockgpt.server import connection
from mockgpt.server.connection import Connection
from mockgpt.server.door import Doors, FrontDoor
from mockgpt.server.patience import Patience
from mockgpt.server.run import bind, serving

SOON, LATE = 0.05, 60.0
HELLO = json.dumps({"messages": [{"role": "user", "content": "Hello!"}]}).encode()
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\napi-key: k\r\nContent-Type: application/json\r\n"


def patience(**short):
    return Patience(**{"head": LATE, "body": LATE, "idle": LATE, "unread": LATE, **short})


@asynccontextmanager
async def served(patience, *scenarios, **options):
    """Serve; yield how to connect, and the journal."""
    handler = build(*scenarios, **options)
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    opened = []

    async def connect(**options):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
        opened.append(writer)
        return reader, writer

    async with serving(handler, listener, patience):
        try:
            yield connect, handler.engine.default.journal
        finally:
            for writer in opened:
                writer.transport.abort()


def check_refused(answer, journal, reason):
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 408 Request Timeout", b"HTTP/1.0 408 Request Timeout"))
    assert json.loads(body)["error"] == {
        "message": f"Request timeout: {reason}.",
        "type": "invalid_request_error",
        "param": None,
        "code": "request_timeout",
    }
    (exchange,) = journal
    assert (exchange.error, exchange.status) == ("request_timeout", 408)


@pytest.mark.parametrize("part", [b"P", HEAD[:20], HEAD, HEAD + b"Content-Length: 5\r\n"])
async def test_a_head_that_does_not_come_to_its_end(part):
    async with served(patience(head=SOON)) as (connect, journal):
        reader, writer = await connect()
        writer.write(part)
        answer = await reader.read()  # to the connection's end
        check_refused(answer, journal, "it did not come whole within 0.05 s")


async def test_a_head_that_trickles_has_no_more_time():
    """Each byte is not a new beginning: that is how slow clients hold a server's connections."""
    async with served(patience(head=SOON)) as (connect, journal):
        reader, writer = await connect()
        writer.write(HEAD)
        answer = asyncio.create_task(reader.read())
        while not answer.done():
            writer.write(b"x")
            await asyncio.wait([answer], timeout=SOON / 5)
        check_refused(await answer, journal, "it did not come whole within 0.05 s")


@pytest.mark.parametrize(
    "part",
    [HEAD, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"What?\r\n\r\n"],
    ids=["half a head", "no body", "no HTTP"],
)
async def test_who_was_refused_may_go_on_writing_for_a_while(part, monkeypatch):
    """A reset would take the refusal from a client that has not read it yet."""
    monkeypatch.setattr(connection, "_LINGER", SOON)
    async with served(patience(head=SOON, body=SOON)) as (connect, journal):
        reader, writer = await connect()
        writer.write(part)
        assert b" 40" in await reader.readline()
        assert await reader.read()  # to the answer's end
        for _ in range(3):  # a closed socket answers the first with a reset
            writer.write(b"x")
            assert not writer.is_closing()
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0)
        assert len(journal) == 1


async def test_a_second_head_that_does_not_come_to_its_end():
    async with served(patience(head=SOON)) as (connect, journal):
        reader, writer = await connect()
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(HELLO) + HELLO)
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        writer.write(HEAD)
        assert b"408 Request Timeout" in await reader.read()
        assert [exchange.status for exchange in journal] == [200, 408]


@pytest.mark.parametrize(
    "part",
    [
        b"Content-Length: 100\r\n\r\n",
        b"Content-Length: 100\r\n\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        b"Content-Length: 100\r\nContent-Encoding: gzip\r\n\r\n",
    ],
    ids=["none", "a byte", "no chunk", "a chunk", "gzip"],
)
async def test_a_body_that_does_not_come_to_its_end(part):
    async with served(patience(body=SOON)) as (connect, journal):
        reader, writer = await connect()
        writer.write(HEAD + part)
        answer = await reader.read()
        check_refused(answer, journal, "nothing of it came for 0.05 s")
        assert b"\r\nconnection: close\r\n" in answer.lower()


async def test_a_body_that_was_promised_to_be_continued():
    async with served(patience(body=SOON)) as (connect, journal):
        reader, writer = await connect()
        writer.write(HEAD + b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        check_refused(await reader.read(), journal, "nothing of it came for 0.05 s")


@pytest.mark.parametrize("data", [b"", b"\r\n"], ids=["nothing", "an empty line"])
async def test_a_connection_that_is_not_used(data):
    async with served(patience(idle=SOON, head=LATE)) as (connect, journal):
        reader, writer = await connect()
        writer.write(data)
        assert await reader.read() == b""
        assert len(journal) == 0


async def test_a_connection_that_is_used_no_more():
    async with served(patience(idle=SOON)) as (connect, journal):
        reader, writer = await connect()
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(HELLO) + HELLO)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])
        assert [exchange.sent.ending for exchange in journal] == ["complete"]


async def test_a_slow_answer_is_nobodys_fault():
    """The client waits for the server: no bound is about that."""
    scenario = _scenario({"say": "Well.", "pace": {"first": SOON * 5}})
    short = Patience(head=SOON, body=SOON, idle=SOON, unread=SOON)
    async with served(short, scenario) as (connect, journal):
        reader, writer = await connect()
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(HELLO) + HELLO)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert [exchange.sent.ending for exchange in journal] == ["complete"]


@pytest.mark.parametrize(
    "raw",
    [{"body": "x" * 2**24}, {"chunks": ["x" * 2**16] * 2**8}],
    ids=["whole", "chunks"],
)
async def test_a_client_that_takes_nothing_of_its_answer(raw, caplog):
    """What the system's and the transport's buffers hold is all that it costs, and not for ever."""
    recorded = asyncio.Queue()
    scenario = _scenario({"raw": raw})
    async with served(patience(unread=SOON), scenario, observer=recorded.put_nowait) as (
        connect,
        _,
    ):
        _, writer = await connect(limit=1)  # then it reads no more by itself
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(HELLO) + HELLO)
        exchange = await recorded.get()
        assert exchange.sent.ending == "client_left"
        assert 2**16 <= exchange.sent.bytes < 2**24
        assert [record.getMessage() for record in caplog.records] == [
            "dropped a client that took nothing of its answer for 0.05 s"
        ]


class Wire:
    """A transport with so much that is not taken."""

    untaken = 5
    aborted = False

    def is_closing(self):
        return True

    def get_write_buffer_size(self):
        return self.untaken

    def abort(self):
        self.aborted = True


def by_aiohttp(handler, wire):
    loop = asyncio.get_running_loop()
    connection = Connection(web.Server(handler.handle), loop, handler.refuse, 1, Patience())
    connection._wire = wire
    return connection


def by_door(handler, wire):
    connection = FrontDoor(Doors(handler.plain, None, Patience(), most=1), 1)
    connection.transport = wire
    return connection


@pytest.mark.parametrize("made", [by_aiohttp, by_door])
async def test_only_what_is_not_taken_for_the_whole_time_ends_a_connection(made):
    """Whatever the loop's clock says: it may have run for weeks."""
    wire = Wire()
    connection = made(build(), wire)
    for now, untaken in ((1e6, 5), (1e6 + 599, 5), (1e6 + 601, 4), (1e6 + 1200, 4)):
        wire.untaken = untaken
        connection.look(now)
        assert not wire.aborted
    connection.look(1e6 + 1201)
    assert wire.aborted
    done = Wire()  # which has sent all, and is only not closed yet
    connection = made(build(), done)
    done.untaken = 0
    connection.look(1e6)
    assert not done.aborted


def _scenario(reply):
    return msgspec.convert({"rules": [{"reply": reply}]}, Scenario)
