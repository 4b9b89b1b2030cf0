"""The other end of a connection: whether it is there, and takes what it is sent.

Both kinds of connection have one, aiohttp's and the front door's.
"""

import asyncio
import logging

from mockgpt.core.plan import FOR_EVER

log = logging.getLogger("mockgpt")


class Client:
    """Whoever an answer is for. One answer at a time waits until a time, or until it leaves."""

    __slots__ = ("_loop", "_sleeper", "_timer", "_untaken", "_untaken_since", "left")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.left = False  # it will say no more, and may be gone
        self._sleeper: asyncio.Future[bool] | None = None  # of a plan that pauses
        self._timer: asyncio.TimerHandle | None = None
        self._untaken, self._untaken_since = -1, 0.0  # bytes of an answer, at the last look

    def stays_until(self, due: float) -> asyncio.Future[bool]:
        """Wait until that time of the loop; False as soon as the client leaves."""
        if self._timer is not None:  # of a wait that was cancelled
            self._timer.cancel()
        self._sleeper = sleeper = self._loop.create_future()
        if self.left:
            sleeper.set_result(False)
        elif due < FOR_EVER:
            self._timer = self._loop.call_at(due, self._wake)
        return sleeper

    def leave(self) -> None:
        """Tell whoever waits that it is gone, or will say no more."""
        self.left = True
        if self._timer is not None:
            self._timer.cancel()
        self._wake()

    def _wake(self) -> None:
        sleeper, self._sleeper, self._timer = self._sleeper, None, None
        if sleeper is not None and not sleeper.done():
            sleeper.set_result(not self.left)

    def takes(self, transport: asyncio.Transport, now: float, unread: float, *, full: bool) -> bool:
        """Tell whether it takes what it is sent; drop it once it has taken nothing for so long.

        Only behind a `full` transport, or one that is closing, something waits for it.
        """
        if not full and not transport.is_closing():
            self._untaken = -1
            return True
        untaken = transport.get_write_buffer_size()
        if untaken != self._untaken:
            self._untaken, self._untaken_since = untaken, now
        elif now - self._untaken_since >= unread:
            log.warning("dropped a client that took nothing of its answer for %g s", unread)
            transport.abort()
        return False


def secure(transport: asyncio.BaseTransport | None) -> bool:
    """Tell whether it is by TLS, which knows no half: what comes after a client's end is lost."""
    return transport is not None and transport.get_extra_info("ssl_object") is not None
