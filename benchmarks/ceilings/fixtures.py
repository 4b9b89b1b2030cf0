"""KIND TIMES: what a server for each test costs without pytest; also the least that one can cost."""

import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from statistics import median
from typing import Any


@contextmanager
def thread() -> Iterator[None]:
    """Run a bare aiohttp server in a thread, on a socket that listens before it."""
    from aiohttp import web

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(body=b"{}")

    async def serve() -> None:
        server = web.Server(answer)
        await loop.create_server(server, sock=listener)
        await stopping.wait()
        await server.shutdown()

    listener = socket.create_server(("127.0.0.1", 0))
    runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
    loop = runner.get_loop()
    stopping = asyncio.Event()

    def run() -> None:
        with runner:
            runner.run(serve())
        listener.close()

    server = threading.Thread(target=run, daemon=True)
    server.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stopping.set)
        server.join()


def main() -> None:
    """Print the median of so many, in seconds of the clock and of the CPU."""
    kind, times = sys.argv[1], int(sys.argv[2])
    spent, cpu = [], []
    with ExitStack() as stack:
        make: Callable[[int], AbstractContextManager[Any]]
        if kind == "thread":
            make = lambda _: thread()  # noqa: E731 - one of three
        else:
            from mockgpt import MockGPT

            if kind == "fresh":
                make = lambda _: MockGPT()  # noqa: E731
            else:
                mock = stack.enter_context(MockGPT())
                make = lambda number: mock.session(f"test-{number}")  # noqa: E731
        for number in range(times):
            begun, used = time.perf_counter(), time.process_time()
            with make(number):
                pass
            spent.append(time.perf_counter() - begun)
            cpu.append(time.process_time() - used)
    print(json.dumps({"seconds": median(spent), "cpu": median(cpu)}))


if __name__ == "__main__":
    main()
