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
        self.next = 1  # number of the next exchange
        self._bare = 0  # exchanges at the old end that have no bodies any more
        self._exchanges: deque[Exchange] = deque()
        self._sizes: deque[int] = deque()  # of them, in bytes

    @property
    def dropped(self) -> int:
        """How many exchanges it has no longer."""
        return self.next - 1 - len(self._exchanges)

    def append(self, exchange: Exchange) -> None:
        """Record an exchange."""
        size = _size(exchange)
        self._exchanges.append(exchange)
        self._sizes.append(size)
        self.next += 1
        self.held += size
        if self.held > self._size:
            self._drop_bodies()
        while len(self._sizes) > self._entries or (self.held > self._size and len(self._sizes) > 1):
            self._exchanges.popleft()
            self.held -= self._sizes.popleft()
            self._bare = max(0, self._bare - 1)

    def _drop_bodies(self) -> None:
        while self.held > self._size and self._bare < len(self._sizes) - 1:
            bare = _without_bodies(self._exchanges[self._bare])
            self.held -= self._sizes[self._bare]
            self._exchanges[self._bare], self._sizes[self._bare] = bare, _size(bare)
            self.held += self._sizes[self._bare]
            self._bare += 1

    def __repr__(self) -> str:
        return f"<Journal of {len(self)} exchanges, {self.dropped} dropped>"

    def __len__(self) -> int:
        return len(self._exchanges)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(tuple(self._exchanges))

    @overload
    def __getitem__(self, index: int) -> Exchange: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Exchange, ...]: ...

    def __getitem__(self, index: int | slice) -> Exchange | tuple[Exchange, ...]:
        return tuple(self._exchanges)[index] if isinstance(index, slice) else self._exchanges[index]


def _without_bodies(exchange: Exchange) -> Exchange:
    sent = exchange.sent
    bare = None if sent is None else replace(sent, kept=(), writes=())
    # What a message repeats of the body is known by the body alone.
    message = exchange.message and exchange.tell(exchange.message)
    return replace(exchange, body=b"", bodies=False, request=None, message=message, sent=bare)


def _size(exchange: Exchange) -> int:
    """Return about how many bytes an exchange holds, the body of its request also as a value."""
    sent = exchange.sent
    size = _ENTRY + sum(map(len, exchange.headers.values())) + len(exchange.path)
    if sent is None or not exchange.bodies:
        return size + 2 * len(exchange.body)
    return size + 2 * len(exchange.body) + min(sent.bytes, KEPT) + _WRITE * len(sent.writes)
