"""PORT FILE PACE: an aiohttp stream as everybody writes it, with a write for each event."""

import asyncio
import sys
from pathlib import Path

from aiohttp import web

EVENTS = [part + b"\n\n" for part in Path(sys.argv[2]).read_bytes().split(b"\n\n") if part]
PACE = float(sys.argv[3])


async def answer(request: web.Request) -> web.StreamResponse:
    """Write the events one by one."""
    await request.read()
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for event in EVENTS:
        await response.write(event)
        if PACE:
            await asyncio.sleep(PACE)
    await response.write_eof()
    return response


async def main() -> None:
    """Serve until the process is ended."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(sys.argv[1]), backlog=1024).start()
    await asyncio.Event().wait()


asyncio.run(main())
