"""The journal: the exchanges of a session, as many as there is room for."""

from collections import deque
from collections.abc import Iterator
from typing import overload

from msgspec.structs import replace

from mockgpt.core.exchange import KEPT, Exchange

_ENTRY = 1_000  # bytes that an exchange holds besides its texts, about
_WRITE = 100  # and each of its writes


class Journal:
    """The exchanges so far, oldest first; bounded in number and in bytes.

    Of what no longer fits the old bodies are dropped first, then the old exchanges, which are
    counted in `dropped`. `held` is about how many bytes they take.
    """

    def __init__(self, entries: int = 10_000, size: int = 64 * 2**20) -> None:
        self._entries = entries
        self._size = size
        self.held = 0
        self.dropped = 0
        # By their numbers. Each step leaves it whole: tests read it while the server goes on.
        self._exchanges: dict[int, Exchange] = {}
        self._sizes: deque[int] = deque()  # of each, besides its bodies, in bytes
        self._whole = 1  # the first number whose exchange has its bodies

    @property
    def next(self) -> int:
        """The number of the next exchange."""
        return self.dropped + len(self._exchanges) + 1

    def append(self, exchange: Exchange) -> None:
        """Record an exchange."""
        latest = self.next
        size = _size(exchange)
        self._exchanges[latest] = exchange
        self._sizes.append(size)
        self.held += size + _bodies(exchange)
        while self.held > self._size and self._whole < latest:
            before = self._exchanges[self._whole]
            self._exchanges[self._whole] = _without_bodies(before)
            self._whole += 1
            self.held -= _bodies(before)
        while len(self._sizes) > self._entries or (self.held > self._size and len(self._sizes) > 1):
            self._drop()

    def _drop(self) -> None:
        before = self._exchanges.pop(self.dropped + 1)
        self.dropped += 1
        self.held -= self._sizes.popleft()
        if before.bodies:
            self.held -= _bodies(before)
            self._whole += 1

    def __repr__(self) -> str:
        return f"<Journal of {len(self)} exchanges, {self.dropped} dropped>"

    def __len__(self) -> int:
        return len(self._exchanges)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(tuple(self._exchanges.values()))

    @overload
    def __getitem__(self, index: int) -> Exchange: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Exchange, ...]: ...

    def __getitem__(self, index: int | slice) -> Exchange | tuple[Exchange, ...]:
        return tuple(self)[index]


def _without_bodies(exchange: Exchange) -> Exchange:
    sent = exchange.sent
    bare = None if sent is None else replace(sent, kept=(), writes=())
    # What a message repeats of the body is known by the body alone.
    message = exchange.message and exchange.tell(exchange.message)
    return replace(exchange, body=b"", bodies=False, request=None, message=message, sent=bare)


def _size(exchange: Exchange) -> int:
    """Return about how many bytes an exchange holds besides its bodies."""
    written = (exchange.path, exchange.query, *exchange.headers.values())
    return _ENTRY + sum(map(len, written))


def _bodies(exchange: Exchange) -> int:
    """Return about how many bytes its bodies are, that of the request also as a value."""
    sent = exchange.sent
    if sent is None:
        return 2 * len(exchange.body)
    return 2 * len(exchange.body) + min(sent.bytes, KEPT) + _WRITE * len(sent.writes)
