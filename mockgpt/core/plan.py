"""What goes on the wire, as data.

A plan is a short sequence of steps: one `Head`, then `Data`, `Events` and `Pause` in any order, then
one `End` or `Abort`. Everything that decides produces plans; one interpreter (`server/send.py`)
executes them.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

Headers = tuple[tuple[str, str], ...]
Unit = Literal["events", "tokens", "bytes"]
Mark = Literal["", "opening", "piece", "finish", "usage", "done"]
Bytes = bytes  # where a field has that name

FOR_EVER = float("inf")  # seconds: nothing more comes, and the connection stays open


class Layout(Struct, frozen=True, eq=False):
    """The headers of many responses, equal to itself alone: at these `places` each has its own value."""

    headers: Headers
    places: tuple[int, ...] = ()


class Filled(Struct, frozen=True, gc=False):
    """Headers as a layout has them, with the values for its places."""

    layout: Layout
    values: tuple[str, ...]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield names and values."""
        headers = list(self.layout.headers)
        for place, value in zip(self.layout.places, self.values, strict=True):
            headers[place] = (headers[place][0], value)
        return iter(headers)


class Head(Struct, frozen=True, gc=False):
    """Status and headers; `length` in bytes, or None for a body of unknown length (a stream)."""

    status: int
    headers: Headers | Filled
    length: int | None = None


class Data(Struct, frozen=True, gc=False):
    """Bytes of the body. In a stream of events: exactly one event, and what it is.

    `tokens` are the completion tokens that it carries. What faults make may be less than an event, a
    comment or a part: of an event in parts the last one `ends` it, and has its mark and tokens.
    """

    bytes: bytes
    mark: Mark = ""
    tokens: int = 0
    ends: bool = True


class Events(Struct, frozen=True, gc=False):
    """Pieces of text, each an event: so many cost little more than one.

    All begin and end with the same bytes. Each carries so many `tokens` (None: each one), and
    before each is a pause of so many seconds (None: nothing waits).
    """

    before: Bytes
    texts: tuple[Bytes, ...]
    after: Bytes
    tokens: tuple[int, ...] | None = None
    waits: tuple[float, ...] | None = None

    @property
    def bytes(self) -> Bytes:
        """The bytes of all of them."""
        return self.before + (self.after + self.before).join(self.texts) + self.after

    @property
    def events(self) -> int:
        """How many events they are."""
        return len(self.texts)

    def each(self) -> Iterator["Data | Pause"]:
        """Yield them one by one."""
        every = zip(self.texts, self.tokens or repeat(1), self.waits or repeat(0.0), strict=False)
        for text, tokens, wait in every:
            if wait:
                yield Pause(wait)
            yield Data(self.before + text + self.after, "piece", tokens)


class Pause(Struct, frozen=True, gc=False):
    """Nothing for so many seconds; what came before is on the wire by then."""

    seconds: float


class End(Struct, frozen=True, gc=False):
    """The body is complete."""


class Abort(Struct, frozen=True, gc=False):
    """The connection ends here: by a TCP reset, or by a plain close before the body is complete.

    Directly behind the head it ends before that: a `Pause` between them sends the head.
    """

    how: Literal["reset", "close"]


BodyStep = Data | Events | Pause
Step = Head | BodyStep | End | Abort
Plan = Iterator[Step]


def whole(status: int, headers: Headers | Filled, body: bytes, wait: float = 0.0) -> Plan:
    """Plan a response whose body is known and of known length, and comes after so many seconds."""
    yield Head(status, headers, len(body))
    if wait:
        yield Pause(wait)
    if body:
        yield Data(body)
    yield End()


def stream(headers: Headers | Filled, events: Iterable[BodyStep]) -> Plan:
    """Plan a stream of events, with status 200."""
    return chain((Head(200, headers),), events, (End(),))


def opened(plan: Plan) -> tuple[Head, Plan]:
    """Return a plan's head, and the plan as it was."""
    before: list[Step] = []
    for step in plan:
        before.append(step)
        if isinstance(step, Head):
            return step, chain(before, plan)
    raise AssertionError("a plan has a head")


def singly(plan: Plan) -> Plan:
    """Make a step of every event, for whoever waits between them or changes them."""
    for step in plan:
        if isinstance(step, Events):
            yield from step.each()
        else:
            yield step


def each_event(plan: Plan, change: Callable[[int, Data], Iterable[Step]]) -> Plan:
    """Change the events of a stream, counted from 1; all else stays as it is."""
    head, rest = opened(plan)
    number = 0
    for step in rest:
        if isinstance(step, Data) and step.ends and head.length is None:
            number += 1
            yield from change(number, step)
        else:
            yield step


def rewritten(plan: Plan, change: Callable[[bytes], bytes]) -> Plan:
    """Change the bytes of a stream, those that are no events, too; other answers stay as they are."""
    head, rest = opened(plan)
    for step in rest:
        if isinstance(step, Data) and head.length is None:
            yield replace(step, bytes=change(step.bytes))
        else:
            yield step


def insert(plan: Plan, unit: Unit, left: int, steps: Iterable[Step], *, resume: bool) -> Plan:
    """Insert steps behind so many units of the body; what follows is kept only with `resume`.

    A plan that ends before the place stays as it is.
    """
    reached = False
    for step in plan:
        if reached or not isinstance(step, Head | Data):
            yield step
            continue
        before, rest = _divided(step, left) if unit == "bytes" else (step, None)
        left -= _size(before, unit)
        yield before
        if left <= 0:
            reached = True
            yield from steps
            if not resume:
                return
            if rest is not None:
                yield rest


def _size(step: Head | Data, unit: Unit) -> int:
    if isinstance(step, Head):
        return 0
    return {"events": int(step.ends), "tokens": step.tokens, "bytes": len(step.bytes)}[unit]


def _divided(step: Head | Data, left: int) -> tuple[Head | Data, Data | None]:
    if isinstance(step, Head) or len(step.bytes) <= left:
        return step, None
    return divided(step, left)


def divided(data: Data, place: int) -> tuple[Data, Data]:
    """Divide data at a byte. An event and its tokens are there once its last byte is."""
    return Data(data.bytes[:place], ends=False), replace(data, bytes=data.bytes[place:])
