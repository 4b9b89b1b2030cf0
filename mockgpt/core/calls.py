"""Calls and attempts: which request is a client's retry, and which is new.

A call is one thing that the client's code wanted, an attempt is one HTTP request made for it. Scripted
replies advance with calls, so a retry never takes the next one.
"""

import math
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from mockgpt.core.draws import draw
from mockgpt.core.exchange import Sent, may_wait
from mockgpt.core.requests import Request

_REMEMBERED = 65_536  # distinct requests whose repetitions are told apart
_OPEN = 10_000  # calls that wait for a further attempt


class Attempt(Struct, frozen=True):
    """One request: the number of its call among its rule's, and of itself in the call, from 1."""

    rule: str
    call: int
    attempt: int


class Wanted(Struct, frozen=True):
    """What a request wants, by which one with other parameters is known: the key, the texts."""

    key: str
    request: Request

    def digest(self) -> bytes:
        """Return what is equal where the same is wanted."""
        kind = str(self.request.__struct_config__.tag)
        return draw(0, self.key, kind, *map(str, self.request.texts), size=16)


class _Call(Struct, eq=False):
    latest: Attempt
    wanted: Wanted | None = None  # until an attempt fails, and then
    digest: bytes = b""  # in short, since many may wait
    failed_at: float | None = None  # when its last attempt ended in a way that clients try again
    until: float = -math.inf  # then it is too late to try again


class Repetitions:
    """How often each of a session's distinct requests has come; of many, the latest are kept."""

    def __init__(self) -> None:
        self._counts: OrderedDict[bytes, int] = OrderedDict()

    def count(self, content: bytes) -> int:
        """Return how often a request with this content has come, with this time."""
        times = self._counts.get(content, 0) + 1
        self._counts[content] = times
        self._counts.move_to_end(content)
        if len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)
        return times


class Calls:
    """The calls of one session: how many each rule has had, and those that may be tried again."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._counts: dict[str, int] = {}
        self._open: OrderedDict[bytes, list[_Call]] = (
            OrderedDict()
        )  # parallel ones ask for the same
        # What limits refused, which began no call: how often their clients had tried again.
        self._refused: OrderedDict[bytes, list[int]] = OrderedDict()

    def refused(self, body: bytes, retry_count: int) -> None:
        """Note that a limit refused a request: unless it continued a call, its retry begins one."""
        if self._failed(body, retry_count):
            return
        self._retried(body, retry_count)
        self._refused.setdefault(body, []).append(retry_count)
        self._refused.move_to_end(body)
        if len(self._refused) > _OPEN:
            self._refused.popitem(last=False)

    def _failed(self, body: bytes, attempts: int) -> bool:
        """Tell whether a call waits for its next attempt behind so many."""
        waiting = self._open.get(body, ())
        return any(c.failed_at is not None and c.latest.attempt == attempts for c in waiting)

    def _retried(self, body: bytes, retry_count: int) -> bool:
        """Tell whether a request tries again what a limit refused; it is the only one to."""
        counts = self._refused.get(body, [])
        if retry_count - 1 not in counts:
            return False
        counts.remove(retry_count - 1)
        if not counts:
            del self._refused[body]
        return True

    def further(
        self,
        body: bytes,
        retry_count: int,
        at: float,
        wanted: Wanted | None = None,
        fits: Callable[[str], bool] = lambda _: True,
    ) -> Attempt | None:
        """Return the next attempt of an open call that a request continues, if it does.

        `body` identifies what was asked. A client that counts its retries says so; for others an
        equal body within the window of a failed attempt is one (design, "Calls and attempts"), which
        begins when the server said that one may try again. Of several calls it is the one with as many
        attempts as counted, then the one that failed first. A counted retry with another body
        continues a call by what is `wanted`. Calls of rules that it does not `fit` are not continued.
        """
        waiting = self._open.get(body)
        if (
            self._refused
            and not self._failed(body, retry_count)
            and self._retried(body, retry_count)
        ):
            return None
        if waiting is None and retry_count > 0 and wanted is not None:
            waiting = self._moved(body, retry_count, at, wanted)
        if waiting is None:
            return None
        calls = [
            call
            for call in waiting
            if (retry_count > 0 or at < call.until) and fits(call.latest.rule)
        ]
        if not calls:
            return None
        call = min(calls, key=lambda one: _distance(one, retry_count))
        latest = call.latest
        call.latest = Attempt(latest.rule, latest.call, latest.attempt + 1)
        call.failed_at, call.until = None, -math.inf
        return call.latest

    def _moved(
        self, body: bytes, retry_count: int, at: float, wanted: Wanted
    ) -> list[_Call] | None:
        """Open under this body the failed call that its retry must mean, if there is just one.

        The same must be wanted: the first attempt of another call may have met a limit, or no
        server, and its retry must not take what a call that waits beside it is to be told.
        """
        digest = wanted.digest()
        found = [
            (before, call)
            for before, calls in self._open.items()
            for call in calls
            if call.digest == digest and call.latest.attempt == retry_count and at < call.until
        ]
        if len(found) != 1:
            return None
        ((before, call),) = found
        self._close(before, call)
        self._open[body] = [call]
        return self._open[body]

    def _close(self, body: bytes, call: _Call) -> None:
        self._open[body].remove(call)
        if not self._open[body]:
            del self._open[body]

    def counted(self, rule: str) -> int:
        """Return how many calls of a rule there were."""
        return self._counts.get(rule, 0)

    def begin(self, body: bytes, rule: str, wanted: Wanted | None = None) -> Attempt:
        """Begin a new call of a rule."""
        number = self.counted(rule) + 1
        self._counts[rule] = number
        attempt = Attempt(rule, number, 1)
        before = self._open.get(body)
        if before is None:
            self._open[body] = [_Call(attempt, wanted)]
        else:  # what failed is too old to be continued
            running = [call for call in before if call.failed_at is None]
            self._open[body] = [*running, _Call(attempt, wanted)]
            self._open.move_to_end(body)
        if len(self._open) > _OPEN:
            self._open.popitem(last=False)
        return attempt

    def ended(
        self, body: bytes, attempt: Attempt, sent: Sent | None, at: float, *, failed: bool
    ) -> None:
        """Note how an attempt ended: a call that has its answer is over, one that `failed` is not."""
        for call in self._open.get(body, []):
            if call.latest == attempt:
                break
        else:
            return
        if failed:
            call.failed_at, call.until = at, at + self._window + may_wait(sent)
            if call.wanted is not None:
                call.digest, call.wanted = call.wanted.digest(), None
            return
        self._close(body, call)


def _distance(call: _Call, retry_count: int) -> tuple[bool, float]:
    """Return how far a call is from being the one that such a retry continues."""
    failed_at = math.inf if call.failed_at is None else call.failed_at
    return retry_count not in (0, call.latest.attempt), failed_at
