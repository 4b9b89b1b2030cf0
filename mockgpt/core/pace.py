"""When each chunk is due: durations, and the pauses that a pace puts between the events of a plan.

Pauses are relative; whoever executes them adds them up from the start, so lateness never does.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Annotated, Literal, TypeVar

from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from mockgpt.core.entry import Entry
from mockgpt.core.plan import BodyStep, Data, Events, Pause, Plan, Step

# A `$` alone would also stand before a newline.
DURATION = r"^[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m)(?!\n)$"
Duration = (
    Annotated[float, Meta(ge=0, le=1_000_000_000, description="seconds")]
    | Annotated[str, Meta(pattern=DURATION, description="such as 200ms, 1.5s or 2m")]
)
Grain = Literal["token", "word", "character"] | Annotated[int, Meta(ge=1)]
S = TypeVar("S", Step, BodyStep)
Draw = Callable[[str], float]  # purpose -> a number from 0 up to 1, drawn for this attempt

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


class Pace(Entry, frozen=True, kw_only=True):
    """How fast an answer comes. Without a pace nothing waits."""

    first: Annotated[
        Duration, Meta(description="Before the first event: the time to first token.")
    ] = 0.0
    each: Annotated[
        Duration | UnsetType,
        Meta(description="Before each further event: the inter-token latency."),
    ] = UNSET
    tokens_per_second: Annotated[
        Annotated[float, Meta(gt=0, le=1_000_000)] | UnsetType,
        Meta(description="Instead of `each`, a rate."),
    ] = UNSET
    jitter: Annotated[
        Annotated[float, Meta(ge=0, le=1)],
        Meta(description="The share by which each wait varies, seeded."),
    ] = 0.0
    chunk: Annotated[
        Grain, Meta(description="What one event of a stream holds; a number is so many tokens.")
    ] = "token"


@lru_cache(maxsize=256)
def seconds(duration: Duration) -> float:
    """Return a duration in seconds."""
    if not isinstance(duration, str):
        return float(duration)
    number = duration.rstrip("ms")
    return float(number) * _UNITS[duration[len(number) :]]


def paced(plan: Iterable[S], pace: Pace, draw: Draw | None = None) -> Iterator[S]:
    """Put a pause before each event, varied by a jitter that is drawn. The bytes stay the same.

    An event that has a wait of its own, as `pieces` and chunks of `raw` may, gets no other. Only a
    jitter needs something to `draw` with.
    """
    index = 0
    own = 0.0
    for step in plan:
        match step:
            case Data():
                wait = 0.0 if own else _wait(pace, index, step.tokens)
                if wait:
                    yield Pause(_varied(wait, pace, draw, index))
                yield step
                index, own = index + 1, 0.0
            case Events():
                waits: tuple[float, ...] = _waits(pace, step.tokens, step.events, first=index == 0)
                if own:
                    waits = (0.0, *waits[1:])
                if pace.jitter:
                    waits = tuple(
                        _varied(wait, pace, draw, n) for n, wait in enumerate(waits, index)
                    )
                yield replace(step, waits=waits if any(waits) else None)
                index, own = index + step.events, 0.0
            case Pause():
                own += step.seconds
                yield step
            case _:
                yield step


def pace_problems(pace: Pace | UnsetType) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what the types alone cannot refuse, with its place in a reply."""
    if pace is not UNSET and pace.each is not UNSET and pace.tokens_per_second is not UNSET:
        yield ("pace", "each"), "expected `each` or `tokens_per_second`, found both"


def hurried(plan: Plan, speed: float) -> Plan:
    """Divide every wait of a plan."""
    for step in plan:
        if isinstance(step, Pause):
            yield Pause(step.seconds / speed)
        elif isinstance(step, Events) and step.waits is not None:
            yield replace(step, waits=tuple([wait / speed for wait in step.waits]))
        else:
            yield step


@lru_cache(maxsize=64)  # nearly all streams of a scenario have the same
def _waits(
    pace: Pace, tokens: tuple[int, ...] | None, count: int, *, first: bool
) -> tuple[float, ...]:
    carried = tokens or [1] * count
    return tuple(_wait(pace, n, carries) for n, carries in enumerate(carried, not first))


def _wait(pace: Pace, index: int, tokens: int) -> float:
    """Return the seconds before an event, counted from 0."""
    if index == 0:
        return seconds(pace.first)
    if pace.tokens_per_second is not UNSET:
        return tokens / pace.tokens_per_second
    return 0.0 if pace.each is UNSET else seconds(pace.each)


def _varied(wait: float, pace: Pace, draw: Draw | None, index: int) -> float:
    if not (wait and pace.jitter):
        return wait
    assert draw is not None, "a jitter is drawn"
    return wait * (1 + pace.jitter * (2 * draw(f"jitter {index}") - 1))
