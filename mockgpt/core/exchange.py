"""What came in, what went out, and the record of both."""

import re
from collections.abc import Callable, Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from mockgpt.core.answers import Usage
from mockgpt.core.blotting import reply_body, request_body, teller
from mockgpt.core.keys import Caller
from mockgpt.core.plan import Bytes, Events, Filled, Headers
from mockgpt.core.redaction import NOTHING, Redaction, hidden, withheld
from mockgpt.core.requests import Request, with_texts

Ending = Literal["complete", "client_left", "aborted"]
Chosen = Literal["", "rule", "step", "filler"]

KEPT = 2**16  # bytes of a body that was sent
RETRYABLE = frozenset({408, 409, 429})  # and every 5xx: what official clients try again
# Faults after which a stream does not say what was repeated of a request, and may show parts of it.
_SCRAMBLING = frozenset({"drop", "duplicate", "garble", "reorder"})
_NUMBER = r"[0-9]+(\.[0-9]+)?"


def retryable(status: int) -> bool:
    """Tell whether official clients try again after a status."""
    return status in RETRYABLE or status >= 500  # noqa: PLR2004


def fails(sent: "Sent | None", faults: tuple[str, ...]) -> bool:
    """Tell whether an attempt ended in a way that clients should try again after."""
    if sent is None or sent.ending != "complete" or "error_event" in faults:
        return True
    if sent.status < 400:  # noqa: PLR2004
        return False
    told = sent.named.get("x-should-retry")  # official clients believe it
    return told == "true" or (told != "false" and retryable(sent.status))


def may_wait(sent: "Sent | None") -> float:
    """Return how many seconds a client was asked to wait before it tries again; 0: it was not."""
    return 0.0 if sent is None else sent.retry_after or 0.0


class Incoming(Struct, frozen=True, kw_only=True):
    """One HTTP request, with lower-case header names.

    `at` and `elapsed` are the injected clock's, in seconds: what time it is, and how much passed.

    `alone` is whether it is known to be the first on a connection that began while no other was open.

    `trouble` is an error of the catalogue where the body could not be read, with its placeholders.
    `caller` is who asks, where that has been read from the headers already.
    """

    method: str = ""
    path: str = ""  # percent-encoded, without the query
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""
    at: float = 0.0
    elapsed: float = 0.0
    connection: int = 0
    alone: bool = False
    trouble: str = ""
    trouble_values: dict[str, str | int] = {}
    caller: Caller | None = None

    def __repr__(self) -> str:
        return hidden(f"<Incoming {self.method} {self.path}>")  # its headers are secret


class Author(Struct, frozen=True):
    """Who answers: a rule or a step of that id, from that file and line, or filler."""

    chosen: Chosen = ""
    rule: str | None = None
    place: str = ""


NOBODY = Author()


class Write(Struct, frozen=True, gc=False):
    """One write of a body: so many bytes, so many seconds after the response was begun."""

    seconds: float
    bytes: int


class Sent(Struct, frozen=True, kw_only=True):
    """What was really sent: so many events, writes and bytes of body in so many seconds.

    `writes` has the first 1,000, `body` the first 64 KiB. `silence` is the longest wait, in
    seconds, that the client sat through. `told` are the `headers` and `kept` is the `body`, as they
    were given: a stream's events hold in common what is the same in all of them.
    """

    status: int
    told: Headers | Filled = ()
    kept: tuple[Bytes | Events, ...] = ()
    events: int = 0
    chunks: int = 0
    bytes: int = 0
    seconds: float = 0.0
    silence: float = 0.0
    ending: Ending = "complete"
    writes: tuple[Write, ...] = ()

    def __repr__(self) -> str:
        # It knows no request, and may repeat a key of it in pieces.
        body = reply_body(self.body, replace(NOTHING, replies=True), hidden)
        return Struct.__repr__(replace(self, told=self.headers, kept=(body,)))

    @property
    def headers(self) -> Headers:
        """Names and values."""
        return tuple(self.told)

    @property
    def named(self) -> dict[str, str]:
        """Their values, by lower-case names."""
        return {name.lower(): value for name, value in self.told}

    @property
    def body(self) -> Bytes:
        """The first 64 KiB of the body."""
        parts = [part.bytes if isinstance(part, Events) else part for part in self.kept]
        return b"".join(parts)[:KEPT]

    @property
    def retry_after(self) -> float | None:
        """How many seconds the client was asked to wait before it tries again."""
        told = self.named
        milliseconds, seconds = told.get("retry-after-ms", ""), told.get("retry-after", "")
        if re.fullmatch(_NUMBER, milliseconds):
            return float(milliseconds) / 1000
        return float(seconds) if re.fullmatch(_NUMBER, seconds) else None


class Exchange(Struct, frozen=True, kw_only=True):
    """One attempt, as it was: immutable, and free of secrets (`key` is a fingerprint).

    `number` counts the journal's entries from 1, and those that it has dropped since. `connection`
    tells connections of one server apart, 0 where that is not known; `alone` is whether it is
    known to be the first on one that began while no other was open. `rule` is the id of the rule
    or step that answered, None for filler, `place` its file and line, and `chosen` says what it is;
    `call` and `attempt` count from 1 what it answered, `retries` is what the client said of its
    own. `faults` are the kinds that were applied. `error` is the catalogue's name of the error that
    was answered, `limit` the limit that was behind it, `message` what the client was told, and
    `advice` what it was not: the next step, where one is known. `sent` is None where the connection
    was gone before a byte was written. `content` is equal for equal requests. `bodies` is False
    where the journal had no room left for them. `redaction` is what `shown` leaves out.
    """

    session: str = "default"
    number: int = 0
    connection: int = 0
    alone: bool = False
    at: float
    elapsed: float = 0.0
    method: str = ""
    path: str = ""
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""
    content: bytes = b""
    bodies: bool = True
    key: str = ""
    endpoint: str | None = None
    request: Request | None = None
    retries: int = 0
    rule: str | None = None
    place: str = ""
    chosen: Chosen = ""
    call: int = 0
    attempt: int = 0
    faults: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    error: str | None = None
    limit: str | None = None
    message: str = ""
    advice: str = ""
    usage: Usage | None = None
    bug: Exception | None = None
    sent: Sent | None = None
    redaction: Redaction = NOTHING

    def __repr__(self) -> str:
        # A line: tests print whole journals. `shown` has all that may be shown.
        what = self.endpoint or self.tell(f"{self.method} {self.path}".strip())
        by = self.rule or self.error or self.chosen or "nobody"
        came = "nothing" if self.sent is None else f"{self.sent.status}, {self.sent.ending}"
        return f"<Exchange #{self.number} {what} -> {by}: {came}>"

    def tell(self, text: str) -> str:
        """Return a text about this exchange, a path or a message that repeats some, redacted."""
        return teller(self.body, self.redaction)(text)

    @property
    def shown(self) -> "Exchange":
        """The exchange as everything that shows exchanges has it: redacted."""
        by = self.redaction
        told = teller(self.body, by)
        path, query, body = by.text(self.path), by.text(self.query), request_body(self.body, by)
        headers = {name: told(value) for name, value in self.headers.items()}
        request = None if self.request is None else with_texts(self.request, _changed(by))
        sent = self.sent
        if sent is not None:
            # An answer may repeat in pieces what the request has to hide.
            hides = (path, query, body, headers) != (self.path, self.query, self.body, self.headers)
            careful = hides or by.secrets != ()
            whole = by.replies or (careful and not _SCRAMBLING.isdisjoint(self.faults))
            kept = reply_body(sent.body, replace(by, replies=whole), told, careful=careful)
            answered = tuple((name, told(value)) for name, value in sent.told)
            sent = replace(sent, told=answered, kept=(kept,))
        return replace(
            self,
            path=path,
            query=query,
            headers=headers,
            body=body,
            request=request,
            ignored=tuple(map(told, self.ignored)),
            message=told(self.message),
            bug=None if self.bug is None else by.bug(self.bug),
            sent=sent,
            redaction=NOTHING,
        )

    @property
    def advised(self) -> str:
        """What the client was told, and the next step where one is known."""
        return "; ".join(filter(None, (self.message, self.advice)))

    @property
    def status(self) -> int | None:
        """The HTTP status that was sent."""
        return None if self.sent is None else self.sent.status

    @property
    def ended(self) -> float:
        """When it ended, in seconds of elapsed time."""
        return self.elapsed + (0.0 if self.sent is None else self.sent.seconds)

    @property
    def failed(self) -> bool:
        """Whether it ended in a way that clients should try again after."""
        return fails(self.sent, self.faults)

    @property
    def why(self) -> str:
        """Why it was answered as it was."""
        if self.limit is not None:
            return f"the limit {self.limit} refused it"
        if not self.chosen:
            return "no rule was asked"
        if self.attempt > 1:
            return f"it is attempt {self.attempt} of a call of {self.chosen} '{self.rule}'"
        return {
            "step": "it met a step of the script that was due",
            "rule": "this is the first rule whose conditions it meets",
            "filler": "no rule answers it, so filler did",
        }[self.chosen]


def _changed(by: Redaction) -> Callable[[str], str]:
    return withheld if by.prompts else by.text
