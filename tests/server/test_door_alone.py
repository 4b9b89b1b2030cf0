"""The front door alone: a transport and an aiohttp that note what they are told."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from mockgpt.core.plan import FOR_EVER
from mockgpt.server import door, outbox
from mockgpt.server.patience import Patience


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """Let answers wait for the end of their turn however slow the machine is."""
    monkeypatch.setattr(outbox, "_WAIT", 60.0)


class Transport(asyncio.Transport):
    """Where a door writes; it tells the door what asyncio would."""

    def __init__(self):
        super().__init__({"socket": SimpleNamespace(setsockopt=lambda *_: None)})
        self.written = b""
        self.reads = True
        self.closed = self.reset = False

    def write(self, data):
        if not self.closed:
            self.written += data

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True

    def abort(self):
        self.closed = self.reset = True

    def pause_reading(self):
        self.reads = False

    def resume_reading(self):
        self.reads = True

    def set_protocol(self, protocol):
        self.protocol = protocol


class Aiohttp:
    """What a door hands its connection over to: it notes what it is told."""

    def __init__(self, number, *, stays=True):
        self.number = number
        self.told = []
        self._stays = stays

    def __getattr__(self, name):
        return lambda *told: self.told.append((name, *told))

    def eof_received(self):
        self.told.append(("eof_received",))
        return self._stays


class Answers:
    """An answer to each request, which waits as long as a test wants it to."""

    def __init__(self):
        self.bodies = []
        self.ended = []

    async def __call__(self, _, body, wire):
        assert wire.number == 7
        self.bodies.append(body)
        try:
            while b"wait" in body and await wire.stays_until(FOR_EVER):
                pass
            if b"said" in body:
                wire.write(body, last=True)
            if b"write" in body and (drained := wire.drained()) is not None:
                await drained
            if b"fail" in body:
                await asyncio.sleep(0)
                raise ZeroDivisionError
        finally:
            self.ended.append(body)
        return wire.keep_alive


def plain_request(body):
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


@asynccontextmanager
async def opened(*, others=0, **aiohttp):
    """Open a door, and so many others of the same server."""
    made = []

    def connection(number):
        made.append(Aiohttp(number, **aiohttp))
        return made[-1]

    answers = Answers()
    doors = door.Doors(answers, connection, Patience(), most=2**20)
    one, transport = front(doors)
    for _ in range(others):
        front(doors)
    yield one, transport, answers, made
    assert (one in doors.open) is (one.transport is not None)


def front(doors):
    one, transport = door.FrontDoor(doors, 7), Transport()
    one.connection_made(transport)
    return one, transport


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HALF = plain_request(b"{12345}")[:-3]


@pytest.mark.parametrize("before", [b"", plain_request(b"a"), plain_request(b"a") * 2])
@pytest.mark.parametrize("paused", [False, True])
async def test_aiohttp_is_told_what_asyncio_would_have_told_it(before, paused):
    async with opened() as (one, transport, answers, made):
        if paused:
            one.pause_writing()
        one.data_received(before + GET + b"more")
        (connection,) = made
        assert transport.protocol is connection
        assert connection.number == 7
        assert connection.told == [
            ("connection_made", transport),
            *[("pause_writing",)] * paused,
            ("data_received", GET + b"more"),
        ]
        assert answers.bodies == [b"a"] * before.count(b"POST")


async def test_plain_requests_build_nothing_of_aiohttp_s():
    async with opened() as (one, transport, answers, made):
        data = b"".join(map(plain_request, [b"a", b"bc", b""]))
        one.data_received(data)
        for cut in range(data.index(b"\r\n\r\n") + 4, data.index(b"POST", 1)):
            one.data_received(data[:cut])
            one.data_received(data[cut:])
        assert set(answers.bodies) == {b"a", b"bc", b""}
        one.connection_lost(None)
        assert not made
        assert not transport.closed


async def test_a_body_that_does_not_go_on_is_aiohttp_s_after_a_while():
    async with opened() as (one, _, _, made):
        one.data_received(HALF)
        one.look(asyncio.get_running_loop().time())
        assert not made
        one.look(asyncio.get_running_loop().time() + 1)
        assert made[0].told[1:] == [("data_received", HALF)]


@pytest.mark.parametrize("stays", [True, False])
async def test_a_client_s_end_is_told_to_aiohttp(stays):
    async with opened(stays=stays) as (one, _, _, made):
        one.data_received(HALF)
        assert one.eof_received() is stays
        assert made[0].told[1:] == [("data_received", HALF), ("eof_received",)]
    async with opened(stays=stays) as (one, transport, answers, made):
        one.data_received(plain_request(b"wait") + plain_request(b"a") + HALF)
        assert one.eof_received()  # an answer is still to come
        await settled(answers, 2)
        assert made[0].told[1:] == [("data_received", HALF), ("eof_received",)]
        assert transport.closed is not stays


async def test_a_client_that_has_said_all_is_closed_after_its_answers():
    async with opened() as (one, transport, answers, _):
        assert not one.eof_received()  # then asyncio closes it
        one.data_received(plain_request(b"wait") + plain_request(b"a"))
        assert one.eof_received()
        assert not transport.closed
        await settled(answers, 2)
        assert transport.closed


async def settled(answers, count):
    async with asyncio.timeout(5):
        while len(answers.ended) < count:  # noqa: ASYNC110 - the turns are what is counted on
            await asyncio.sleep(0)


@pytest.mark.parametrize("exc", [None, OSError()])
async def test_an_answer_waits_until_the_transport_holds_less(exc):
    async with opened() as (one, _, answers, _):
        one.data_received(plain_request(b"write"))
        assert answers.ended == [b"write"]
        one.pause_writing()
        one.data_received(plain_request(b"write"))
        one.data_received(plain_request(b"a"))
        assert len(answers.ended) == 1
        one.resume_writing()
        await settled(answers, 3)
        one.pause_writing()
        one.data_received(plain_request(b"write") + plain_request(b"never"))
        one.connection_lost(exc)
        await settled(answers, 4)
        assert answers.bodies == [b"write", b"write", b"a", b"write"]


async def test_a_client_that_sends_much_ahead_is_not_read_for_now():
    """Else one could fill the memory behind an answer that waits for ever."""
    much = 3_000
    async with opened() as (one, transport, answers, made):
        one.data_received(plain_request(b"wait"))
        sent = 0
        while transport.reads:
            one.data_received(plain_request(b"x" * much))
            sent += 1
        assert door._AHEAD <= len(one._ahead) < door._AHEAD + much + 200
        one._client.leave()  # the answer ends
        await settled(answers, 1 + sent)
        assert transport.reads
        assert not made


async def test_nothing_is_read_while_as_much_is_still_ahead():
    async with opened() as (one, transport, answers, _):
        first = one._client
        one.data_received(plain_request(b"wait"))
        one.data_received(plain_request(b"wait") + plain_request(b"x" * 2**18) * 2)
        assert not transport.reads
        one._client = door.Client(asyncio.get_running_loop())
        first.leave()
        await settled(answers, 1)
        assert not transport.reads
        one._client.leave()
        await settled(answers, 4)
        assert transport.reads


async def test_an_answer_that_fails_ends_the_connection():
    loop = asyncio.get_running_loop()
    failed = []
    loop.set_exception_handler(lambda _, context: failed.append(context["exception"]))
    async with opened() as (one, transport, answers, _):
        one.data_received(plain_request(b"fail") + plain_request(b"a"))
        await settled(answers, 1)
        await asyncio.sleep(0)
        assert transport.closed
        assert answers.bodies == [b"fail"]
    assert [type(error) for error in failed] == [ZeroDivisionError]


@pytest.mark.parametrize("close", [True, False])
async def test_a_server_that_stops_lets_an_answer_end(close):
    async with opened() as (one, transport, answers, _):
        one.data_received(plain_request(b"wait") + plain_request(b"a"))
        if close:
            one.close()
        assert not transport.closed
        shutting = asyncio.create_task(one.shutdown(60))
        await asyncio.sleep(0)
        one._client.leave()
        await settled(answers, 1 if close else 2)
        async with asyncio.timeout(5):
            await shutting
        assert transport.closed
        assert answers.bodies == [b"wait", b"a"][: 1 if close else 2]


async def test_a_server_that_stops_ends_an_answer_in_time():
    async with opened() as (one, transport, answers, _):
        one.data_received(plain_request(b"wait") + plain_request(b"a"))
        one.close()
        await one.shutdown(0)
        assert (answers.bodies, answers.ended) == ([b"wait"], [b"wait"])
        assert transport.closed
        one._client.leave()  # whoever it waited for comes too late
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert answers.bodies == [b"wait"]


async def test_a_server_that_stops_closes_what_is_idle_and_records_half_a_request():
    async with opened() as (one, transport, _, made):
        one.close()
        assert transport.closed
        one.data_received(plain_request(b"a"))  # which came too late
        assert not made
    async with opened() as (one, transport, _, made):
        one.data_received(HALF)
        one.close()
        assert made[0].told[1:] == [("data_received", HALF)]
        await asyncio.sleep(0)
        assert made[0].told[2:] == [("close",)]
        assert not transport.closed


async def test_a_connection_may_be_ended_at_once():
    async with opened() as (one, transport, _, _):
        one.abort()
        assert transport.reset
        one.connection_lost(None)
        one.abort()
        one.look(1e9)


async def test_answers_of_one_turn_are_written_together_at_its_end():
    async with opened() as (one, transport, _, _):
        one.data_received(plain_request(b"said alone"))
        assert transport.written == b"said alone"  # there is nothing to write it with
        second, other = front(one._doors)
        one.data_received(plain_request(b", said a"))
        second.data_received(plain_request(b"said b"))
        assert (transport.written, other.written) == (b"said alone", b"")
        await asyncio.sleep(0)
        assert (transport.written, other.written) == (b"said alone, said a", b"said b")


async def test_a_long_answer_and_what_is_not_its_last_are_written_at_once():
    async with opened(others=1) as (one, transport, _, _):
        one.data_received(plain_request(b"said" * 2**14))
        assert len(transport.written) == 2**16
        one.write(b", more", last=False)
        assert transport.written.endswith(b", more")


async def test_nothing_overtakes_what_is_still_to_be_written():
    async with opened(others=1) as (one, transport, _, made):
        one.data_received(plain_request(b"said a") + plain_request(b"said b") + GET)
        assert transport.written == b"said asaid b"  # before aiohttp has the connection
        assert len(made) == 1


@pytest.mark.parametrize("how", ["asked", "client", "server", "stop"])
async def test_what_is_still_to_be_written_is_there_before_the_end(how):
    async with opened(others=1) as (one, transport, _, _):
        request = plain_request(b"said")
        if how == "asked":
            request = request.replace(b"Host: x", b"Host: x\r\nConnection: close")
        one.data_received(request)
        assert bool(transport.written) is (how == "asked")
        if how == "client":
            assert not one.eof_received()  # then asyncio closes it
        elif how == "server":
            one.close()
        elif how == "stop":
            await one.shutdown(0)
        assert transport.written == b"said"
        assert transport.closed is (how != "client")
