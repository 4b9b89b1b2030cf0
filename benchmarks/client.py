"""The load generator, a process of its own: sockets, epoll and bytes that are ready.

It reads a job a line (JSON), answers "ready" when the connections are open and warm, waits for
"go", and answers with what it saw. It parses as little as tells where an answer ends; the first
answer of each job is checked whole, of the others the status.
"""

import gc
import json
import re
import select
import socket
import sys
import time
from array import array
from itertools import pairwise
from typing import Any

from stats import quantile

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_PIECE = 2**18  # bytes read at once
_PATIENCE = 60.0  # seconds without any byte
_SERIAL = b"@@"  # becomes a number that no other request of the run has
_TOKEN = b"tok"  # what each paced event says once

_READ = select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR


class Connection:
    """A keep-alive connection with one request in flight."""

    __slots__ = ("begun", "end", "received", "socket", "times", "unsent")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(0)
        self.received = bytearray()
        self.end = 0  # bytes of the answer; 0 unknown, -1 chunked
        self.unsent: bytes | memoryview = b""
        self.begun = 0.0
        self.times = array("d")  # when each token came

    def send(self, request: bytes, poll: select.epoll) -> None:
        """Begin a request; what the socket does not take now is sent when it does."""
        del self.received[:]
        self.end = 0
        self.begun = time.perf_counter()
        self.unsent = request
        self.flush(poll)

    def flush(self, poll: select.epoll) -> None:
        """Send what is left."""
        was_blocked = len(self.unsent) != 0
        while self.unsent:
            try:
                sent = self.socket.send(self.unsent)
            except BlockingIOError:
                poll.modify(self.socket, _READ | select.EPOLLOUT)
                return
            self.unsent = memoryview(self.unsent)[sent:] if sent < len(self.unsent) else b""
        if was_blocked:
            poll.modify(self.socket, _READ)

    def receive(self) -> bool:
        """Read what has come; return whether the answer is complete."""
        data = self.socket.recv(_PIECE)
        if not data:
            raise RuntimeError(f"expected an answer, found an end after {self.received[-300:]!r}")
        received = self.received
        received += data
        if self.end == 0:
            head = received.find(b"\r\n\r\n")
            if head < 0:
                return False
            if received[9:12] != b"200":
                raise RuntimeError(f"expected status 200, found {bytes(received[:600])!r}")
            length = _LENGTH.search(received, 0, head)
            self.end = -1 if length is None else head + 4 + int(length[1])
        if self.end < 0:
            return received.endswith(b"0\r\n\r\n")
        return len(received) >= self.end


class Job:
    """What is to be asked, on open and warm connections."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.serial = given["serial"]
        self.template = self._request()
        self.poll = select.epoll()
        self.connections = {}
        for _ in range(given["connections"]):
            connection = Connection(given["port"])
            self.connections[connection.socket.fileno()] = connection
            self.poll.register(connection.socket, _READ)

    def _request(self) -> bytes:
        body: bytes = self.given["body"].encode()
        sample = self._fill(body)
        head = (
            f"POST {self.given['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Authorization: Bearer sk-mock\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(sample)}\r\n\r\n"
        )
        return head.encode() + body

    def _fill(self, data: bytes) -> bytes:
        return data.replace(_SERIAL, b"%09d" % self.serial)

    def next(self) -> bytes:
        """Return the next request's bytes."""
        if _SERIAL not in self.template:
            return self.template
        self.serial += 1
        return self._fill(self.template)

    def ready(self, warm: int) -> bytes:
        """Ask so much on each of the first connections; return the first answer."""
        answer = b""
        for connection in list(self.connections.values())[:warm]:
            connection.send(self.next(), self.poll)
            while not self._served(connection):
                pass
            answer = answer or bytes(connection.received)
        wanted = self.given["expect"].encode()
        if warm and wanted not in answer:
            raise RuntimeError(f"expected {wanted!r} in the answer, found {answer[:900]!r}")
        return answer

    def _served(self, connection: Connection) -> bool:
        for file, event in self.wait():
            assert file == connection.socket.fileno(), "only one has asked"
            if event & select.EPOLLOUT:
                connection.flush(self.poll)
            if event & _READ and connection.receive():
                return True
        return False

    def wait(self) -> list[tuple[int, int]]:
        """Return what has come."""
        events = self.poll.poll(_PATIENCE, 4096)
        if not events:
            raise RuntimeError(f"expected bytes, found none for {_PATIENCE:.0f} s")
        return events

    def close(self) -> None:
        """Close all connections."""
        for connection in self.connections.values():
            connection.socket.close()
        self.poll.close()


def load(job: Job) -> dict[str, float]:
    """Ask without a pause on every connection, for some seconds or so many times."""
    limit, seconds = job.given["count"], job.given["seconds"]
    connections, poll = job.connections, job.poll
    delays = array("d")
    clock = time.perf_counter
    begun = now = clock()
    deadline = begun + seconds
    for connection in connections.values():
        connection.send(job.next(), poll)
    open_, asked = len(connections), len(connections)
    while open_:
        for file, event in job.wait():
            connection = connections[file]
            if event & select.EPOLLOUT:
                connection.flush(poll)
            if event & _READ and connection.receive():
                now = clock()
                delays.append(now - connection.begun)
                if now < deadline and asked < limit:
                    asked += 1
                    connection.send(job.next(), poll)
                else:
                    open_ -= 1
    return {
        "count": len(delays),
        "seconds": now - begun,
        "p50": quantile(delays, 0.5),
        "p99": quantile(delays, 0.99),
    }


def paced(job: Job) -> dict[str, float]:
    """Open one stream on each connection, spread over a while, and note when each token comes."""
    connections, poll = job.connections, job.poll
    begun = time.perf_counter()
    waiting = list(connections.values())
    spread = job.given["spread"] / len(waiting)
    starts = [(begun + index * spread, one) for index, one in enumerate(waiting)][::-1]
    open_ = len(waiting)
    ended: list[float] = []
    while open_:
        now = time.perf_counter()
        while starts and starts[-1][0] <= now:
            starts.pop()[1].send(job.next(), poll)
        pause = max(0.0, starts[-1][0] - now) if starts else _PATIENCE
        events = poll.poll(pause, 4096)
        now = time.perf_counter()
        if not events and not starts:
            raise RuntimeError(f"expected bytes, found none for {_PATIENCE:.0f} s")
        for file, _ in events:
            connection = connections[file]
            seen = max(0, len(connection.received) - len(_TOKEN) + 1)
            complete = connection.receive()
            for _ in range(connection.received.count(_TOKEN, seen)):
                connection.times.append(now)
            if complete:
                open_ -= 1
                ended.append(now - begun)
    served = sum(len(one.times) == job.given["tokens"] for one in waiting)
    return {
        "served": served / len(waiting),
        "first_ended": ended[0],
        **_paces(waiting, job.given["pace"]),
    }


def _paces(connections: list[Connection], pace: float) -> dict[str, float]:
    gaps: list[float] = []
    late: list[float] = []
    for connection in connections:
        times = connection.times
        gaps += [abs(after - before - pace) for before, after in pairwise(times)]
        starts = [came - index * pace for index, came in enumerate(times)]
        late.append(starts[-1] - min(starts))  # the most punctual token tells the schedule
    return {
        "count": len(connections),
        "events": sum(len(connection.times) for connection in connections),
        "gap_p50": quantile(gaps, 0.5),
        "gap_p99": quantile(gaps, 0.99),
        "late": sum(late) / len(late),
        "late_p99": quantile(late, 0.99),
    }


def run(job: Job) -> dict[str, float]:
    """Tell the first answer, wait for the word, and do what is to be done."""
    answer = job.ready(job.given["warm"])
    say({"answer": answer.decode(errors="replace"), "serial": job.serial})
    assert sys.stdin.readline() == "go\n", "the word that begins"
    return paced(job) if job.given["pace"] else load(job)


def say(what: dict[str, Any]) -> None:
    """Tell the one who gives the jobs."""
    print(json.dumps(what), flush=True)


def main() -> None:
    """Do jobs until there are no more. One that fails tells why, in place of an answer."""
    gc.disable()
    for line in sys.stdin:
        job = Job(json.loads(line))
        try:
            say({**run(job), "serial": job.serial})
        except (RuntimeError, OSError) as error:
            say({"error": str(error)})
        finally:
            job.close()


main()
