"""Faults, as the scenario language writes them: small values of a kind, a place and a chance.

The vocabulary is the field's (latency, bandwidth, slice, reset). What each does to a plan stands in
`injection.py`, a generator a kind.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from mockgpt.core.entry import Entry, Missing
from mockgpt.core.headers import header_problems
from mockgpt.core.pace import Duration

# What may leave no answer that a client can use, though all of it was sent.
SPOILING = frozenset(
    {"garble", "duplicate", "reorder", "drop", "no_finish", "no_done", "cut_last", "content_type"}
)

Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]


class Place(Entry, frozen=True, kw_only=True):
    """A place in a body: so many bytes or completion tokens from its start."""

    bytes: Annotated[Natural | UnsetType, Meta(description="After so many bytes.")] = UNSET
    tokens: Annotated[Natural | UnsetType, Meta(description="After so many completion tokens.")] = (
        UNSET
    )


After = Annotated[
    Natural | Place,
    Meta(description="After so many events, or {bytes: N} or {tokens: N} of the body."),
]
Nth = Annotated[Positive, Meta(description="Which event, counted from 1.")]


class _Fault(Entry, frozen=True, kw_only=True, tag_field="kind"):
    """What every fault may say: how often it happens, and on which call or attempt."""

    chance: Annotated[
        Annotated[float, Meta(ge=0, le=1)],
        Meta(description="How often it happens: a seeded chance from 0 to 1."),
    ] = 1.0
    on_call: Annotated[Positive | UnsetType, Meta(description="Only on this call.")] = UNSET
    on_attempt: Annotated[
        Positive | UnsetType, Meta(description="Only on this attempt of a call.")
    ] = UNSET


class Latency(_Fault, frozen=True, kw_only=True, tag="latency"):
    """Wait before the head."""

    delay: Annotated[Duration, Meta(description="How long.")]


class Stall(_Fault, frozen=True, kw_only=True, tag="stall", rename={"for_": "for"}):
    """Fall silent, for a duration or for ever."""

    after: After = 0
    for_: Annotated[Duration | UnsetType, Meta(description="How long; without it for ever.")] = (
        UNSET
    )


class Disconnect(_Fault, frozen=True, kw_only=True, tag="disconnect"):
    """End the connection; a reset or close after 0 events comes instead of the head."""

    after: After = 0
    how: Annotated[
        Literal["reset", "close", "hang"],
        Meta(description="By a TCP reset, by a plain close, or by sending nothing more."),
    ] = "reset"


class Bandwidth(_Fault, frozen=True, kw_only=True, tag="bandwidth"):
    """Send slowly."""

    bytes_per_second: Annotated[Positive, Meta(description="How fast.")]


class Slice(_Fault, frozen=True, kw_only=True, tag="slice"):
    """Cut writes elsewhere than between events: the bytes stay the same."""

    bytes: Annotated[Positive | UnsetType, Meta(description="Write so many bytes at a time.")] = (
        UNSET
    )
    at: Annotated[
        tuple[Positive, ...] | UnsetType, Meta(description="Cut at these bytes of the body.")
    ] = UNSET
    inside: Annotated[
        Literal["utf8", "json", "newline"] | UnsetType,
        Meta(description="Cut within characters, within objects, or within blank lines."),
    ] = UNSET


class Coalesce(_Fault, frozen=True, kw_only=True, tag="coalesce"):
    """Put several events into one write."""

    events: Annotated[Positive, Meta(description="How many.")] = 2


class Newline(_Fault, frozen=True, kw_only=True, tag="newline"):
    """End lines with another newline."""

    style: Annotated[Literal["crlf", "cr"], Meta(description="Which.")] = "crlf"


class NoSpace(_Fault, frozen=True, kw_only=True, tag="no_space"):
    """Leave out the space behind `data:`."""


class Comments(_Fault, frozen=True, kw_only=True, tag="comments"):
    """Send comments between events, as proxies do to keep a connection alive."""

    every: Annotated[Positive, Meta(description="One before every so many events.")] = 1


class EventLines(_Fault, frozen=True, kw_only=True, tag="event_lines"):
    """Send an `event:` line before each data line."""

    event: Annotated[str, Meta(description="The event's name.")] = "message"


class Garble(_Fault, frozen=True, kw_only=True, tag="garble"):
    """Make the Nth event, or a whole body, not JSON."""

    event: Nth = 1


class Duplicate(_Fault, frozen=True, kw_only=True, tag="duplicate"):
    """Send the Nth event twice."""

    event: Nth = 2


class Reorder(_Fault, frozen=True, kw_only=True, tag="reorder"):
    """Swap the Nth event with the next."""

    event: Nth = 2


class Drop(_Fault, frozen=True, kw_only=True, tag="drop"):
    """Leave out the Nth event."""

    event: Nth = 2


class NoFinish(_Fault, frozen=True, kw_only=True, tag="no_finish"):
    """Leave out the events with a finish reason."""


class NoDone(_Fault, frozen=True, kw_only=True, tag="no_done"):
    """Leave out `[DONE]`."""


class CutLast(_Fault, frozen=True, kw_only=True, tag="cut_last"):
    """Send the last event without its blank line."""


class TruncateBody(_Fault, frozen=True, kw_only=True, tag="truncate_body"):
    """Send a body that is shorter than its Content-Length, and close."""

    bytes: Annotated[
        Natural | UnsetType, Meta(description="How many bytes to send; default: half of them.")
    ] = UNSET


class ContentType(_Fault, frozen=True, kw_only=True, tag="content_type"):
    """Say another content type."""

    type: Annotated[str, Meta(description="Which.")]


class ErrorEvent(_Fault, frozen=True, kw_only=True, tag="error_event"):
    """Send an error object inside the stream, and `[DONE]`; the rest is never sent."""

    error: Annotated[str, Meta(description="The error's preset.")] = "server_error"
    after: After = 1


class Torture(_Fault, frozen=True, kw_only=True, tag="torture"):
    """Mix slices, joined events, newlines and comments: a correct client must not notice."""


Fault = (
    Latency | Stall | Disconnect | Bandwidth | Slice | Coalesce | Newline | NoSpace | Comments
    | EventLines | Garble | Duplicate | Reorder | Drop | NoFinish | NoDone | CutLast
    | TruncateBody | ContentType | ErrorEvent | Torture
)  # fmt: skip

# These may cut events in two, so what changes events must stand before them.
_CUTTING = (Bandwidth, Slice, Torture)
_OF_WRITES = (Bandwidth, Slice, Latency, Stall, Disconnect, Coalesce, TruncateBody, ContentType)


def fault_problems(
    faults: tuple[Fault, ...], errors: frozenset[str]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what the types alone cannot refuse, with its place in a reply."""
    cutting = None
    for index, fault in enumerate(faults):
        place = ("faults", index)
        kind = fault.__struct_config__.tag
        if cutting is not None and not isinstance(fault, _OF_WRITES):
            yield place, f"expected `{kind}` before `{cutting}`, which cuts events, found it behind"
        after = getattr(fault, "after", 0)
        if isinstance(fault, _CUTTING) or (isinstance(after, Place) and after.bytes is not UNSET):
            cutting = kind
        if isinstance(after, Place) and (after.bytes is UNSET) is (after.tokens is UNSET):
            message = "expected either `bytes` or `tokens`, found both or neither"
            yield (*place, "after"), Missing(message)
        if isinstance(fault, Slice):
            given = [key for key in ("bytes", "at", "inside") if getattr(fault, key) is not UNSET]
            if len(given) != 1:
                found = " and ".join(given) or "none of them"
                message = f"expected exactly one of `bytes`, `at`, `inside`, found {found}"
                yield place, message if given else Missing(message)
        for key, why in _text_problems(fault, errors):
            yield (*place, key), why


def _text_problems(fault: Fault, errors: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield the options of a fault whose texts cannot be what they are to be, and why."""
    match fault:
        case ContentType():
            for _, why in header_problems({"content-type": fault.type}):
                yield "type", why
        case EventLines() if not {"\r", "\n"}.isdisjoint(fault.event):
            yield "event", f"expected a name in one line, found {fault.event!r}"
        case ErrorEvent() if fault.error not in errors:
            yield "error", f"expected an error preset, found '{fault.error}'"
