"""What faults do: each kind is a generator that turns a plan into a plan. `happening.py` applies them.

A fault that does not fit a plan, as one of events does not fit a whole body, leaves it as it is.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import replace

from mockgpt.core import faults
from mockgpt.core.encode.sse import DONE, broken, event
from mockgpt.core.errors import media_type
from mockgpt.core.headers import merged
from mockgpt.core.pace import Draw, seconds
from mockgpt.core.plan import (
    FOR_EVER,
    Abort,
    Data,
    End,
    Head,
    Pause,
    Plan,
    Step,
    divided,
    each_event,
    insert,
    opened,
    rewritten,
)  # fmt: skip

_KEEP_ALIVE = b": keep-alive\n\n"
_WRITES_PER_SECOND = 20
_WITHIN_NEWLINES = (b"\n\n", b"\r\n", b"\r\r")
_OFTEN, _SELDOM = 0.5, 0.3  # chances of what `torture` mixes


class Occasion(Struct, frozen=True, kw_only=True):
    """What a fault may depend on: the call and attempt (from 1), keyed draws, an error's body."""

    call: int = 1
    attempt: int = 1
    draw: Draw
    error: Callable[[str], bytes]


def _at(plan: Plan, after: faults.After, steps: Sequence[Step], *, resume: bool) -> Plan:
    if isinstance(after, int):
        return insert(plan, "events", after, steps, resume=resume)
    if after.bytes is not UNSET:
        return insert(plan, "bytes", after.bytes, steps, resume=resume)
    assert after.tokens is not UNSET, "the loader refuses a place without bytes or tokens"
    return insert(plan, "tokens", after.tokens, steps, resume=resume)


def _latency(plan: Plan, fault: faults.Latency, _: Occasion) -> Plan:
    yield Pause(seconds(fault.delay))
    yield from plan


def _stall(plan: Plan, fault: faults.Stall, _: Occasion) -> Plan:
    silence = FOR_EVER if fault.for_ is UNSET else seconds(fault.for_)
    return _at(plan, fault.after, [Pause(silence)], resume=True)


def _disconnect(plan: Plan, fault: faults.Disconnect, _: Occasion) -> Plan:
    last = Pause(FOR_EVER) if fault.how == "hang" else Abort(fault.how)
    # The pause sends what came before; where that is the head alone, nothing came.
    steps = [last] if fault.after == 0 else [Pause(0), last]
    return _at(plan, fault.after, steps, resume=fault.how == "hang")


def _error_event(plan: Plan, fault: faults.ErrorEvent, occasion: Occasion) -> Plan:
    head, rest = opened(plan)
    if head.length is not None:
        return rest
    error = Data(event(occasion.error(fault.error)))
    return _at(rest, fault.after, [error, Data(DONE, "done"), End()], resume=False)


def _bandwidth(plan: Plan, fault: faults.Bandwidth, _: Occasion) -> Plan:
    size = max(1, fault.bytes_per_second // _WRITES_PER_SECOND)
    for step in plan:
        if isinstance(step, Data):
            for part in _cut(step, range(size, len(step.bytes), size)):
                if isinstance(part, Data):
                    yield part
                    yield Pause(len(part.bytes) / fault.bytes_per_second)
        else:
            yield step


def _slice(plan: Plan, fault: faults.Slice, _: Occasion) -> Plan:
    offset = 0
    for step in plan:
        if isinstance(step, Data):
            cuts = _cuts(fault, step.bytes, offset)
            offset += len(step.bytes)
            yield from _cut(step, cuts)
        else:
            yield step


def _cut(data: Data, cuts: Iterable[int]) -> Plan:
    """Cut data at places within it; an empty pause puts what came before on the wire."""
    start = 0
    for place in cuts:
        before, data = divided(data, place - start)
        yield before
        yield Pause(0)
        start = place
    yield data


def _cuts(fault: faults.Slice, data: bytes, offset: int) -> Iterator[int]:
    """Yield where to cut data that begins at an offset of the body."""
    if fault.bytes is not UNSET:
        yield from range(fault.bytes - offset % fault.bytes, len(data), fault.bytes)
    elif fault.at is not UNSET:
        yield from sorted({at - offset for at in fault.at if 0 < at - offset < len(data)})
    elif fault.inside == "utf8":
        yield from (i for i, byte in enumerate(data) if 0x80 <= byte < 0xC0)  # noqa: PLR2004 - continuation bytes
    elif fault.inside == "newline":
        yield from (i for i in range(1, len(data)) if data[i - 1 : i + 1] in _WITHIN_NEWLINES)
    elif len(data) > 1:
        yield len(data) // 2


def _coalesce(plan: Plan, fault: faults.Coalesce, _: Occasion) -> Plan:
    held: list[Data] = []
    events, wait = 0, 0.0
    for step in plan:
        if isinstance(step, Data):
            held.append(step)
            events += step.ends
        elif held and isinstance(step, Pause) and step.seconds < FOR_EVER:
            wait += step.seconds
            continue
        if events == fault.events or not isinstance(step, Data):
            yield from [Pause(wait)] if wait else []
            yield from held  # with no wait between: one write
            held, events, wait = [], 0, 0.0
        if not isinstance(step, Data):
            yield step


def _newline(plan: Plan, fault: faults.Newline, _: Occasion) -> Plan:
    end = {"crlf": b"\r\n", "cr": b"\r"}[fault.style]
    return rewritten(plan, lambda lines: lines.replace(b"\n", end))  # those of comments, too


def _no_space(plan: Plan, *_: object) -> Plan:
    return rewritten(plan, lambda lines: lines.replace(b"data: ", b"data:", 1))


def _comments(plan: Plan, fault: faults.Comments, _: Occasion) -> Plan:
    def commented(number: int, data: Data) -> Iterator[Step]:
        if (number - 1) % fault.every == 0:
            yield Data(_KEEP_ALIVE, ends=False)
        yield data

    return each_event(plan, commented)


def _event_lines(plan: Plan, fault: faults.EventLines, _: Occasion) -> Plan:
    line = b"event: %b\n" % fault.event.encode()
    return each_event(plan, lambda _, data: [replace(data, bytes=line + data.bytes)])


def _garble(plan: Plan, fault: faults.Garble, _: Occasion) -> Plan:
    number, whole = 0, False
    for step in plan:
        if isinstance(step, Head):
            whole = step.length is not None
        if isinstance(step, Data) and step.ends and step.mark != "done":
            number += 1
            is_body = whole and media_type(step.bytes) == "application/json"  # HTML is none already
            if is_body or number == fault.event:
                yield replace(step, bytes=broken(step.bytes))
                continue
        yield step


def _duplicate(plan: Plan, fault: faults.Duplicate, _: Occasion) -> Plan:
    return each_event(plan, lambda number, data: [data] * (2 if number == fault.event else 1))


def _drop(plan: Plan, fault: faults.Drop, _: Occasion) -> Plan:
    return each_event(plan, lambda number, data: [] if number == fault.event else [data])


def _reorder(plan: Plan, fault: faults.Reorder, _: Occasion) -> Plan:
    held: list[Data] = []

    def swapped(number: int, data: Data) -> Iterator[Step]:
        if number == fault.event and data.mark != "done":
            held.append(data)
        else:
            yield data
            yield from held
            held.clear()

    for step in each_event(plan, swapped):
        if isinstance(step, End | Abort):  # there was no next
            yield from held
        yield step


def _without(plan: Plan, mark: str) -> Plan:
    return each_event(plan, lambda _, data: [] if data.mark == mark else [data])


def _cut_last(plan: Plan, _: faults.CutLast, __: Occasion) -> Plan:
    head, rest = opened(plan)
    last: list[Data] = []
    behind: list[Step] = []  # what came behind the last event so far
    for step in rest:
        if isinstance(step, Data) and step.ends and head.length is None:
            yield from (*last, *behind)
            last, behind = [step], []
            continue
        if isinstance(step, End):
            last = [replace(d, bytes=d.bytes.removesuffix(b"\n").removesuffix(b"\r")) for d in last]
        behind.append(step)
    yield from (*last, *behind)


def _truncate_body(plan: Plan, fault: faults.TruncateBody, _: Occasion) -> Plan:
    head, rest = opened(plan)
    if head.length is None:
        return rest
    kept = head.length // 2 if fault.bytes is UNSET else fault.bytes
    return _at(rest, faults.Place(bytes=kept), [Pause(0), Abort("close")], resume=False)


def _content_type(plan: Plan, fault: faults.ContentType, _: Occasion) -> Plan:
    for step in plan:
        if isinstance(step, Head):
            yield replace(step, headers=merged(step.headers, {"content-type": fault.type}))
        else:
            yield step


def _torture(plan: Plan, _: faults.Torture, occasion: Occasion) -> Plan:
    end = b"\r\n" if occasion.draw("newline") < _OFTEN else b"\n"

    def tortured(number: int, data: Data) -> Iterator[Step]:
        if occasion.draw(f"comment {number}") < _SELDOM:
            yield Data(_KEEP_ALIVE.replace(b"\n", end), ends=False)
        data = replace(data, bytes=data.bytes.replace(b"\n", end))
        # Without a cut the event is joined to the next: nothing waits between them.
        if occasion.draw(f"cut {number}") < _OFTEN and len(data.bytes) > 1:
            place = 1 + int(occasion.draw(f"place {number}") * (len(data.bytes) - 1))
            yield from _cut(data, [place])
        else:
            yield data

    return each_event(plan, tortured)


GENERATORS: dict[type, Callable[[Plan, Any, Occasion], Plan]] = {
    faults.Latency: _latency,
    faults.Stall: _stall,
    faults.Disconnect: _disconnect,
    faults.Bandwidth: _bandwidth,
    faults.Slice: _slice,
    faults.Coalesce: _coalesce,
    faults.Newline: _newline,
    faults.NoSpace: _no_space,
    faults.Comments: _comments,
    faults.EventLines: _event_lines,
    faults.Garble: _garble,
    faults.Duplicate: _duplicate,
    faults.Reorder: _reorder,
    faults.Drop: _drop,
    faults.NoFinish: lambda plan, *_: _without(plan, "finish"),
    faults.NoDone: lambda plan, *_: _without(plan, "done"),
    faults.CutLast: _cut_last,
    faults.TruncateBody: _truncate_body,
    faults.ContentType: _content_type,
    faults.ErrorEvent: _error_event,
    faults.Torture: _torture,
}
