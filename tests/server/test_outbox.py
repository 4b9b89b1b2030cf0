"""Which answers wait to be written together, and how long."""

import asyncio

import pytest

from mockgpt.server.outbox import Outbox
from mockgpt.server.wire import clock


class Loop:
    """A loop whose time and turns a test tells."""

    def __init__(self):
        self.now = 100.0
        self.soon = []

    def time(self):
        return self.now

    def call_soon(self, callback):
        self.soon.append(callback)


class Transport:
    """Where an outbox writes: into a list that all share."""

    def __init__(self, name, written):
        self._name = name
        self._written = written
        self.closing = False

    def is_closing(self):
        return self.closing

    def write(self, data):
        self._written.append((self._name, data))


@pytest.fixture
def loop():
    return Loop()


@pytest.fixture
def outbox(loop):
    return Outbox(loop)


@pytest.fixture
def written():
    return []


@pytest.fixture
def transports(written):
    return [Transport(name, written) for name in "abc"]


def test_what_waits_is_written_at_the_end_of_the_turn(loop, outbox, transports, written):
    a, b, _ = transports
    outbox.write(a, b"1", waits=True)
    outbox.write(b, b"2", waits=True)
    assert written == []
    (end,) = loop.soon
    end()
    assert written == [("a", b"1"), ("b", b"2")]
    outbox.write(a, b"3", waits=True)
    assert (len(written), len(loop.soon)) == (2, 2)


@pytest.mark.parametrize("how", ["waits", "write", "release"])
def test_nothing_waits_long_for_others(loop, outbox, transports, written, how):
    """Else the first of many would come as late as the last."""
    a, b, c = transports
    outbox.write(a, b"1", waits=True)
    loop.now += 0.0009
    outbox.write(b, b"2", waits=True)
    assert written == []
    loop.now += 0.0002
    if how == "release":  # a further request is begun
        outbox.release(c)
    else:
        outbox.write(c, b"3", waits=how == "waits")
    assert written[:2] == [("a", b"1"), ("b", b"2")]
    assert written[2:] == [("c", b"3")] * (how == "write")


def test_what_is_closing_is_not_written_to(loop, outbox, transports, written):
    a, b, _ = transports
    outbox.write(a, b"1", waits=True)
    outbox.write(b, b"2", waits=True)
    a.closing = True
    loop.soon[0]()
    assert written == [("b", b"2")]


def test_what_is_long_or_not_the_last_does_not_wait(loop, outbox, transports, written):
    long = b"1" * 2**16
    outbox.write(transports[0], b"1", waits=False)
    outbox.write(transports[0], long, waits=True)
    assert written == [("a", b"1"), ("a", long)]
    assert loop.soon == []


def test_what_is_held_for_a_transport_may_be_released(loop, outbox, transports, written):
    a, b, c = transports
    outbox.write(a, b"1", waits=True)
    outbox.write(b, b"2", waits=True)
    for transport in (b, b, c, None):
        outbox.release(transport)
    assert written == [("b", b"2")]
    loop.soon[0]()
    assert written == [("b", b"2"), ("a", b"1")]


async def test_the_time_is_the_loop_s():
    loop = asyncio.get_running_loop()
    before, now, after = loop.time(), clock(loop)(), loop.time()
    assert before <= now <= after


@pytest.mark.parametrize("how", ["subclass", "instance"])
def test_a_loop_may_have_a_time_of_its_own(how):
    class Loop(asyncio.SelectorEventLoop):
        if how == "subclass":

            def time(self):
                return 5.0

    loop = Loop()
    if how == "instance":
        loop.time = lambda: 5.0
    assert clock(loop)() == 5.0
    loop.close()
