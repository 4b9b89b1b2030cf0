"""The journal: the exchanges of a session, as many as there is room for."""

from collections import deque
from collections.abc import Iterator
from typing import overload

from msgspec.structs import replace

from mockgpt.core.exchange import KEPT, Exchange

_ENTRY = 1_000  # bytes that an exchange holds besides its texts, about
_WRITE = 12  # and each of its writes


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
        self._bare: deque[Exchange] = deque()  # without bodies: the older ones
        self._whole: deque[Exchange] = deque()
        self._sizes: deque[int] = deque()  # of all without their bodies, in bytes

    @property
    def dropped(self) -> int:
        """How many exchanges it has no longer."""
        return self.next - 1 - len(self)

    def append(self, exchange: Exchange) -> None:
        """Record an exchange."""
        size = _size(exchange)
        self._whole.append(exchange)
        self._sizes.append(size)
        self.next += 1
        self.held += size + _bodies(exchange)
        while self.held > self._size and len(self._whole) > 1:
            before = self._whole.popleft()
            self._bare.append(_without_bodies(before))
            self.held -= _bodies(before)
        while len(self._sizes) > self._entries or (self.held > self._size and self._bare):
            self._drop()

    def _drop(self) -> None:
        if self._bare:
            self._bare.popleft()
        else:
            self.held -= _bodies(self._whole.popleft())
        self.held -= self._sizes.popleft()

    def __repr__(self) -> str:
        return f"<Journal of {len(self)} exchanges, {self.dropped} dropped>"

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[Exchange]:
        return iter((*self._bare, *self._whole))

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
    return _ENTRY + sum(map(len, exchange.headers.values())) + len(exchange.path)


def _bodies(exchange: Exchange) -> int:
    """Return about how many bytes its bodies are, that of the request also as a value."""
    sent = exchange.sent
    if sent is None:
        return 2 * len(exchange.body)
    return 2 * len(exchange.body) + min(sent.bytes, KEPT) + _WRITE * len(sent.writes)
