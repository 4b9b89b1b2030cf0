"""Load: many paced streams, slow readers, slow writers. With `-s` the figures are shown.

MOCKGPT_LOAD_SECONDS is how long the long run's streams last; ten minutes.
"""

import http.client
import json
import os
import time

import pytest

SECONDS = int(os.environ.get("MOCKGPT_LOAD_SECONDS", "600"))
MIB = 2**20
BODY = json.dumps({"messages": [{"role": "user", "content": "Are you well?"}]}).encode()
HALF = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\napi-key: k\r\n"


def large(size):
    """Return a reply of so many bytes."""
    return {"raw": {"chunks": ["x" * 2**14] * (size // 2**14)}}


@pytest.mark.parametrize(
    ("count", "each", "events"),
    [
        (50, 0.1, 8),
        pytest.param(
            5_000, 2.0, SECONDS // 2, marks=[pytest.mark.long, pytest.mark.timeout(SECONDS + 300)]
        ),
    ],
)
def test_paced_streams_all_come_whole_and_in_time(serve, streams, count, each, events):
    words = ["word"] * (events - 2)  # besides them, the opening and the finish reason
    reply = {"say": " ".join(words), "pace": {"each": each, "chunk": "word"}}
    served = serve("-q", reply=reply)
    served.check_answers()
    before = served.resident
    client = streams(served.port, count, each)
    assert client.stdout.readline() == "open\n"
    served.check_answers()
    memory = served.resident - before
    found = json.loads(client.stdout.readline())
    show(streams=count, **found, memory_per_stream=memory // count)
    assert found["complete"] == count
    assert found["events"] == count * events
    assert served.end() == (0, [])


@pytest.mark.parametrize(
    ("count", "size"), [(30, 8 * MIB), pytest.param(300, 12 * MIB, marks=pytest.mark.long)]
)
def test_what_slow_readers_do_not_read_costs_no_memory(serve, count, size):
    """Of a large stream they take a byte; what is not taken is not made, or waits in the system."""
    served = serve("-q", reply=large(size))
    for _ in range(2):
        served.check_answers()
    before = served.resident
    slow = [served.asked(SO_RCVBUF=2**14) for _ in range(count)]
    for sock in slow:
        assert sock.recv(1) == b"H"
    served.check_answers()
    memory = served.resident - before
    show(readers=count, size=size, memory_per_reader=memory // count)
    assert memory < count * MIB / 2
    for sock in slow:
        sock.close()
    served.check_answers()
    assert served.end() == (0, [])


@pytest.mark.parametrize("count", [50, pytest.param(1_000, marks=pytest.mark.long)])
def test_slow_writers_do_not_slow_others(serve, count):
    """Slowloris: heads that never end, of which a byte comes now and then."""
    served = serve("-q")
    served.check_answers()
    alone = latencies(served)
    slow = [served.connect() for _ in range(count)]
    for sock in slow:
        sock.sendall(HALF)
    beside = []
    for turn in range(4):
        for sock in slow:
            sock.sendall(b"x-slow: %d\r\n" % turn)
        beside += latencies(served)
    show(writers=count, alone=summary(alone), beside=summary(beside))
    for sock in slow:  # each is still served, if it ever comes to its end
        sock.sendall(b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY))
        sock.sendall(BODY)
    for sock in slow:
        assert sock.recv(15) == b"HTTP/1.1 200 OK"
        sock.close()
    assert served.end() == (0, [])


def latencies(served):
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    headers = {"content-type": "application/json", "authorization": "Bearer k"}
    found = []
    for _ in range(50):
        begun = time.perf_counter()
        connection.request("POST", "/v1/chat/completions", BODY, headers)
        response = connection.getresponse()
        assert response.status == 200
        assert response.read()
        found.append(time.perf_counter() - begun)
    connection.close()
    return found


def summary(seconds):
    found = sorted(seconds)
    p50, p99 = found[len(found) // 2], found[len(found) * 99 // 100]
    return f"p50 {p50 * 1000:.2f} ms, p99 {p99 * 1000:.2f} ms"


def show(**figures):
    print("", *(f"{name}: {value}" for name, value in figures.items()), sep="\n  ")
