"""Many readers of paced streams, in a process of their own and as cheap as they can be.

`python streams.py PORT COUNT EACH`: opens so many streams of events that are due every so many
seconds, says `open` once every stream has begun, and how they ended once all have.
"""

import asyncio
import json
import sys
import time

BODY = json.dumps({"messages": [{"role": "user", "content": "Go on."}], "stream": True}).encode()
REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\napi-key: k\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)
AT_ONCE = 200  # connections that are being opened


class Stream(asyncio.Protocol):
    """One stream: when its events came, against the earliest that shows when they were due."""

    def __init__(self, each, begun, late):
        self.each = each
        self.begun = begun
        self.events = 0
        self.due = float("inf")  # of the first event, as far as is known
        self.late = late
        self.complete = False
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        transport.write(REQUEST)

    def data_received(self, data):
        events = data.count(b"data: {")
        if events:
            at = time.monotonic() - self.events * self.each
            self.due = min(self.due, at)
            self.late.append(at - self.due)
            if not self.events:
                self.begun()
            self.events += events
        if data.endswith(b"0\r\n\r\n"):
            self.complete = True
            self.transport.close()

    def connection_lost(self, _):
        self.ended.set_result(time.monotonic())


async def main(port, count, each):
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(AT_ONCE)
    left = count
    late = []

    def begun():
        nonlocal left
        left -= 1
        if not left:
            print("open", flush=True)
            late.clear()  # while many begin, those that have begun wait

    async def opened():
        async with gate:
            return (
                await loop.create_connection(lambda: Stream(each, begun, late), "127.0.0.1", port)
            )[1]

    streams = await asyncio.gather(*(opened() for _ in range(count)))
    ended = await asyncio.gather(*(stream.ended for stream in streams))
    late = sorted(late) or [None]  # none came between the last one's beginning and the end
    found = {
        "complete": sum(stream.complete for stream in streams),
        "events": sum(stream.events for stream in streams),
        "late_p50": late[len(late) // 2],
        "late_p99": late[len(late) * 99 // 100],
        "late_max": late[-1],
        "last_ended": max(ended),  # of the machine's monotonic clock
    }
    print(json.dumps(found), flush=True)


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
