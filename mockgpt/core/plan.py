"""What goes on the wire, as data.

A plan is a short sequence of steps: one `Head`, then `Data` and `Pause` in any order, then one
`End` or `Abort`. Everything that decides produces plans; one interpreter (`server/send.py`)
executes them.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct

Headers = tuple[tuple[str, str], ...]


class Head(Struct, frozen=True):
    """Status and headers; `length` in bytes, or None for a body of unknown length (a stream)."""

    status: int
    headers: Headers
    length: int | None = None


class Data(Struct, frozen=True):
    """Bytes of the body. In a stream of events: exactly one event."""

    bytes: bytes


class Pause(Struct, frozen=True):
    """Nothing for so many seconds; what came before is on the wire by then."""

    seconds: float


class End(Struct, frozen=True):
    """The body is complete."""


class Abort(Struct, frozen=True):
    """The connection ends here: by a TCP reset, or by a plain close before the body is complete."""

    how: Literal["reset", "close"]


Step = Head | Data | Pause | End | Abort
Plan = Iterator[Step]


def whole(status: int, headers: Headers, body: bytes) -> Plan:
    """Plan a response whose body is known and of known length."""
    yield Head(status, headers, len(body))
    if body:
        yield Data(body)
    yield End()


def stream(headers: Headers, events: Iterable[bytes]) -> Plan:
    """Plan a stream of events: status 200, one `Data` an event."""
    yield Head(200, headers)
    for event in events:
        yield Data(event)
    yield End()
