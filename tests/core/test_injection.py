"""What each fault does to a plan, and what no fault may do."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockgpt.core import happening
from mockgpt.core.draws import draw
from mockgpt.core.faults import (
    Bandwidth,
    Coalesce,
    Comments,
    ContentType,
    CutLast,
    Disconnect,
    Drop,
    Duplicate,
    ErrorEvent,
    EventLines,
    Garble,
    Latency,
    Newline,
    NoDone,
    NoFinish,
    NoSpace,
    Place,
    Reorder,
    Slice,
    Stall,
    Torture,
    TruncateBody,
)  # fmt: skip
from mockgpt.core.injection import Occasion
from mockgpt.core.pace import Pace, hurried, paced, seconds
from mockgpt.core.plan import (
    FOR_EVER,
    Abort,
    Data,
    End,
    Events,
    Head,
    Pause,
    singly,
    stream,
    whole,
)  # fmt: skip

EVENTS = [
    Data(b'data: {"r":1}\n\n', "opening"),
    Data('data: {"t":"é"}\n\n'.encode(), "piece", 1),
    Data(b'data: {"t":"b"}\n\n', "piece", 2),
    Data(b'data: {"f":1}\n\n', "finish", 1),
    Data(b"data: [DONE]\n\n", "done"),
]
TYPE = (("content-type", "text/event-stream"),)
BODY = b'{"a": "hello"}'


def drawing(seed=0):
    return lambda purpose: int.from_bytes(draw(seed, purpose, size=8)) / 2**64


def occasion(call=1, attempt=1, seed=0):
    return Occasion(
        call=call,
        attempt=attempt,
        draw=drawing(seed),
        error=lambda name: b'{"error":"%b"}' % name.encode(),
    )


def faulty(plan, faults, occasion, acted=None):
    return happening.faulty(plan, faults, occasion, set() if acted is None else acted)


def streamed(*faults, events=EVENTS, **when):
    return list(faulty(stream(TYPE, events), faults, occasion(**when)))


def answered(*faults, **when):
    return list(faulty(whole(200, (), BODY), faults, occasion(**when)))


def data(steps):
    return b"".join(step.bytes for step in steps if isinstance(step, Data))


ALL = b"".join(event.bytes for event in EVENTS)


def joined(*numbers):
    return b"".join(EVENTS[number - 1].bytes for number in numbers)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Newline(style="crlf"), ALL.replace(b"\n", b"\r\n")),
        (Newline(style="cr"), ALL.replace(b"\n", b"\r")),
        (NoSpace(), ALL.replace(b"data: ", b"data:")),
        (Comments(every=2), b"".join(
            (b": keep-alive\n\n" if n % 2 == 0 else b"") + e.bytes for n, e in enumerate(EVENTS))),
        (EventLines(), ALL.replace(b"data: ", b"event: message\ndata: ")),
        (Garble(event=2), ALL.replace(b'{"t":"\xc3', b'["t":"\xc3')),
        (Duplicate(event=2), joined(1, 2, 2, 3, 4, 5)),
        (Reorder(event=2), joined(1, 3, 2, 4, 5)),
        (Reorder(event=5), ALL),
        (Drop(event=3), joined(1, 2, 4, 5)),
        (NoFinish(), joined(1, 2, 3, 5)),
        (NoDone(), joined(1, 2, 3, 4)),
        (CutLast(), ALL[:-1]),
        (ErrorEvent(after=2), joined(1, 2) + b'data: {"error":"server_error"}\n\ndata: [DONE]\n\n'),
        (ErrorEvent(after=99), ALL),
        (TruncateBody(), ALL),
    ],
)  # fmt: skip
def test_the_bytes_of_a_faulty_stream(fault, expected):
    steps = streamed(fault)
    assert data(steps) == expected
    assert steps[0] == Head(200, TYPE)
    assert steps[-1] == End()


@pytest.mark.parametrize(
    "fault",
    [
        Newline(), NoSpace(), Comments(), EventLines(), Duplicate(event=1), Reorder(event=1),
        Drop(event=1), NoFinish(), NoDone(), CutLast(), ErrorEvent(), Torture(),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_stream_has_no_events(fault):
    assert answered(fault) == answered()


@pytest.mark.parametrize(
    ("after", "sent"),
    [
        (0, b""),
        (2, joined(1, 2)),
        (5, ALL),
        (Place(bytes=0), b""),
        (Place(bytes=20), ALL[:20]),
        (Place(tokens=1), joined(1, 2)),
        (Place(tokens=2), joined(1, 2, 3)),
    ],
)
@pytest.mark.parametrize("how", ["reset", "close", "hang"])
def test_a_connection_ends_at_any_byte(after, sent, how):
    steps = streamed(Disconnect(after=after, how=how))
    ended = steps.index(Pause(FOR_EVER) if how == "hang" else Abort(how))
    assert data(steps[:ended]) == sent
    assert how == "hang" or ended == len(steps) - 1


def test_a_connection_that_ends_after_no_event_never_had_a_head():
    assert streamed(Disconnect()) == [Head(200, TYPE), Abort("reset")]
    assert streamed(Disconnect(after=Place(bytes=0)))[1:] == [Pause(0), Abort("reset")]


def test_a_place_behind_the_end_is_never_reached():
    assert streamed(Disconnect(after=6)) == streamed()
    assert answered(Disconnect(after=Place(bytes=99))) == answered()


def test_a_stall_goes_on_afterwards():
    steps = streamed(Stall(after=2, for_="1.5s"))
    assert steps[3] == Pause(1.5)
    assert data(steps) == ALL
    assert Pause(FOR_EVER) in streamed(Stall())


def test_latency_comes_before_the_head():
    assert answered(Latency(delay="200ms"))[:2] == [Pause(0.2), Head(200, (), len(BODY))]


def test_bandwidth_is_a_pause_for_every_byte():
    steps = streamed(Bandwidth(bytes_per_second=100))
    assert data(steps) == ALL
    assert sum(s.seconds for s in steps if isinstance(s, Pause)) == pytest.approx(len(ALL) / 100)
    assert max(len(s.bytes) for s in steps if isinstance(s, Data)) == 5


@pytest.mark.parametrize(
    ("fault", "writes"),
    [
        (Slice(bytes=30), [ALL[i : i + 30] for i in range(0, len(ALL), 30)]),
        (Slice(at=(3, 40)), [ALL[:3], ALL[3:40], ALL[40:]]),
        (Slice(inside="utf8"), [ALL[: ALL.index(b"\xa9")], ALL[ALL.index(b"\xa9") :]]),
    ],
)
def test_slices_are_writes(fault, writes):
    assert written(streamed(fault)) == writes


def written(steps):
    writes = [b""]
    for step in steps:
        if isinstance(step, Pause):
            writes.append(b"")
        elif isinstance(step, Data):
            writes[-1] += step.bytes
    return writes


def test_slices_inside_events_and_newlines():
    assert len(written(streamed(Slice(inside="json")))) == 6
    assert [w[-1:] for w in written(streamed(Slice(inside="newline")))[:-1]] == [b"\n"] * 5
    crlf = written(streamed(Newline(style="crlf"), Slice(inside="newline")))
    assert [w[-1:] for w in crlf[:-1]] == [b"\r"] * 10
    cr = written(streamed(Newline(style="cr"), Slice(inside="newline")))
    assert [w[-1:] for w in cr[:-1]] == [b"\r"] * 5


def events_in(steps):
    return sum(isinstance(step, Data) and step.mark != "" for step in steps)


@pytest.mark.parametrize(
    "fault",
    [Slice(bytes=7), Bandwidth(bytes_per_second=40), Stall(after=Place(bytes=20))],
)
def test_an_event_in_parts_is_one_event_and_is_there_with_its_last(fault):
    steps = streamed(fault)
    assert events_in(steps) == len(EVENTS)
    assert sum(step.tokens for step in steps if isinstance(step, Data)) == 4
    for place, event in enumerate(EVENTS, 1):
        before = streamed(
            fault, Disconnect(after=Place(bytes=len(joined(*range(1, place + 1))) - 1))
        )
        assert events_in(before) == place - 1, event


def test_coalesced_events_wait_for_each_other():
    steps = list(
        faulty(
            paced(stream((), EVENTS), Pace(first=1, each=2), drawing()),
            [Coalesce(events=2)],
            occasion(),
        )
    )
    assert [s.seconds for s in steps if isinstance(s, Pause)] == [1, 2, 2, 2, 2]
    assert [w for w in written(steps) if w] == [joined(1, 2), joined(3, 4), joined(5)]
    assert events_in(steps) == len(EVENTS)


def test_a_truncated_body_keeps_its_length():
    assert answered(TruncateBody(bytes=4)) == [
        Head(200, (), len(BODY)), Data(BODY[:4], ends=False), Pause(0), Abort("close"),
    ]  # fmt: skip
    assert data(answered(TruncateBody())) == BODY[: len(BODY) // 2]


def test_a_garbled_body_is_not_json_and_as_long():
    garbled = data(answered(Garble()))
    assert len(garbled) == len(BODY)
    with pytest.raises(json.JSONDecodeError):
        json.loads(garbled)


@pytest.mark.parametrize("body", [b"[1]", b"1", b' {"a": [1]}', b'{"a": "data: {"}', b'"a"'])
def test_no_json_is_left_of_a_garbled_body(body):
    plan = whole(200, (("content-type", "application/json"),), body)
    garbled = data(faulty(plan, [Garble(event=3)], occasion()))
    assert len(garbled) == len(body)
    with pytest.raises(json.JSONDecodeError):
        json.loads(garbled)


def test_garbling_leaves_the_other_lines_of_an_event():
    steps = streamed(EventLines(event="a{b"), Garble(event=2))
    event = [step.bytes for step in steps if isinstance(step, Data)][1]
    line, told = event.removesuffix(b"\n\n").split(b"\n")
    assert line == b"event: a{b"
    with pytest.raises(json.JSONDecodeError):
        json.loads(told.removeprefix(b"data: "))


@pytest.mark.parametrize("how", [Disconnect(after=2, how="hang"), Stall(after=2)])
def test_what_came_before_a_hang_is_not_held_back(how):
    steps = streamed(how, Coalesce(events=3))
    before = steps[: next(i for i, one in enumerate(steps) if one == Pause(float("inf")))]
    assert data(before) == joined(1, 2)


def test_a_content_type_is_replaced():
    assert streamed(ContentType(type="text/html"))[0].headers == (("content-type", "text/html"),)
    raw = faulty(whole(200, (("Content-Type", "x/y"),), b""), [ContentType(type="a/b")], occasion())
    assert next(raw) == Head(200, (("content-type", "a/b"),), 0)


def test_an_event_without_a_next_one_is_swapped_with_none():
    assert data(streamed(NoDone(), Reorder(event=4))) == joined(1, 2, 3, 4)
    assert data(streamed(Disconnect(after=3), Reorder(event=3))) == joined(1, 2, 3)


@pytest.mark.parametrize(("style", "end"), [("crlf", b"\r\n"), ("cr", b"\r")])
def test_the_last_event_keeps_its_newlines(style, end):
    whole_ = ALL.replace(b"\n", end)
    assert data(streamed(Newline(style=style), CutLast())) == whole_.removesuffix(end)


def test_the_last_event_is_cut_of_a_stream_that_ends_alone():
    for fault in (Disconnect(after=3), Stall(after=3), Disconnect(after=3, how="hang")):
        before = streamed(fault)
        after = streamed(fault, CutLast())
        assert after[:5] == before[:5], fault
    assert streamed(Disconnect(after=3), CutLast()) == streamed(Disconnect(after=3))


@pytest.mark.parametrize(
    ("fault", "when", "happens"),
    [
        (NoDone(on_call=2), {}, False),
        (NoDone(on_call=2), {"call": 2}, True),
        (NoDone(on_attempt=1), {"attempt": 2}, False),
        (NoDone(on_attempt=2, on_call=1), {"attempt": 2}, True),
        (NoDone(chance=0), {}, False),
        (NoDone(chance=1), {}, True),
    ],
)
def test_a_fault_may_be_restricted(fault, when, happens):
    assert (data(streamed(fault, **when)) != ALL) is happens


def test_chance_is_drawn_by_the_seed():
    hit = [data(streamed(NoDone(chance=0.3), seed=seed)) != ALL for seed in range(300)]
    assert 60 < sum(hit) < 120
    assert hit == [data(streamed(NoDone(chance=0.3), seed=seed)) != ALL for seed in range(300)]


def test_faults_compose_in_the_order_written():
    assert data(streamed(Drop(event=1), Duplicate(event=1))) == joined(2, 2, 3, 4, 5)
    assert data(streamed(Duplicate(event=1), Drop(event=1))) == joined(1, 2, 3, 4, 5)


COMMENT = b": keep-alive\n\n"
COMMENTED = b"".join(COMMENT + event.bytes for event in EVENTS)


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ([Garble(event=1)], COMMENTED.replace(b'{"r"', b'["r"')),
        ([Drop(event=1)], COMMENT * 2 + COMMENTED.removeprefix(COMMENT + EVENTS[0].bytes + COMMENT)),
        ([Duplicate(event=1)], COMMENT + EVENTS[0].bytes + COMMENTED.removeprefix(COMMENT)),
        ([Reorder(event=1)], COMMENT * 2 + joined(2, 1) + COMMENTED.partition(EVENTS[1].bytes)[2]),
        ([Disconnect(after=2, how="close")], COMMENTED.partition(EVENTS[1].bytes)[0] + joined(2)),
        ([ErrorEvent(after=0)], b'data: {"error":"server_error"}\n\ndata: [DONE]\n\n'),
        ([ErrorEvent(after=1)], COMMENT + joined(1)
            + b'data: {"error":"server_error"}\n\ndata: [DONE]\n\n'),
        ([EventLines()], COMMENTED.replace(b"data: ", b"event: message\ndata: ")),
        ([Newline(style="cr")], COMMENTED.replace(b"\n", b"\r")),
        ([CutLast()], COMMENTED[:-1]),
        ([Comments(every=5)], COMMENT + COMMENTED),
    ],
)  # fmt: skip
def test_a_comment_is_no_event(faults, expected):
    assert data(streamed(Comments(), *faults)) == expected


@pytest.mark.parametrize("cutting", [Bandwidth(bytes_per_second=100), Slice(bytes=7), Torture()])
def test_events_in_parts_are_counted_once_they_are_whole(cutting):
    before = data(streamed(cutting, Disconnect(after=2, how="close")))
    assert parsed(before) == parsed(joined(1, 2))
    steps = streamed(cutting, Stall(after=2, for_=99))
    assert data(steps[: steps.index(Pause(99))]) == before


def test_joined_events_are_whole():
    slow = paced(stream((), EVENTS), Pace(first=1, each=1), drawing())
    steps = faulty(slow, [Comments(every=2), Slice(bytes=7), Coalesce(events=2)], occasion())
    assert [w for w in written(steps) if w] == [
        COMMENT + joined(1, 2), COMMENT + joined(3, 4), COMMENT + joined(5)
    ]  # fmt: skip


texts = st.text(max_size=6)
events = st.lists(texts, max_size=8).map(
    lambda pieces: [
        *(
            Data(b"data: %b\n\n" % json.dumps({"t": t}, ensure_ascii=False).encode(), "piece", 1)
            for t in pieces
        ),
        Data(b"data: [DONE]\n\n", "done"),
    ]
)
places = (
    st.integers(0, 12)
    | st.builds(Place, bytes=st.integers(0, 300))
    | st.builds(Place, tokens=st.integers(0, 12))
)
keeping = st.one_of(
    st.builds(Latency, delay=st.floats(0, 9)),
    st.builds(Stall, after=places),
    st.builds(Bandwidth, bytes_per_second=st.integers(1, 500)),
    st.builds(Slice, bytes=st.integers(1, 40)),
    st.builds(Slice, at=st.lists(st.integers(1, 200), max_size=5).map(tuple)),
    st.builds(Slice, inside=st.sampled_from(["utf8", "json", "newline"])),
    st.builds(Coalesce, events=st.integers(1, 9)),
    st.builds(ContentType, type=st.just("x/y")),
    st.builds(Disconnect, after=places, how=st.just("hang")),
)
cutting = st.builds(Disconnect, after=places, how=st.sampled_from(["reset", "close"]))
harmless = st.one_of(
    st.builds(Comments, every=st.integers(1, 5)),
    st.just(Newline()),
    st.just(NoSpace()),
)
anything = st.one_of(
    keeping, cutting, harmless, st.just(NoDone()), st.just(NoFinish()), st.just(CutLast()),
    st.builds(Garble, event=st.integers(1, 9)), st.builds(Drop, event=st.integers(1, 9)),
    st.builds(Reorder, event=st.integers(1, 9)), st.builds(ErrorEvent, after=places),
    st.just(TruncateBody()), st.just(EventLines()), st.builds(Duplicate, event=st.integers(1, 9)),
)  # fmt: skip


TOGETHER = [
    EVENTS[0], Events(b'data: {"t":"', ("é".encode(), b"b"), b'"}\n\n', (1, 2)), *EVENTS[3:]
]  # fmt: skip


@given(st.lists(anything, max_size=3))
def test_events_that_are_one_step_meet_their_faults_singly(faults):
    assert list(singly(iter(TOGETHER))) == EVENTS
    assert streamed(*faults, events=TOGETHER) == streamed(*faults)


@given(events, st.lists(keeping, max_size=4))
def test_faults_of_time_and_writes_keep_every_byte(given_events, faults):
    before = b"".join(event.bytes for event in given_events)
    assert data(streamed(*faults, events=given_events)) == before


@given(events, cutting)
def test_a_cut_is_a_prefix(given_events, fault):
    before = b"".join(event.bytes for event in given_events)
    assert before.startswith(data(streamed(fault, events=given_events)))


@given(events, st.lists(harmless, max_size=4), st.integers(0, 99))
def test_a_correct_client_does_not_notice_the_harmless_ones(given_events, faults, seed):
    assert parsed(data(streamed(*faults, Torture(), events=given_events, seed=seed))) == parsed(
        b"".join(event.bytes for event in given_events)
    )


def parsed(body):
    """Read events as WHATWG HTML, section 9.2.6, says."""
    found, lines = [], []
    for line in body.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if not line:
            found += ["\n".join(lines)] if lines else []
            lines = []
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            assert field == "data"
            lines.append(value.removeprefix(" "))
    return found


@given(events, st.lists(anything, max_size=5), st.booleans())
def test_every_plan_is_a_head_then_data_then_one_end(given_events, faults, streaming):
    steps = streamed(*faults, events=given_events) if streaming else answered(*faults)
    assert sum(isinstance(step, Head) for step in steps) == 1
    assert sum(isinstance(step, End | Abort) for step in steps) == 1
    assert isinstance(steps[-1], End | Abort)
    head = next(index for index, step in enumerate(steps) if isinstance(step, Head))
    assert all(isinstance(step, Pause) for step in steps[:head])


@pytest.mark.parametrize(
    ("written_", "is_"), [(2, 2.0), (0.5, 0.5), ("200ms", 0.2), ("1.5s", 1.5), ("2m", 120.0)]
)
def test_durations(written_, is_):
    assert seconds(written_) == pytest.approx(is_)


@dataclass
class Waits:
    first: float
    each: list


@pytest.mark.parametrize(
    ("pace", "waits"),
    [
        (Pace(), []),
        (Pace(first="1s"), [1.0]),
        (Pace(each=0.5), [0.5] * 4),
        (Pace(tokens_per_second=2), [0.5, 1.0, 0.5]),
    ],
)
def test_a_pace_is_pauses_between_events(pace, waits):
    steps = list(paced(stream((), EVENTS), pace, drawing()))
    assert [s.seconds for s in steps if isinstance(s, Pause)] == waits
    assert data(steps) == ALL


@pytest.mark.parametrize(
    "pace",
    [Pace(first=3), Pace(each=2), Pace(tokens_per_second=2, jitter=0.5), Pace(first=1, each=1)],
)
@pytest.mark.parametrize("before", [[], [Pause(5)], [EVENTS[0], Pause(5)]])
def test_events_that_are_one_step_are_paced_singly(pace, before):
    one, other = (
        list(singly(hurried(paced(stream(TYPE, [*before, *given]), pace, drawing()), 4)))
        for given in (TOGETHER[1:], EVENTS[1:])
    )
    assert one == other


def test_jitter_is_seeded_and_bounded():
    def waits(seed):
        steps = paced(stream((), EVENTS * 20), Pace(each=1, jitter=0.25), drawing(seed))
        return [s.seconds for s in steps if isinstance(s, Pause)]

    assert waits(1) == waits(1) != waits(2)
    assert 0.75 <= min(waits(1)) < 0.8
    assert 1.2 < max(waits(1)) <= 1.25


ACTING = [
    Latency(delay="1ms"), Stall(after=2, for_="1ms"), Disconnect(after=3), Bandwidth(bytes_per_second=9),
    Slice(bytes=4), Slice(at=(5, 5)), Slice(inside="newline"), Newline(style="cr"),
    NoSpace(), Comments(), EventLines(), Garble(event=2), Duplicate(event=2), Reorder(event=2),
    Drop(event=2), NoFinish(), NoDone(), CutLast(), ErrorEvent(after=2), ContentType(type="a/b"),
    Torture(),
]  # fmt: skip
IDLE = [
    Stall(after=99), Disconnect(after=99), Slice(bytes=4_000), Slice(at=(4_000,)), Coalesce(events=1),
    Garble(event=99), Duplicate(event=99), Reorder(event=99), Drop(event=99), ErrorEvent(after=99),
    TruncateBody(bytes=1), Comments(every=3, on_call=2), Drop(event=2, chance=1e-9),
]  # fmt: skip


@pytest.mark.parametrize("fault", ACTING, ids=lambda fault: type(fault).__name__)
def test_a_fault_that_changes_something_has_acted(fault):
    acted = set()
    steps = list(faulty(stream(TYPE, EVENTS), [NoSpace(on_call=9), fault], occasion(), acted))
    assert steps != list(singly(stream(TYPE, EVENTS)))
    assert acted == {1}
    assert not any(isinstance(step, Data) and not step.bytes for step in steps)


@pytest.mark.parametrize("fault", IDLE, ids=lambda fault: type(fault).__name__)
def test_a_fault_that_changes_nothing_has_not_acted(fault):
    acted = set()
    assert list(faulty(stream(TYPE, EVENTS), [fault], occasion(), acted)) == list(
        singly(stream(TYPE, EVENTS))
    )
    assert acted == set()


def test_a_fault_has_not_acted_before_its_place_is_reached():
    acted = set()
    seen = [
        (step, set(acted))
        for step in faulty(stream(TYPE, EVENTS), [Drop(event=3)], occasion(), acted)
    ]
    assert [bool(already) for _, already in seen] == [False] * 3 + [
        True
    ] * 3  # the head, four events, the end


@pytest.mark.parametrize(
    "fault", [Drop(event=1), Duplicate(event=1), NoDone(), ErrorEvent(after=0)]
)
def test_faults_of_events_do_not_act_on_a_whole_body(fault):
    acted = set()
    assert data(faulty(whole(200, (), BODY), [fault], occasion(), acted)) == BODY
    assert acted == set()


@pytest.mark.parametrize("type_", ["application/json; charset=utf-8", "text/html"])
@pytest.mark.parametrize("garbled", [b'["a": "hello"}', b"<b>{}</b>"])
def test_a_whole_body_of_json_is_garbled_whatever_its_type(type_, garbled):
    plan = whole(200, (("Content-Type", type_),), garbled.replace(b'["', b'{"'))
    assert data(faulty(plan, [Garble(event=2)], occasion())) == garbled
