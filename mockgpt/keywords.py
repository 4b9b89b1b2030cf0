"""The scenario language's keys as keyword arguments, for type checkers and editors.

What they mean, and what is refused, is said by the types of `core/`; a test keeps the names equal.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from mockgpt.core.conditions import EndpointName, Range, Text, When
from mockgpt.core.faults import Fault, Place
from mockgpt.core.pace import Duration, Pace
from mockgpt.core.replies import (
    Edges,
    ErrorReply,
    Filler,
    Piece,
    Raw,
    Reply,
    Similar,
    Usage,
)
from mockgpt.core.service import Dialect

Keys = Mapping[str, Any]  # a mapping of the language, as YAML writes it
Said = str | Reply | Keys

FaultKind = Literal[
    "latency", "stall", "disconnect", "bandwidth", "slice", "coalesce", "newline", "no_space",
    "comments", "event_lines", "garble", "duplicate", "reorder", "drop", "no_finish", "no_done",
    "cut_last", "truncate_body", "content_type", "error_event", "torture",
]  # fmt: skip


class WhenKeys(TypedDict, total=False):
    """The keys of `When`."""

    endpoint: EndpointName | Sequence[EndpointName]
    model: str | Sequence[str]
    user: Text | Keys
    system: Text | Keys
    assistant: Text | Keys
    text: Text | Keys
    prompt: Text | Keys
    input: Text | Keys
    turn: int | Range | Keys
    stream: bool
    headers: Mapping[str, Text | Keys]
    api_key: str
    body: Keys
    exactly: Keys
    ignore: Sequence[str]
    any_: Sequence[When | Keys]
    all_: Sequence[When | Keys]
    not_: When | Keys


class ReplyKeys(TypedDict, total=False):
    """The keys of `Reply`."""

    say: str
    template: str
    file: str
    filler: Filler | Keys
    pieces: Sequence[str | Piece | Keys]
    choices: Sequence[str]
    vectors: Edges | Keys | Sequence[float] | Sequence[Sequence[float]]
    similar: Similar | Keys
    error: str | ErrorReply | Keys
    raw: Raw | Keys
    attempts: Sequence[Said]
    finish: Literal["stop", "length", "content_filter"]
    usage: Usage | Keys
    model: str
    id: str
    created: int
    headers: Mapping[str, str]
    dialect: Dialect
    pace: Pace | Keys
    faults: Sequence[Fault | Keys]


class ErrorKeys(TypedDict, total=False):
    """The keys of `ErrorReply`, but for its preset."""

    status: int
    type: str | None
    param: str | None
    code: str | int | None
    message: str
    headers: Mapping[str, str]
    retry_after: Duration
    body: str | Keys


class FaultKeys(TypedDict, total=False):
    """The options of all kinds of faults."""

    chance: float
    on_call: int
    on_attempt: int
    after: int | Place | Keys
    how: Literal["reset", "close", "hang"]
    for_: Duration
    delay: Duration
    bytes_per_second: int
    bytes: int
    at: Sequence[int]
    inside: Literal["utf8", "json", "newline"]
    events: int
    style: Literal["crlf", "cr"]
    every: int
    event: int | str
    type: str
    error: str
