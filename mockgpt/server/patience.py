"""How long a client may keep a connection waiting, and who looks after that.

One look at all connections every few seconds costs less than a timer for each request.
"""

import asyncio
from collections.abc import Callable

from msgspec import Struct

_LOOKS = 12  # so often within the shortest of the waits


class Patience(Struct, frozen=True, kw_only=True):
    """Seconds until a client has had time enough: generous, since it may stand in a debugger.

    `head` is from a request's first byte until its head is whole; `body` without a byte of a body
    that is still to come; `idle` between requests and before the first; `unread` with nothing taken
    of an answer that waits to be sent.
    """

    head: float = 60.0
    body: float = 60.0
    idle: float = 300.0
    unread: float = 600.0


async def watch(patience: Patience, look: Callable[[float], None]) -> None:
    """Call `look` with the loop's time for ever, often enough for these waits."""
    interval = min(patience.head, patience.body, patience.idle, patience.unread) / _LOOKS
    while True:
        await asyncio.sleep(interval)
        look(asyncio.get_running_loop().time())


PATIENCE = Patience()
