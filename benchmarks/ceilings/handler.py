"""PORT FILE PACE [--parse]: an aiohttp application as everybody writes it, that answers a constant."""

import asyncio
import json
import sys
from pathlib import Path

from aiohttp import web

BODY = Path(sys.argv[2]).read_bytes()
PARSES = "--parse" in sys.argv


async def answer(request: web.Request) -> web.Response:
    """Answer the constant; read the body, and parse it where that is what is measured."""
    body = await request.read()
    if PARSES:
        json.loads(body)
    return web.Response(body=BODY, content_type="application/json")


async def main() -> None:
    """Serve until the process is ended."""
    app = web.Application(client_max_size=2**25)
    app.router.add_post("/v1/chat/completions", answer)
    app.router.add_post("/v1/embeddings", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(sys.argv[1]), backlog=1024).start()
    await asyncio.Event().wait()


asyncio.run(main())
