"""What came in, what went out, and the record of both."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Literal, overload

from msgspec import Struct

from mockgpt.core.answers import Usage
from mockgpt.core.requests import Request

Ending = Literal["complete", "client_left", "aborted"]


class Incoming(Struct, frozen=True, kw_only=True):
    """One HTTP request, with lower-case header names.

    `at` and `elapsed` are the injected clock's, in seconds: what time it is, and how much passed.

    `trouble` is an error of the catalogue where the body could not be read, with its placeholders.
    """

    method: str = ""
    path: str = ""  # percent-encoded, without the query
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""
    at: float = 0.0
    elapsed: float = 0.0
    trouble: str = ""
    trouble_values: dict[str, str | int] = {}


class Sent(Struct, frozen=True):
    """What was really sent: `chunks` writes and `bytes` of body in so many seconds."""

    status: int
    chunks: int
    bytes: int
    seconds: float
    ending: Ending


class Exchange(Struct, frozen=True, kw_only=True):
    """One attempt, as it was: immutable, and free of secrets (`key` is a fingerprint).

    `number` counts the journal's entries from 1, and those that it has dropped since.
    `rule` is the id of the rule that answered, None for filler; `call` and `attempt` count from 1 what
    it answered. `error` is the catalogue's name of
    the error that was answered, `limit` the limit that was behind it, and `message` what the client
    was told. `sent` is None where
    the connection was gone before a byte was written.
    """

    session: str = "default"
    number: int = 0
    at: float
    elapsed: float = 0.0
    method: str = ""
    path: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""
    key: str = ""
    endpoint: str | None = None
    request: Request | None = None
    rule: str | None = None
    call: int = 0
    attempt: int = 0
    ignored: tuple[str, ...] = ()
    error: str | None = None
    limit: str | None = None
    message: str = ""
    usage: Usage | None = None
    bug: Exception | None = None
    sent: Sent | None = None


class Journal:
    """The exchanges so far, oldest first; bounded in number and in bytes.

    What no longer fits is dropped from the old end and counted in `dropped`.
    """

    def __init__(self, entries: int = 10_000, size: int = 64 * 2**20) -> None:
        self._entries = entries
        self._size = size
        self._held = 0
        self._exchanges: deque[Exchange] = deque()
        self.dropped = 0

    def append(self, exchange: Exchange) -> None:
        """Record an exchange."""
        self._exchanges.append(exchange)
        self._held += _size(exchange)
        while len(self._exchanges) > self._entries or (
            self._held > self._size and len(self._exchanges) > 1
        ):
            self._held -= _size(self._exchanges.popleft())
            self.dropped += 1

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


def _size(exchange: Exchange) -> int:
    """Return about how many bytes an exchange holds: its body, also as a value, and its headers."""
    headers = sum(len(name) + len(value) for name, value in exchange.headers.items())
    return 2 * len(exchange.body) + headers + len(exchange.path)
