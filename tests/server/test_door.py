"""The front door: whatever is sent, its bytes are those that a request through aiohttp gets."""

import json
import socket

import pytest
from msgspec import convert
from wire import Wire, request_bytes

from mockgpt import MockGPT
from mockgpt.core.scenario import Scenario
from mockgpt.server import door

HELLO = {"model": "gpt-3.5-turbo", "messages": [{"role": "user", "content": "Hello!"}]}
VECTORS = {"model": "text-embedding-ada-002", "input": ["a", "b"]}
SCENARIO = """
mockgpt: 1
rules:
  - when: {user: paced}
    reply: {say: One two three, pace: {first: 1ms, each: 1ms}, headers: {x-a: "\\xe4"}}
  - when: {user: cut}
    reply: {say: One two three four, faults: [{kind: disconnect, after: 2, how: close}]}
  - when: {user: reset}
    reply: {say: One two, faults: [{kind: disconnect, after: 0, how: reset}]}
  - when: {user: short}
    reply: {say: One two, faults: [{kind: truncate_body, bytes: 40}]}
  - when: {user: empty}
    reply: {raw: {status: 204}}
  - when: {user: raw}
    reply: {raw: {status: 299, body: "", headers: {connection: close, date: never}}}
  - when: {user: large}
    reply: {raw: {chunks: [{text: "x", after: 1ms}, "%s"]}}
  - when: {user: refused}
    reply: {error: {preset: overloaded, retry_after: 3}}
  - reply: {filler: {tokens: 30}}
""" % ("y" * 200_000)


def chat(user, **more):
    return HELLO | {"messages": [{"role": "user", "content": user}]} | more


USERS = ["paced", "cut", "reset", "short", "empty", "raw", "large", "refused", "anything", "你好"]
PLAIN = {
    **{f"{user}, {'a stream' if stream else 'whole'}": request_bytes(body=chat(user, stream=stream))
       for user in USERS for stream in (False, True)},
    "vectors": request_bytes("/v1/embeddings", VECTORS),
    "base64": request_bytes("/v1/embeddings", VECTORS | {"encoding_format": "base64"}),
    "a completion": request_bytes("/v1/completions", {"model": "gpt-3.5-turbo", "prompt": "a"}),
    "a query": request_bytes("/v1/chat/completions?api-version=1", HELLO),
    "a session": request_bytes("/s/ada/v1/chat/completions", HELLO),
    "a wrong role": request_bytes(body={"messages": [{"role": "x", "content": "y"}]}),
    "no JSON": request_bytes(body=b"{"),
    "an unknown path": request_bytes("/v1/nothing", HELLO),
    "an unknown model": request_bytes(body=HELLO | {"model": "x"}),
    "no key": request_bytes(body=HELLO, headers={"Authorization": ""}),
    "close": request_bytes(body=HELLO, headers={"Connection": "close"}),
}  # fmt: skip
OTHER = {
    "GET": request_bytes("/v1/models", method="GET"),
    "HTTP/1.0": request_bytes(body=HELLO, version="HTTP/1.0"),
    "an unusual header": request_bytes(body=HELLO, headers={"X-A": "ä"}),
    "a header twice": request_bytes(body=HELLO).replace(b"\r\n\r\n", b"\r\nX: 1\r\nX: 2\r\n\r\n", 1),
    "no host": request_bytes(body=HELLO).replace(b"Host:", b"Hast:", 1),
    "chunks": request_bytes(body=HELLO).replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nX", 1),
    "a large body": request_bytes(body=chat("x" * 300_000)),
    "many headers": request_bytes(body=HELLO, headers={f"X-{n}": "y" for n in range(130)}),
    "proxy-connection": request_bytes(body=HELLO, headers={"Proxy-Connection": "close"}),
    "an old WebSocket": request_bytes(body=HELLO, headers={"Sec-WebSocket-Key1": "x"}),
    "no HTTP": b"hello\r\n\r\n",
    "health": request_bytes("/_mockgpt/health", method="GET"),
}  # fmt: skip
MALFORMED = ("no host", "chunks", "many headers", "an old WebSocket", "no HTTP")


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    path = tmp_path_factory.mktemp("door") / "all.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


def served(data, scenario, *, fast_path, cuts=()):
    """Return all bytes that a request and, where it may, one behind it get; and their journal."""
    with MockGPT(scenario, fast_path=fast_path) as mock:
        with Wire(mock.url) as wire:
            for start, stop in zip((0, *cuts), (*cuts, len(data)), strict=True):
                wire.offer(data[start:stop])
                if stop < len(data):
                    mock._settle()
            if b"Connection: close" not in data and b"HTTP/1.0" not in data:
                wire.offer(request_bytes(body=HELLO, headers={"Connection": "close"}))
            try:
                got = wire.rest()
            except ConnectionError:
                got = b"reset"
        mock.stop()
        told = [
            (one.connection, one.method, one.path, one.headers, one.body, one.rule, one.error, one.faults,
             one.sent and (one.sent.status, one.sent.body, one.sent.ending, one.sent.headers))
            for one in mock.journal
        ]  # fmt: skip
    return got, told


@pytest.fixture
def doors(monkeypatch):
    """What the front door took: True for each request that it did, False for each that it did not."""
    taken = []
    plain = door.plain

    def spy(head):
        found = plain(head)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(door, "plain", spy)
    return taken


@pytest.mark.parametrize("name", PLAIN)
def test_both_doors_give_the_same_bytes(name, scenario, doors):
    fast = served(PLAIN[name], scenario, fast_path=True)
    assert doors[0]
    doors.clear()
    assert served(PLAIN[name], scenario, fast_path=False) == fast
    assert not doors


@pytest.mark.parametrize("name", OTHER)
def test_what_is_not_plain_is_aiohttp_s(name, scenario, doors):
    assert served(OTHER[name], scenario, fast_path=True) == served(
        OTHER[name], scenario, fast_path=False
    )
    assert doors in ([], [False]) or name == "a large body"


@pytest.mark.parametrize("name", ["anything, whole", "anything, a stream"])
def test_a_request_may_come_in_parts(name, scenario):
    data = PLAIN[name]
    end = data.index(b"\r\n\r\n") + 4
    whole = served(data, scenario, fast_path=True)
    for cuts in ((end,), (end + 1, end + 5), (len(data) - 1,), (10,), (10, end), (end - 1,)):
        assert served(data, scenario, fast_path=True, cuts=cuts) == whole


def test_pipelined_requests_are_answered_in_turn(scenario):
    data = b"".join(
        request_bytes(body=chat(user, stream=True)) for user in ("paced", "x", "paced", "y")
    )
    assert served(data, scenario, fast_path=True) == served(data, scenario, fast_path=False)


@pytest.mark.parametrize(
    ("together", "name"),
    # Of what comes together aiohttp would answer the malformed alone.
    [(together, name) for name in OTHER for together in (True, False)[name in MALFORMED :]],
)
@pytest.mark.parametrize("user", ["paced", "large", "x"])
def test_what_is_not_plain_is_answered_behind_what_is(together, user, name, scenario):
    """A connection is handed over at once, behind a wait, and behind much that is written."""
    first = request_bytes(body=chat(user, stream=True))
    cuts = () if together else (len(first),)
    fast, slow = (
        served(first + OTHER[name], scenario, fast_path=fast_path, cuts=cuts)
        for fast_path in (True, False)
    )
    assert fast == slow


@pytest.mark.parametrize("rest", [b"", OTHER["GET"], OTHER["GET"][:-5], PLAIN["vectors"][:-5]])
def test_whoever_half_closes_gets_what_was_asked_before(rest, scenario):
    found = []
    for fast_path in (True, False):
        with MockGPT(scenario, fast_path=fast_path) as mock, Wire(mock.url) as wire:
            wire.send(request_bytes(body=chat("anything", stream=True)) + rest)
            wire.finish()
            found.append(wire.rest())
    assert found[0] == found[1]
    assert found[0].startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_client_that_says_all_and_half_closes_gets_its_answer(scenario):
    with (
        MockGPT(scenario) as mock,
        socket.create_connection(("127.0.0.1", int(mock.url[17:]))) as one,
    ):
        one.sendall(request_bytes(body=chat("anything")))
        one.shutdown(socket.SHUT_WR)
        data = b"".join(iter(lambda: one.recv(2**16), b""))
    assert json.loads(data.partition(b"\r\n\r\n")[2])["choices"]


@pytest.mark.parametrize("how", ["reset", "finish"])
@pytest.mark.parametrize(("part", "records"), [(40, 0), (-5, 1)])  # within the head, the body
def test_a_client_that_leaves_within_a_request_is_recorded_alike(part, records, how):
    found = []
    for fast_path in (True, False):
        with MockGPT(fast_path=fast_path) as mock, Wire(mock.url) as wire:
            wire.send(PLAIN["close"][:part])
            mock._settle()
            getattr(wire, how)()
            mock._settle()
        found.append([(one.path, one.message, one.sent.ending) for one in mock.journal])
        assert [finding.code for finding in mock.findings] == ["refused_request"] * records
    assert found[0] == found[1]
    assert len(found[0]) == records


def test_an_answer_has_as_long_to_end_as_behind_aiohttp():
    late = convert({"rules": [{"reply": {"say": "a b", "pace": {"first": 0.7}}}]}, Scenario)
    for fast_path in (True, False):
        with MockGPT(late, fast_path=fast_path) as mock, Wire(mock.url) as wire:
            wire.send(PLAIN["paced, a stream"])
            mock._settle()
            mock.stop()
        assert mock.journal[0].sent.ending == "complete"


def test_the_door_is_shut_for_an_aiohttp_that_it_was_not_tested_with(scenario, doors, monkeypatch):
    monkeypatch.setattr("aiohttp.__version__", "3.99.0")
    served(PLAIN["vectors"], scenario, fast_path=True)
    assert not doors
