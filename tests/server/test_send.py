"""The interpreter of plans, step by step, on real sockets."""

import asyncio
import socket
import time
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from aiohttp import web

from mockgpt.core.plan import Abort, Data, End, Events, Filled, Head, Layout, Pause
from mockgpt.server.asked import Answered, RequestWire
from mockgpt.server.run import bind
from mockgpt.server.send import Sender
from mockgpt.server.wire import Framing, head_bytes

AT = 1_686_986_070.0
STREAM = Head(200, (("content-type", "text/event-stream"),))


@asynccontextmanager
async def playing(plan):
    """Serve one plan; yield the port and a queue of what was sent."""
    sent = asyncio.Queue()

    async def handle(request):
        sender = Sender(RequestWire(request), AT)
        answered = Answered()
        try:
            await sender.send(iter(plan))
            answered.goes_on = sender.keep_alive
            return answered
        finally:
            sent.put_nowait(sender.sent)

    server = web.Server(handle)
    listener = bind("127.0.0.1", 0)
    acceptor = await asyncio.get_running_loop().create_server(server, sock=listener)
    try:
        yield listener.getsockname()[1], sent
    finally:
        acceptor.close()
        await server.shutdown(1)


async def ask(port, method=b"GET", version=b"1.1"):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"%b / HTTP/%b\r\nHost: x\r\nConnection: close\r\n\r\n" % (method, version))
    return reader, writer


async def answer(plan, **how):
    """Return everything that the client reads, and what was sent."""
    async with playing(plan) as (port, sent), asyncio.timeout(20):
        reader, writer = await ask(port, **how)
        data = await reader.read()
        writer.close()
        return data, await sent.get()


def wire_to(written):
    """Return a wire that is a list of what was written."""

    async def stays_until(_):  # only a coarse clock has it asked for a pause that is over
        return True

    transport = SimpleNamespace(
        is_closing=lambda: False, write=written.append, close=lambda: None, get_extra_info={}.get
    )
    return SimpleNamespace(
        method="GET", http11=True, keep_alive=True, drained=lambda: None, time=time.monotonic,
        stays_until=stays_until, transport=transport, write=lambda data, **_: written.append(data),
    )  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [
        (("x-a", "b\nx-c: d"),),
        (("x-a\r", "b"),),
        Filled(Layout((("x-a", ""),), (0,)), ("b\r",)),
        Filled(Layout((("x-a", ""), ("x-b", "\n")), (0,)), ("c",)),
    ],
)
def test_a_header_that_would_break_the_lines_is_not_sent(headers):
    whole = Framing(bodiless=False, chunked=False, keep_alive=True, http11=True)
    with pytest.raises(ValueError, match="expected headers of one line each"):
        head_bytes(Head(200, headers, 0), whole, AT)


async def test_a_whole_answer_has_its_length_and_the_clock_s_date():
    data, sent = await answer([Head(201, (("x-a", "b"),), 5), Data(b"hello"), End()])
    assert data == (
        b"HTTP/1.1 201 Created\r\nx-a: b\r\ndate: Sat, 17 Jun 2023 07:14:30 GMT\r\n"
        b"server: mockgpt\r\nContent-Length: 5\r\nContent-Type: application/octet-stream\r\n"
        b"Connection: close\r\n\r\nhello"
    )
    assert (sent.status, sent.chunks, sent.bytes, sent.ending) == (201, 1, 5, "complete")


async def test_events_that_are_one_step_are_counted_one_by_one():
    events = Events(b"data: ", (b"a", b"b"), b"\n\n")
    data, sent = await answer([STREAM, events, Data(b"data: c\n\n", "done"), End()])
    assert data.endswith(b"1b\r\ndata: a\n\ndata: b\n\ndata: c\n\n\r\n0\r\n\r\n")
    assert (sent.events, sent.chunks, sent.bytes) == (3, 1, 27)


async def test_nothing_is_left_of_a_plan_that_fails_before_it_is_begun():
    def failing():
        yield STREAM
        yield Data(b"data: a\n\n", "piece")
        raise ZeroDivisionError

    written = []
    sender = Sender(wire_to(written), AT)
    with pytest.raises(ZeroDivisionError):
        await sender.send(failing())
    await sender.send(iter([Head(500, (), 4), Data(b"sad\n"), End()]))
    (data,) = written
    assert data.endswith(b"\r\n\r\nsad\n")
    assert (sender.sent.status, sender.sent.bytes, sender.sent.events) == (500, 4, 0)


async def test_contiguous_events_go_out_in_one_chunk():
    data, sent = await answer([STREAM, Data(b"data: a\n\n"), Data(b"data: b\n\n"), End()])
    assert data.endswith(b"\r\n\r\n12\r\ndata: a\n\ndata: b\n\n\r\n0\r\n\r\n")
    assert (sent.chunks, sent.bytes, sent.ending) == (1, 18, "complete")


async def test_a_pause_puts_what_came_before_on_the_wire():
    release = asyncio.Event()
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        await release.wait()

    with pytest.MonkeyPatch.context() as patch:
        stub = SimpleNamespace(sleep=sleep, get_running_loop=asyncio.get_running_loop)
        patch.setattr("mockgpt.server.asked.asyncio", stub)
        plan = [STREAM, Data(b"one"), Pause(0.5), Data(b"two"), End()]
        async with playing(plan) as (port, sent), asyncio.timeout(20):
            reader, writer = await ask(port)
            await reader.readuntil(b"3\r\none\r\n")
            release.set()
            assert await reader.read() == b"3\r\ntwo\r\n0\r\n\r\n"
            writer.close()
            assert (await sent.get()).chunks == 2
    assert slept == [pytest.approx(0.5, abs=0.2)]


async def test_pauses_with_nothing_between_them_are_one_silence():
    pauses = [Data(b"a"), Pause(0.02), Pause(0.03), Data(b"b"), Pause(0.02), Data(b"c")]
    _, sent = await answer([STREAM, *pauses, End()])
    first, second, _ = sent.writes
    # Longer than either; not quite both, since they count from the start and the first write is later.
    assert 0.031 < sent.silence <= second.seconds - first.seconds


OVER = 1e-9  # seconds: a pause that is over by the time that it begins


@pytest.mark.parametrize("how", [{}, {"version": b"1.0"}, {"method": b"HEAD"}])
@pytest.mark.parametrize(
    ("texts", "waits", "writes"),
    [
        ((b"a", b"b", b"c"), (OVER, OVER, OVER), [9, 9, 15]),
        ((b"a", b"b", b"c", b"d"), (0.0, OVER, 0.0, OVER), [9, 18, 15]),
        ((b"a", b"b" * 70_000, b"c"), (OVER, OVER, 0.0), [9, 70_008, 15]),
        ((b"a", b"b" * 140_000, b"c"), (OVER, OVER, OVER), [9, 70_004, 70_004, 15]),
        ((b"a",) * 3, (0.0, 0.0, 0.01), [18, 15]),
        ((b"",), (OVER,), [14]),
    ],
)
async def test_events_that_wait_are_as_if_each_were_a_step(how, texts, waits, writes):
    events = Events(b"data: ", texts, b"\n\n", waits=waits)
    done = Data(b"done\n\n", "done")
    at_once, sent = await answer([STREAM, events, done, End()], **how)
    singly, same = await answer([STREAM, *events.each(), done, End()], **how)
    assert at_once == singly
    assert (sent.events, sent.body) == (same.events, same.body)
    assert [write.bytes for write in same.writes] == [write.bytes for write in sent.writes]
    assert [write.bytes for write in sent.writes] == ([] if "method" in how else writes)


async def test_of_events_that_wait_only_those_are_told_that_were_written():
    written = []
    wire = wire_to(written)
    wire.transport.is_closing = lambda: len(written) == 3
    sender = Sender(wire, AT)
    texts = (b"a", b"b", b"c", b"d", b"e")
    await sender.send(iter([STREAM, Events(b"<", texts, b">", waits=(OVER,) * 5), End()]))
    assert written[1:] == [b"3\r\n<a>\r\n", b"3\r\n<b>\r\n"]
    sent = sender.sent
    assert (sent.events, sent.chunks, sent.bytes, sent.body) == (2, 2, 6, b"<a><b>")
    assert (sent.ending, sender.keep_alive) == ("client_left", False)


async def test_the_journal_learns_of_so_many_writes_and_bytes():
    sender = Sender(wire_to([]), AT)
    many = Events(b"<", (b"x" * 98,) * 1_500, b">", waits=(OVER,) * 1_500)
    await sender.send(iter([STREAM, many, End()]))
    sent = sender.sent
    assert (sent.events, sent.chunks, sent.bytes) == (1_500, 1_500, 150_000)
    assert (len(sent.writes), len(sent.body)) == (1_000, 2**16)


async def test_a_stream_behind_its_time_lets_others_have_their_turn():
    turns = []

    async def other():
        while True:
            turns.append(len(written))
            await asyncio.sleep(0)

    written = []
    many = Events(b"<", (b"x",) * 20_000, b">", waits=(OVER,) * 20_000)
    task = asyncio.create_task(other())
    await Sender(wire_to(written), AT).send(iter([STREAM, many, End()]))
    task.cancel()
    assert len(set(turns)) > 3  # its 20,000 writes take some milliseconds


async def test_http_1_0_gets_a_stream_that_ends_with_the_connection():
    data, _ = await answer([STREAM, Data(b"data: a\n\n"), End()], version=b"1.0")
    assert b"chunked" not in data.lower()
    assert data.endswith(b"\r\n\r\ndata: a\n\n")


@pytest.mark.parametrize("length", [None, 5])
async def test_head_has_no_body(length):
    data, sent = await answer([Head(200, (), length), Data(b"hello"), End()], method=b"HEAD")
    assert data.endswith(b"\r\n\r\n")
    assert (sent.chunks, sent.bytes) == (0, 0)


async def test_a_plain_close_leaves_the_body_unfinished():
    data, sent = await answer([STREAM, Data(b"data: a\n\n"), Abort("close")])
    assert data.endswith(b"9\r\ndata: a\n\n\r\n")
    assert sent.ending == "aborted"


async def test_an_end_directly_behind_the_head_comes_instead_of_it():
    assert await answer([STREAM, Abort("close")]) == (b"", None)
    data, sent = await answer([STREAM, Pause(0), Abort("close")])
    assert data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (sent.bytes, sent.ending) == (0, "aborted")


async def test_a_reset_is_a_reset():
    async with playing([STREAM, Data(b"x"), Pause(0), Abort("reset")]) as (port, sent):
        async with asyncio.timeout(20):
            reader, writer = await ask(port)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
            assert (await sent.get()).ending == "aborted"


async def test_a_body_shorter_than_its_length_can_be_sent():
    data, sent = await answer([Head(200, (), 10), Data(b"short"), Abort("close")])
    assert b"Content-Length: 10\r\n" in data
    assert data.endswith(b"\r\n\r\nshort")
    assert sent.bytes == 5


async def test_a_client_that_leaves_is_recorded():
    endless = [STREAM, *(step for _ in range(2000) for step in (Data(b"x" * 300_000), Pause(0)))]
    async with playing([*endless, End()]) as (port, sent), asyncio.timeout(20):
        reader, writer = await ask(port)
        await reader.readuntil(b"x")
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
        )
        writer.transport.abort()
        left = await sent.get()
    assert left.ending == "client_left"
    assert 0 < left.bytes < 600_000_000


async def test_a_large_plan_is_written_as_it_goes():
    data, sent = await answer([STREAM, *[Data(b"x" * 100_000)] * 6, End()])
    assert sent.chunks == 6
    assert data.partition(b"\r\n\r\n")[2].count(b"x") == 600_000


async def test_a_large_body_is_written_in_parts():
    """Else all that a client does not read would be copied into its transport."""
    size = 1_000_000
    data, sent = await answer([Head(200, (), size), Data(b"x" * size), End()])
    assert data.partition(b"\r\n\r\n")[2] == b"x" * size
    assert sent.bytes == size
    assert {write.bytes for write in sent.writes} == {66_666, 66_667}


async def at_once():
    """Wait for nothing, as aiohttp's writer does where there is room."""


@pytest.mark.parametrize("drained", [lambda: None, at_once], ids=["None", "at once"])
async def test_a_large_body_is_not_written_on_behind_a_client_that_left(drained):
    """TLS says only in a turn of the loop that the connection is lost, and logs each further write."""
    written = []
    wire = wire_to(written)
    wire.drained = drained
    wire.transport.get_extra_info = {"ssl_object": object()}.get

    def write(data, **_):
        written.append(data)
        asyncio.get_running_loop().call_soon(setattr, wire, "transport", None)

    wire.write = write
    sender = Sender(wire, AT)
    size = 6_000_000
    await sender.send(iter([Head(200, (), size), Data(b"x" * size), End()]))
    assert len(written) == 1
    assert sender.sent.ending == "client_left"
    assert sender.sent.bytes < 2 * 2**16
